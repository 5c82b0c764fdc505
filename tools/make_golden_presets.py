"""Makes the presets that show that later versions read what this one writes.

    python tools/make_golden_presets.py

Writes `tests/golden/schema_<n>/`: for each case a preset, and beside it a JSON file with
texts and the logits that they must give. The weights are random, the logits those of
`transformers`, which computes them from a checkpoint of its own making that hub_tasks then
reads and saves, and for the small encoders those of a few lines of Torch below; so nothing that
a test expects comes from hub_tasks.

Run once for a new schema, before it is released. What exists stays as it is. Wants `torch`
and `transformers`. To make those of an older schema, check its version out elsewhere and run
this file with PYTHONPATH set to there.
"""

import json
import math
import pathlib
import re
import sys
import tempfile
from collections.abc import Callable
from itertools import chain, pairwise
from typing import Any
from zlib import crc32

import numpy as np
import tokenizers
import torch
import transformers
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, processors

import hub_tasks
from hub_tasks.presets.formats.manifest import SCHEMA_VERSION

GOLDEN = pathlib.Path(__file__).parents[1] / "tests" / "golden"
TEXTS = ["Good film", "a bad, bad day!", "", "what a fine film it is, and a good day for it"]
LABELS = ["bad", "so-so", "good"]
_SIZES = {
    "hidden_size": 8,
    "intermediate_size": 12,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 32,
    "id2label": dict(enumerate(LABELS)),
    "label2id": {label: i for i, label in enumerate(LABELS)},
}
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_WORDS = ["good", "bad", "film", "fine", "day", "what"]


def bert(directory: pathlib.Path) -> Any:
    """A cased-down WordPiece vocabulary; KerasHub's layout says all of it."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens = [*special, *_WORDS, *_LETTERS, *("##" + letter for letter in _LETTERS), ",", "!"]
    (directory / "vocab.txt").write_text("\n".join(tokens) + "\n")
    settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 24}
    (directory / "tokenizer_config.json").write_text(json.dumps(settings))
    return transformers.BertConfig(vocab_size=len(tokens), **_SIZES)


def modernbert(directory: pathlib.Path) -> Any:
    """Byte-level BPE, and pooling by the mean, which `hub_tasks.json` must say."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    merges = [("g", "o"), ("go", "o"), ("goo", "d"), ("b", "a"), ("ba", "d")]
    tokens = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet()), *map("".join, merges)]
    ids = {token: i for i, token in enumerate(tokens)}
    rust = tokenizers.Tokenizer(models.BPE(ids, merges))
    rust.normalizer = normalizers.NFC()
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    rust.decoder = decoders.ByteLevel()
    rust.add_special_tokens([AddedToken(token, special=True) for token in special])
    rust.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    roles = {
        f"{role}_token": token
        for role, token in zip(("pad", "unk", "cls", "sep", "mask"), special, strict=True)
    }
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=rust, model_max_length=24, **roles)
    fast.save_pretrained(directory)
    return transformers.ModernBertConfig(
        vocab_size=len(tokens),
        classifier_pooling="mean",
        pad_token_id=0,
        cls_token_id=2,
        sep_token_id=3,
        bos_token_id=2,
        eos_token_id=3,
        local_attention=4,
        **{**_SIZES, "num_hidden_layers": 2},
    )


CASES: dict[str, tuple[Callable[[pathlib.Path], Any], str]] = {
    "bert": (bert, "h5"),
    "modernbert": (modernbert, "safetensors"),
}


Vector = torch.Tensor
Weights = dict[str, torch.Tensor]
Text = tuple[list[str], list[int]]  # its words, and their ids


def bag(x: Vector) -> Vector:
    """The mean of a text's vectors, and the largest value of each entry; zeros without any."""
    return torch.cat([x.mean(0), x.max(0).values]) if len(x) else torch.zeros(2 * x.shape[1])


