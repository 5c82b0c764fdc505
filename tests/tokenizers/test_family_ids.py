"""Token ids of every kind of tokenizer equal those of the libraries whose files we read."""

import io
import json
import shutil

import pytest

import hub_tasks
from hub_tasks.errors import PresetFormatError
from hub_tasks.families import FAMILIES
from hub_tasks.presets.schema import STEPS
from hub_tasks.tokenizers import sentencepiece as in_rust
from tests.checks.tiny import TEXTS, tiny_classifier, tiny_tokenizer
from tests.tokenizers.test_id_parity import HARD

LINES = 20_000
SETS = (("sst2", "train"), ("goemotions", "train"), ("thucnews_titles", "test"))
MORE = [
    "``quoted'' text  with   spaces ",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "a" * 5000,
    "e" + "\u0301\u0302" * 50,
    "\n\n",
    " before",
    "<s> <mask> </s><pad>",
]
SIZES = {
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "intermediate_size": 8,
    "max_position_embeddings": 514,
}
REAL = {  # family -> directory of real files, names in a transformers checkpoint, configuration
    "roberta": ("roberta-base", ("vocab.json", "merges.txt"), {"vocab_size": 50_265}),
    "deberta_v3": (
        "deberta-v3",
        ("spm.model",),
        {
            "vocab_size": 128_100,
            "relative_attention": True,
            "position_biased_input": False,
            "share_att_key": True,
            "norm_rel_ebd": "layer_norm",
            "pos_att_type": ["p2c", "c2p"],
        },
    ),
}


@pytest.fixture(scope="module")
def lines(real_data):
    """Hard lines, and real ones in English and Chinese."""
    found = [*HARD, *MORE]
    for name, part in SETS:
        rows = (real_data / name / f"{part}.tsv").read_text(encoding="utf-8").split("\n")[1:7_000]
        found += [row.split("\t")[0] for row in rows if row]
    assert len(found) > LINES
    return found


@pytest.fixture(scope="module", params=REAL)
def directory(request, real_data, tmp_path_factory):
    """A `transformers` directory with a real vocabulary."""
    source, names, config = REAL[request.param]
    made = tmp_path_factory.mktemp(request.param)
    for name in names:
        shutil.copy(real_data / "vocabs" / source / name, made)
    model_type = FAMILIES[request.param].model_type or request.param
    (made / "config.json").write_text(json.dumps({"model_type": model_type, **SIZES, **config}))
    return made


def assert_same(ours, expected, lines):
    for line, mine, their in zip(lines, ours.tokenize(lines), expected, strict=True):
        assert mine == their, repr(line[:80])


def cut_alike(line):
    """Not so NUL, and runs of combining marks, which the Rust library normalises as a whole."""
    return "\0" not in line and "\u0301\u0302" not in line


def assert_as_probable(ours, lines, expected):
    """Equal ids, or other ones that are just as probable: "oo o" and "o oo", say."""
    scores = ours.options["scores"]
    differing = 0
    for line, mine, their in zip(lines, ours.tokenize(lines), expected, strict=True):
        if mine != their:
            differing += 1
            totals = [sum(scores[i] for i in ids) for ids in (mine, their)]
            assert totals[0] == pytest.approx(totals[1], abs=1e-3), repr(line[:80])
    assert differing < len(lines) / 1000


def test_vocabulary_files_and_tokenizer_json_give_the_ids_of_transformers(
    directory, lines, tmp_path
):
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoTokenizer.from_pretrained(directory)
    expected = theirs(lines, add_special_tokens=False)["input_ids"]
    assert_same(hub_tasks.Tokenizer.from_preset(directory), expected, lines)
    theirs.save_pretrained(tmp_path)
    shutil.copy(directory / "config.json", tmp_path)
    assert (tmp_path / "tokenizer.json").is_file()
    assert_same(hub_tasks.Tokenizer.from_preset(tmp_path), expected, lines)


def test_a_tokenizer_survives_our_preset_and_its_configuration(directory, lines, tmp_path):
    ours = hub_tasks.Tokenizer.from_preset(directory)
    lines = [*HARD, *MORE, *lines[::10]]  # all were compared with those of transformers
    expected = ours.tokenize(lines)
    ours.save_to_preset(tmp_path / "preset")
    assert hub_tasks.Tokenizer.from_preset(tmp_path / "preset").tokenize(lines) == expected
    config = json.loads(json.dumps(ours.get_config()))
    again = getattr(hub_tasks, f"{ours.family.prefix}Tokenizer").from_config(config)
    assert again.tokenize(lines) == expected


def test_deberta_has_the_ids_of_keras_hub(real_data, lines, tmp_path):
    """But for NUL and special tokens in a text, which TensorFlow's version cuts otherwise."""
    models = pytest.importorskip("keras_hub", reason="keras-nlp is not installed").models
    theirs = models.DebertaV3Tokenizer(str(real_data / "vocabs" / "deberta-v3" / "spm.model"))
    theirs.save_to_preset(str(tmp_path / "theirs"))
    ours = hub_tasks.Tokenizer.from_preset(tmp_path / "theirs")
    lines = [line for line in lines if "[" not in line and cut_alike(line)]
    rows = theirs(lines)
    rows = rows.to_list() if hasattr(rows, "to_list") else [list(map(int, row)) for row in rows]
    assert_as_probable(ours, lines, rows)


