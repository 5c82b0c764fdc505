"""Makes the sentiment preset that ships inside the package.

    python tools/make_sentiment_preset.py --data DIR --teacher-encoder DIR

1. Fine-tunes a teacher, a MiniLM-L6 encoder, on the SST-2 training phrases.
2. Makes more text from the phrases (two of them joined; words dropped and exchanged) and
   asks the teacher about all of it.
3. Builds a student: two BERT layers of width 128 over the word pieces that the phrases
   use and the most frequent others. It begins as an average of the principal components
   of the teacher's embeddings.
4. Trains the student on the teacher's probabilities and the labels.
5. Saves it in half precision with its record, and measures the saved preset on the
   SST-2 validation sentences.

Epochs, dropout and learning rate were chosen on 500 sentences of the training part, held
out with all the phrases that they contain. The validation sentences took no part in it.

`--data` is a directory with `train.tsv` and `validation.tsv` (columns text, label).
"""

import argparse
import json
import pathlib
from collections import Counter
from dataclasses import replace

import keras
import numpy as np

import hub_tasks
from hub_tasks import presets
from hub_tasks.tasks.persistence import to_data

LABELS = ["negative", "positive"]
NAME = "bert_tiny_en_sentiment"
WIDTH, LAYERS, POSITIONS, VOCABULARY = 128, 2, 128, 9_000
DROPOUT = 0.3  # while it is made; 0.1 is saved, for those who fine-tune it
JOINED, DISTURBED = 35_000, 30_000
JOINTS = (",", "but", "and", ".", "--", ", yet", ", and", "although", "while", ", but")
TRAINING_DATA = (
    "SST-2 (GLUE split, 67,349 phrases), distilled from a fine-tuned MiniLM-L6 (Apache-2.0), "
    "whose embeddings it starts from"
)
RECORDS = pathlib.Path(__file__).parents[1] / "presets"


def read(path: pathlib.Path) -> tuple[list[str], list[str]]:
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    return [row[0] for row in rows], [row[1] for row in rows]


def teacher(encoder: str, cache: pathlib.Path, texts, hard) -> hub_tasks.TextClassifier:
    if cache.exists():
        return hub_tasks.TextClassifier.from_preset(cache)
    clf = hub_tasks.TextClassifier.from_preset(encoder, labels=LABELS, sequence_length=64)
    train(clf, texts, hard, epochs=1, peak=2e-4)
    clf.save_to_preset(cache)
    return clf


def augment(texts: list[str], random: np.random.Generator) -> list[str]:
    """Texts that resemble the given phrases but are longer or disturbed, without labels."""
    phrases = [text.split() for text in texts]
    middle = [words for words in phrases if 4 <= len(words) <= 18]
    long = [words for words in phrases if len(words) >= 8]
    vocabulary = [word for words in phrases for word in words]

    def one_of(things):
        return things[random.integers(len(things))]

    made = []
    for _ in range(JOINED):
        first, second = one_of(middle), one_of(middle)
        made.append(" ".join([*first, one_of(JOINTS), *second]))
    for _ in range(DISTURBED):
        kept = []
        for word in one_of(long):
            fate = random.random()
            if fate >= 0.12:
                kept.append(one_of(vocabulary) if fate < 0.27 else word)
        made.append(" ".join(kept) or "film")
    return made


def probabilities(clf: hub_tasks.TextClassifier, texts, cache: pathlib.Path) -> np.ndarray:
    """The teacher's opinion of every text, `(texts, 2)`; it takes a while, so it is kept."""
    if not cache.exists():
        np.save(cache, clf.predict_proba(texts, batch_size=64, verbose=2))
    return np.load(cache)


def choose_vocabulary(tokenizer: hub_tasks.Tokenizer, texts: list[str]) -> list[int]:
    """Ids of the teacher's tokens that the student keeps, special tokens first.

    All that the texts use at least twice, all single characters of ASCII and their
    continuations, then whole words in the order of the teacher's vocabulary, which is
    roughly that of frequency.
    """
    special = [tokenizer.special_ids[r] for r in ("pad", "unknown", "start", "end", "mask")]
    used = Counter(i for ids in tokenizer.tokenize(texts) for i in ids)
    ids = dict.fromkeys(special)
    vocabulary = tokenizer.get_vocabulary()
    ids.update(
        (i, None)
        for i, t in enumerate(vocabulary)
        if len(t.removeprefix("##")) == 1 and t.isascii()
    )
    ids.update((i, None) for i, n in used.most_common() if n > 1 and len(ids) < VOCABULARY)
    for i, token in enumerate(vocabulary):
        if len(ids) < VOCABULARY and token.isascii() and token.isalpha():
            ids[i] = None
    return list(ids)


def student(parent: hub_tasks.TextClassifier, kept: list[int]) -> hub_tasks.TextClassifier:
    vocabulary = parent.preprocessor.tokenizer.get_vocabulary()
    tokenizer = hub_tasks.BertTokenizer(
        [vocabulary[i] for i in kept], lowercase=True, strip_accents=True
    )
    preprocessor = hub_tasks.BertTextClassifierPreprocessor(tokenizer, POSITIONS)
    backbone = hub_tasks.BertBackbone(
        vocabulary_size=len(kept),
        num_layers=LAYERS,
        num_heads=2,
        hidden_dim=WIDTH,
        intermediate_dim=4 * WIDTH,
        max_sequence_length=POSITIONS,
        dropout=DROPOUT,
    )
    begin_as_average(backbone, parent.backbone, kept)
    return hub_tasks.BertTextClassifier(
        backbone, preprocessor=preprocessor, labels=LABELS, dropout=DROPOUT
    )