def average_embedding(x: Vector, text: Text, weights: Weights, known: list[str]) -> Vector:
    """The bag of the tokens' vectors."""
    return bag(x)


def kim_cnn(x: Vector, text: Text, weights: Weights, known: list[str]) -> Vector:
    """The largest output of each filter, the text between zeros, and the bag of vectors."""
    found = []
    for name in [name for name in weights if name.endswith("/kernel")]:
        kernel, bias = weights[name], weights[name.replace("kernel", "bias")]
        before, after = (len(kernel) - 1) // 2, len(kernel) // 2
        padded = torch.nn.functional.pad(x.T, (before, after))
        outputs = torch.nn.functional.conv1d(padded[None], kernel.permute(2, 1, 0), bias)
        found.append(outputs[0].relu().max(1).values)
    return torch.cat([*found, bag(x)])


def bilstm(x: Vector, text: Text, weights: Weights, known: list[str]) -> Vector:
    """The bag of both states, and that of the tokens' vectors."""
    _, *cells = weights.values()
    lstm = torch.nn.LSTM(x.shape[1], len(cells[1]), bidirectional=True)
    with torch.no_grad():
        for suffix, (kernel, recurrent, bias) in (("", cells[:3]), ("_reverse", cells[3:])):
            getattr(lstm, f"weight_ih_l0{suffix}").copy_(kernel.T)
            getattr(lstm, f"weight_hh_l0{suffix}").copy_(recurrent.T)
            getattr(lstm, f"bias_ih_l0{suffix}").copy_(bias)
            getattr(lstm, f"bias_hh_l0{suffix}").zero_()
        return torch.cat([bag(lstm(x)[0]), bag(x)])


def pairs_and_parts(x: Vector, text: Text, weights: Weights, known: list[str]) -> Vector:
    """The bag of the tokens' vectors with those of pairs, and that of the parts of words."""
    return torch.cat([bag(x + pairs(text[1], weights)), bag(parts(text[0], weights, known))])


def compared(x: Vector, text: Text, weights: Weights, known: list[str]) -> Vector:
    """The same of two texts, and how each of the bags of one is related to that of the other."""
    end, found = text[0].index("[SEP]"), [pairs_and_parts(x, text, weights, known)]
    for vectors in (x + pairs(text[1], weights), parts(text[0], weights, known)):
        bags = [bag(vectors[:end]), bag(vectors[end + 1 :])]
        u, v = (
            each[: x.shape[1]] / (each[: x.shape[1]].norm() ** 2 + 1e-6) ** 0.5 for each in bags
        )
        more = bags[0] - bags[1]
        found += [more[: len(u)], more.abs(), len(u) ** 0.5 * torch.cat([u * v, (u @ v)[None]])]
    return torch.cat(found)