@pytest.fixture(scope="module")
def train(lines):
    """Trains a SentencePiece model on real lines."""
    sentencepiece = pytest.importorskip("sentencepiece")
    texts = [line for line in lines if line.strip() and "\0" not in line][:5_000]

    def run(**options):
        out = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=out,
            vocab_size=3_000,
            minloglevel=2,
            **options,
        )
        return out.getvalue()

    return run


ALBERT = {
    "pad_id": 0,
    "unk_id": 1,
    "bos_id": -1,
    "eos_id": -1,
    "pad_piece": "<pad>",
    "unk_piece": "<unk>",
    "control_symbols": ["[CLS]", "[SEP]", "[MASK]"],
}


@pytest.mark.parametrize(
    ("family", "name", "options"),
    [("xlm_roberta", "sentencepiece.bpe.model", {}), ("albert", "spiece.model", ALBERT)],
    ids=["xlm_roberta", "albert"],
)
def test_trained_models_give_the_ids_of_transformers(train, lines, tmp_path, family, name, options):
    transformers = pytest.importorskip("transformers")
    (tmp_path / name).write_bytes(train(**options))
    record = FAMILIES[family]
    sizes = {**SIZES, "vocab_size": 3_000, "embedding_size": 8}
    config = {"model_type": record.model_type or family, **sizes}
    (tmp_path / "config.json").write_text(json.dumps(config))
    settings = {"tokenizer_class": f"{record.prefix}Tokenizer"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    expected = theirs(lines, add_special_tokens=False)["input_ids"]
    assert_same(hub_tasks.Tokenizer.from_preset(tmp_path), expected, lines)


@pytest.mark.parametrize("byte_fallback", [False, True])
@pytest.mark.parametrize("model_type", ["unigram", "bpe"])
def test_a_model_in_a_keras_hub_preset_gives_the_ids_of_sentencepiece(
    train, lines, tmp_path, model_type, byte_fallback
):
    sentencepiece = pytest.importorskip("sentencepiece")
    ours = tiny_tokenizer("albert")
    ours.save_to_preset(tmp_path)
    (tmp_path / "hub_tasks.json").unlink()
    model = train(model_type=model_type, byte_fallback=byte_fallback, **ALBERT)
    (tmp_path / "assets" / "tokenizer" / "vocabulary.spm").write_bytes(model)
    ours = hub_tasks.Tokenizer.from_preset(tmp_path)
    theirs = sentencepiece.SentencePieceProcessor(model_proto=model)
    lines = [line for line in lines if cut_alike(line)]
    expected = theirs.encode(lines)
    assert_as_probable(ours, lines, expected)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_keeps_its_ids_in_its_own_preset(family, tmp_path):
    ours = tiny_tokenizer(family)
    ours.save_to_preset(tmp_path / "preset")
    again = hub_tasks.Tokenizer.from_preset(tmp_path / "preset")
    assert type(again) is type(ours)
    assert again.vocabulary == ours.vocabulary
    assert again.tokenize(TEXTS) == ours.tokenize(TEXTS)
    assert json.dumps(again.get_config()) == json.dumps(ours.get_config())


@pytest.mark.parametrize("family", FAMILIES)
def test_special_tokens_in_a_text_count_only_where_they_should(family):
    special = FAMILIES[family].special_tokens["end"]
    text = f"good{special}"
    plain, found = (
        tiny_tokenizer(family, special_tokens_in_strings=flag) for flag in (False, True)
    )
    assert plain.special_ids["end"] not in plain(text)
    assert found.special_ids["end"] in found(text)


@pytest.mark.parametrize("family", FAMILIES)
def test_pairs_are_packed_as_the_family_does(family, tmp_path):
    transformers = pytest.importorskip("transformers")
    clf = tiny_classifier(family, 24, "longest_first")
    hub_tasks.save_to_transformers(clf, tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    pairs = (TEXTS, TEXTS[::-1])
    expected = theirs(*pairs, truncation=True, max_length=24, padding="max_length")
    ours = clf.preprocessor(pairs)
    assert ours["token_ids"].tolist() == expected["input_ids"]
    assert ours["padding_mask"].tolist() == expected["attention_mask"]
    if "segment_ids" in ours:
        assert ours["segment_ids"].tolist() == expected["token_type_ids"]


def test_the_steps_before_sentencepiece_are_those_that_files_may_name():
    assert {*in_rust._STEPS, "charsmap"} == set(STEPS)
    vocabulary = list(tiny_tokenizer("albert").vocabulary)
    with pytest.raises(PresetFormatError, match="steps must be one of charsmap"):
        hub_tasks.AlbertTokenizer(vocabulary, [0.0] * len(vocabulary), steps=("zzz",))