def begin_as_average(student: keras.Model, teacher: keras.Model, kept: list[int]) -> None:
    """Lets the first token of the last layer average the teacher's reduced embeddings."""
    tables = {v.path: keras.ops.convert_to_numpy(v) for v in teacher.weights}
    words = tables["token_embedding/embeddings"][kept]
    words = words - words.mean(axis=0)
    _, _, axes = np.linalg.svd(words, full_matrices=False)
    last = f"transformer_layer_{LAYERS - 1}/attention"
    for variable in student.weights:
        if variable.path == "token_embedding/embeddings":
            variable.assign(words @ axes[:WIDTH].T)
        elif variable.path == "position_embedding/embeddings":
            variable.assign(np.zeros(variable.shape))
        elif variable.path == f"{last}/query_key_value/kernel":
            kernel = np.array(keras.ops.convert_to_numpy(variable))
            kernel[:, 2 * WIDTH :] = np.eye(WIDTH)  # nearly equal attention to plain values
            variable.assign(kernel)
        elif variable.path == f"{last}/output/kernel":
            variable.assign(3 * np.eye(WIDTH))


class Buckets(keras.utils.PyDataset):
    """Batches of rows of like length, in a new order each epoch."""

    def __init__(self, clf, texts, targets, batch_size):
        super().__init__()
        self.packer = clf.preprocessor.packer
        self.ids = clf.preprocessor.tokenizer.tokenize(texts)
        self.targets, self.batch_size = targets, batch_size
        self.on_epoch_end()

    def on_epoch_end(self):
        noise = np.random.rand(len(self.ids))
        widths = np.digitize([len(ids) + 2 for ids in self.ids], [17, 33, 49, 65])
        order = np.lexsort((noise, widths))
        self.batches = [
            order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)
        ]
        np.random.shuffle(self.batches)

    @property
    def num_batches(self):
        return len(self.ids) // self.batch_size

    def __getitem__(self, index):
        rows = self.batches[index]
        return self.packer.pack([[self.ids[r]] for r in rows]), self.targets[rows]


def train(
    clf: hub_tasks.TextClassifier,
    texts,
    targets: np.ndarray,
    epochs: int,
    peak: float,
    batch_size: int = 64,
):
    """Trains on probabilities, `(rows, classes)`, with warm-up and cosine decay."""
    data = Buckets(clf, texts, targets, batch_size)
    model = keras.Model(clf.input, clf.output)
    steps = epochs * data.num_batches
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=peak, warmup_steps=steps // 20
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.01, global_clipnorm=1.0)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(optimizer, keras.losses.CategoricalCrossentropy(from_logits=True))
    model.fit(data, epochs=epochs, verbose=2)


def save_half(clf: hub_tasks.TextClassifier, directory: pathlib.Path) -> None:
    data = to_data(clf)
    half = lambda weights: {n: v.astype("float16") for n, v in weights.items()}  # noqa: E731
    head = replace(data.head, weights=half(data.head.weights), dropout=0.1)
    backbone = {**data.backbone, "dropout": 0.1}
    data = replace(data, backbone=backbone, weights=half(data.weights), head=head)
    presets.save(directory, data, hub_tasks.__version__)


def write_record(directory: pathlib.Path, clf: hub_tasks.TextClassifier, accuracy: float) -> None:
    size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    record = f'''family = "bert"
task = "classifier"
description = "English sentiment of sentences, two labels; two BERT layers of width {WIDTH}."
parameters = {clf.count_params()}
languages = ["en"]
licence = "Apache-2.0; trained on SST-2, which its authors distribute for research"
labels = {json.dumps(LABELS)}
training_data = "{TRAINING_DATA}"
size_bytes = {size}

[metrics]
sst2_validation_accuracy = {accuracy:.4f}
'''
    directory.with_suffix(".toml").write_text(record, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--teacher-encoder", required=True)
    parser.add_argument("--teacher-cache", type=pathlib.Path, default="build/sentiment_teacher")
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()
    keras.utils.set_random_seed(0)
    texts, labels = read(args.data / "train.tsv")
    hard = np.eye(2, dtype="float32")[[LABELS.index(label) for label in labels]]
    parent = teacher(args.teacher_encoder, args.teacher_cache, texts, hard)
    soft = probabilities(parent, texts, args.teacher_cache.with_suffix(".npy"))
    more = augment(texts, np.random.default_rng(0))
    opinions = probabilities(parent, more, args.teacher_cache.with_suffix(".more.npy"))
    kept = choose_vocabulary(parent.preprocessor.tokenizer, texts)
    child = student(parent, kept)
    targets = np.concatenate([0.7 * soft + 0.3 * hard, opinions])
    train(child, texts + more, targets, args.epochs, peak=1e-3, batch_size=128)
    directory = RECORDS / NAME
    save_half(child, directory)
    saved = hub_tasks.TextClassifier.from_preset(directory)
    texts, labels = read(args.data / "validation.tsv")
    accuracy = saved.evaluate(texts, labels, return_dict=True)["accuracy"]
    write_record(directory, saved, accuracy)
    print(f"teacher {parent.evaluate(texts, labels, return_dict=True, verbose=0)['accuracy']:.4f}")
    print(f"student {accuracy:.4f}")


if __name__ == "__main__":
    main()