def overlapping(x: Vector, text: Text, weights: Weights, known: list[str]) -> Vector:
    """The same, and twice each the cosines of the words and of the parts that texts consist of."""
    [words, rows], size = text, len(weights["embedding/embeddings"])
    end, found = words.index("[SEP]"), [compared(x, text, weights, known)]
    # An unknown word has the id of the first one that shares its longest known beginning, plus
    # the vocabulary's size for each known beginning.
    ids = [[id] for id in rows]
    for i, word in enumerate(words):
        shared = [b for b in beginnings(word) if any(b in beginnings(other) for other in known)]
        if word not in known and word != "[SEP]" and shared:
            alike = next(other for other in known if shared[-1] in beginnings(other))
            ids[i] = [len(shared) * size + size - len(known) + known.index(alike)]
    for each in (ids, part_rows(words, known)):
        counted = torch.zeros(2, 1_021)
        for k, tokens in enumerate((each[:end], each[end + 1 :])):
            for id in chain.from_iterable(tokens):
                counted[k, id % 1_021] += (-1) ** (id // 1_021) * math.log1p(id)
        u, v = counted / (counted.square().sum(1, keepdim=True) + 1e-6).sqrt()
        found.append((u @ v).expand(2))
    return torch.cat(found)


def parts(words: list[str], weights: Weights, known: list[str]) -> Vector:
    """The vectors of words' beginnings and endings, added up for each word."""
    table = weights["word_parts/table/embeddings"]
    return torch.stack([table[rows].sum(0) / 6**0.5 for rows in part_rows(words, known)])


def part_rows(words: list[str], known: list[str]) -> list[list[int]]:
    """Which rows of the table the beginnings and endings of words have."""
    numbers: dict[str, int] = {}
    for word in known:
        for part in beginnings(word) + endings(word):
            numbers.setdefault(part, 1 + len(numbers))
    found = []
    for word in words:
        # The beginnings of an unknown word that a known one has too, the longest and shorter ones.
        own = beginnings(word) + (endings(word) if word in known else [])
        found.append([numbers[part] for part in own if part in numbers])
    return found


def fast_ngram(x: Vector, text: Text, weights: Weights, known: list[str]) -> Vector:
    """The bag of the tokens' vectors with those of pairs, and that of n-grams of characters."""
    table = weights["embedding/embeddings"]
    ngrams = [
        bounded[i : i + n].encode()
        for bounded in (f"<{word}>" for word in text[0])
        for n in range(3, min(5, len(bounded) - 1) + 1)
        for i in range(len(bounded) - n + 1)
    ]
    rows = [len(table) - _NGRAMS + crc32(ngram) % _NGRAMS for ngram in ngrams]
    return torch.cat([bag(x + pairs(text[1], weights)), bag(table[rows])])


def beginnings(word: str) -> list[str]:
    return [f"<{word[:n]}" for n in (2, 3, 4, 5) if len(word) >= n]


def endings(word: str) -> list[str]:
    return [f"{word[-n:]}>" for n in (2, 3) if len(word) > n]


def pairs(ids: list[int], weights: Weights) -> Vector:
    """What is added to each token for itself and the next one."""
    table = weights["bigrams/table/embeddings"]
    hashes = [
        (a % 32_749 * 40_503 % len(table) + b % 32_749 * 30_011 % len(table)) % len(table)
        for a, b in pairwise(ids)
    ]
    return torch.cat([table[hashes], torch.zeros(1, table.shape[1])])


def words_of(text: str) -> list[str]:
    """Words and marks of a sentence in lower case, words but the first after how they stood."""
    words = []
    for i, run in enumerate(text.split()):
        for word in re.findall(r"\w+|[^\w\s]", run):
            if i and re.fullmatch("[A-Z][a-z]+|[A-Z]{2,}", word):
                words.append("[CAPS]" if word.isupper() else "[CAP]")
            words.append(word.lower())
    return words


_NGRAMS = 50
_CASED = ["Good film", "a BAD, bad Day!", "", "what a FINE Film I see, and a good day for It"]
_ALONE = {"bigram_buckets": 0, "part_buckets": 0}
_MARKED = {"case_marks": True, **_ALONE}
# Case -> encoder, what computes it, hyper-parameters, format of the weights.
ENCODERS: dict[str, tuple[str, Callable[..., Vector], dict[str, Any], str]] = {
    "average_embedding": ("average_embedding", average_embedding, _ALONE, "h5"),
    "kim_cnn": ("kim_cnn", kim_cnn, {"filters": 4, "widths": (2, 3), **_ALONE}, "safetensors"),
    "bilstm": ("bilstm", bilstm, {"units": 4, **_ALONE}, "h5"),
    "pairs_and_parts": ("average_embedding", pairs_and_parts, {}, "safetensors"),
    "fast_ngram": ("fast_ngram", fast_ngram, {"buckets": _NGRAMS}, "h5"),
    "compared": ("average_embedding", compared, {"overlap_entries": 0}, "h5"),
    "overlapping": ("average_embedding", overlapping, {"overlap_entries": 2}, "safetensors"),
    "case_marks": ("average_embedding", average_embedding, _MARKED, "safetensors"),
}


def make_encoder(name: str, target: pathlib.Path) -> None:
    """Writes one preset of a small encoder and what it must give."""
    encoder, encode, sizes, weights_format = ENCODERS[name]
    paired = encode in (compared, overlapping)
    texts: list[Any] = _CASED if sizes is _MARKED else TEXTS
    texts = [[text, texts[i - 1]] for i, text in enumerate(texts)] if paired else texts
    columns = tuple(zip(*texts[:3], strict=True)) if paired else texts[:3]
    clf = hub_tasks.TextClassifier.from_scratch(
        encoder, columns, LABELS, label_names=LABELS, embedding_dim=6, **sizes
    )
    torch.manual_seed(1)
    for variable in (*clf.backbone.named_weights().values(), *clf.head_variables()):
        variable.assign(torch.randn(tuple(variable.shape)).numpy())
    clf.save_to_preset(target, weights_format=weights_format)
    stored = {n: torch.tensor(np.array(v)) for n, v in clf.backbone.named_weights().items()}
    kernel, bias = (torch.tensor(np.array(v)) for v in clf.head_variables())
    vocabulary = (target / "assets/tokenizer/vocabulary.txt").read_text().split("\n")
    ids = {token: i for i, token in enumerate(vocabulary)}
    known = [token for token in vocabulary if token not in ("[PAD]", "[UNK]", "[SEP]")]
    logits = []
    for text in texts:
        split = map(words_of, np.atleast_1d(text))
        words = [word for more in split for word in ("[SEP]", *more)][1:]
        rows = [ids.get(word, ids["[UNK]"]) for word in words] or [ids["[PAD]"]]
        x = stored["embedding/embeddings"][rows]
        found = encode(x, (words or [""], rows), stored, known)
        logits.append((found @ kernel + bias).tolist())
    _write_record(target, f"torch {torch.__version__}", texts, logits)


def make(name: str, target: pathlib.Path) -> None:
    """Writes one preset and what it must give."""
    configure, weights_format = CASES[name]
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = pathlib.Path(folder)
        config = configure(checkpoint)
        torch.manual_seed(1)
        model = transformers.AutoModelForSequenceClassification.from_config(config).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.3)
        model.save_pretrained(checkpoint)
        tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
        encoded = tokenizer(
            TEXTS, padding=True, truncation=True, max_length=24, return_tensors="pt"
        )
        with torch.no_grad():
            logits = model(**encoded).logits
        clf = hub_tasks.TextClassifier.from_preset(checkpoint)
        clf.save_to_preset(target, weights_format=weights_format)
    by = f"transformers {transformers.__version__}, torch {torch.__version__}"
    _write_record(target, by, TEXTS, logits.tolist())


def _write_record(target: pathlib.Path, by: str, texts: list[Any], logits: list[Any]) -> None:
    record = {
        "made_by": "tools/make_golden_presets.py",
        "logits_by": by,
        "preset_by": f"hub_tasks {hub_tasks.__version__}, schema {SCHEMA_VERSION}",
        "labels": LABELS,
        "texts": texts,
        "logits": logits,
    }
    target.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")


def main() -> None:
    """Makes the cases that the installed hub_tasks knows."""
    known = [name for name in CASES if name in hub_tasks.families.FAMILIES]
    encoders = getattr(hub_tasks.families, "ENCODERS", ())
    known += [name for name, (encoder, *_) in ENCODERS.items() if encoder in encoders]
    for name in known:
        target = GOLDEN / f"schema_{SCHEMA_VERSION}" / name
        if target.exists():
            print(f"{target} exists and stays as it is", file=sys.stderr)
        elif name in CASES:
            make(name, target)
        else:
            make_encoder(name, target)


if __name__ == "__main__":
    main()
