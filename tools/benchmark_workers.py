"""The contenders of `tools/benchmark.py`, each run in a process of its own.

A worker reads one JSON line that says what to do, prepares itself, answers with a line,
and then runs once for every further line that it reads, answering with the seconds.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

BATCH = 32
Run = Callable[[list[str], list[int]], Any]


def hub_tasks_run(job: dict[str, Any]) -> Run:
    import hub_tasks

    dtype = "auto" if job["contender"] == "hub_tasks auto" else None
    clf = hub_tasks.TextClassifier.from_preset(job["preset"], dtype=dtype)
    job["dtype"] = clf.backbone.dtype_policy.compute_dtype
    if job["task"] == "fit":
        return lambda texts, labels: clf.fit(texts, labels, batch_size=BATCH, verbose=0)
    return lambda texts, _: clf.predict(texts, batch_size=BATCH, verbose=0)


def keras_nlp_run(job: dict[str, Any]) -> Run:
    import keras
    import keras_nlp

    clf = keras_nlp.models.BertTextClassifier.from_preset(job["preset"])
    clf.preprocessor.sequence_length = job["sequence_length"]
    if job["task"] == "fit":
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        clf.compile(optimizer=keras.optimizers.AdamW(5e-5), loss=loss)
        return lambda texts, labels: clf.fit(
            np.array(texts), np.array(labels), batch_size=BATCH, verbose=0
        )
    return lambda texts, _: clf.predict(np.array(texts), batch_size=BATCH, verbose=0)


def _transformers(job: dict[str, Any]) -> tuple[Any, Any, str]:
    """The model, its tokenizer, and the device that the model is on."""
    import torch
    import transformers

    model = transformers.BertForSequenceClassification.from_pretrained(job["encoder"], num_labels=2)
    head = np.load(job["head"])
    with torch.no_grad():
        model.classifier.weight.copy_(torch.tensor(head["kernel"].T))
        model.classifier.bias.copy_(torch.tensor(head["bias"]))
    device = "cuda" if job["gpu"] else "cpu"
    return model.to(device), transformers.AutoTokenizer.from_pretrained(job["encoder"]), device


def transformers_loop_run(job: dict[str, Any]) -> Run:
    import torch

    model, tokenizer, device = _transformers(job)
    optimizer = torch.optim.AdamW(model.parameters(), 5e-5)

    def encoded(texts: list[str]) -> Any:
        batch = tokenizer(texts, padding=True, truncation=True, max_length=512, return_tensors="pt")
        return batch.to(device)

    def predict(texts: list[str], _: Any) -> np.ndarray:
        model.eval()
        with torch.inference_mode():
            parts = [
                model(**encoded(texts[i : i + BATCH])).logits for i in range(0, len(texts), BATCH)
            ]
        return torch.cat(parts).cpu().numpy()

    def fit(texts: list[str], labels: list[int]) -> None:
        model.train()
        for i in range(0, len(texts), BATCH):
            targets = torch.tensor(labels[i : i + BATCH], device=device)
            loss = model(**encoded(texts[i : i + BATCH]), labels=targets).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()

    return fit if job["task"] == "fit" else predict


def transformers_pipeline_run(job: dict[str, Any]) -> Run:
    import transformers

    model, tokenizer, device = _transformers(job)
    pipe = transformers.pipeline(
        "text-classification", model=model, tokenizer=tokenizer, device=device
    )
    return lambda texts, _: pipe(texts, truncation=True)


def tfidf_run(job: dict[str, Any]) -> Run:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=1000))
    if job["task"] == "fit":
        return lambda texts, labels: model.fit(texts, labels)
    model.fit(job["texts"], job["labels"])
    return lambda texts, _: model.predict_proba(texts)


def tokenizer_run(job: dict[str, Any]) -> Run:
    """Our tokenizer, as the preprocessor calls it."""
    import hub_tasks

    tokenizer = hub_tasks.TextClassifierPreprocessor.from_preset(job["preset"]).tokenizer
    return lambda texts, _: tokenizer.tokenize(texts)


def rust_tokenizer_run(job: dict[str, Any]) -> Run:
    """The Rust tokenizer, called directly, down to the lists of ids."""
    import hub_tasks

    rust = hub_tasks.TextClassifierPreprocessor.from_preset(job["preset"]).tokenizer.rust
    return lambda texts, _: [e.ids for e in rust.encode_batch_fast(texts, add_special_tokens=False)]


CONTENDERS: dict[str, Callable[[dict[str, Any]], Run]] = {
    "hub_tasks": hub_tasks_run,
    "hub_tasks auto": hub_tasks_run,
    "keras-nlp": keras_nlp_run,
    "keras-nlp tuned": keras_nlp_run,
    "transformers loop": transformers_loop_run,
    "transformers pipeline": transformers_pipeline_run,
    "TF-IDF": tfidf_run,
    "tokenizer": tokenizer_run,
    "Rust tokenizer": rust_tokenizer_run,
}


def matrix_product_limit(
    dtype: str, tokens: int = 1024, dim: int = 384, inner: int = 1536
) -> float:
    """Floating-point operations a second of the encoder's matrix products, on the backend."""
    import keras
    from keras import ops

    shapes = [(dim, 3 * dim), (dim, dim), (dim, inner), (inner, dim)]
    pairs = [(ops.ones((tokens, k), dtype), ops.ones((k, n), dtype)) for k, n in shapes]
    multiply = ops.matmul
    if keras.backend.backend() == "jax":
        import jax

        multiply = jax.jit(ops.matmul)
    elif keras.backend.backend() == "tensorflow":
        import tensorflow

        multiply = tensorflow.function(ops.matmul)
    best = float("inf")
    for _ in range(20):
        began = time.perf_counter()
        for a, b in pairs:
            np.asarray(ops.convert_to_numpy(multiply(a, b)[:1, :1]))
        best = min(best, time.perf_counter() - began)
    return sum(2.0 * tokens * k * n for k, n in shapes) / best


def peak_memory() -> float:
    """The most memory that this process has held, in GB."""
    with open("/proc/self/status", encoding="ascii") as status:
        peak = next(line for line in status if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1e6


def main(contenders: dict[str, Callable[[dict[str, Any]], Run]] = CONTENDERS) -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer
    job = json.loads(sys.stdin.readline())
    run = contenders[job["contender"]](job)
    outputs = run(job["texts"], job["labels"])
    ready: dict[str, Any] = {"ready": True}
    if job["task"] == "predict" and isinstance(outputs, np.ndarray):
        ready["logits"] = outputs.tolist()
    elif isinstance(outputs, dict):
        ready |= outputs
    print(json.dumps(ready), file=answers)
    for line in sys.stdin:
        if line.strip() == "finish":
            end: dict[str, Any] = {"memory": peak_memory()}
            if "dtype" in job:
                end |= {"dtype": job["dtype"], "limit": matrix_product_limit(job["dtype"])}
            print(json.dumps(end), file=answers)
            return
        began = time.perf_counter()
        run(job["texts"], job["labels"])
        print(json.dumps({"seconds": time.perf_counter() - began}), file=answers)


if __name__ == "__main__":
    main()
