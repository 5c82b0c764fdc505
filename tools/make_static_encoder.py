"""Makes the small general English encoder that ships inside the package.

    python tools/make_static_encoder.py --teacher-encoder DIR

`distill_vectors` turns the embeddings of a MiniLM-L6 encoder into vectors of 64 numbers, which
are saved as int8 with their record. No data takes part.
"""

import argparse
import pathlib
import time

import hub_tasks

NAME, DIMENSIONS = "static_minilm_en", 64
RECORDS = pathlib.Path(__file__).parents[1] / "presets"
RECORD = """\
family = "average_embedding"
task = "encoder"
description = "Vectors of {dimensions} numbers for English word pieces, with which encoders begin."
parameters = {parameters}
languages = ["en"]
licence = "Apache-2.0"
training_data = "none: principal components of the embeddings of all-MiniLM-L6-v2"
size_bytes = {size}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--teacher-encoder", required=True, help="a checkpoint of MiniLM-L6")
    arguments = parser.parse_args()
    began = time.perf_counter()
    encoder = hub_tasks.distill_vectors(arguments.teacher_encoder, DIMENSIONS)
    target = RECORDS / NAME
    encoder.save_to_preset(target, weights_format="int8", verify=True)
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    record = RECORD.format(dimensions=DIMENSIONS, parameters=encoder.count_params(), size=size)
    target.with_suffix(".toml").write_text(record, encoding="utf-8")
    print(f"{target}: {size:,} bytes, {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
