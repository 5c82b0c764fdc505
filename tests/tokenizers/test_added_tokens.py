"""Added tokens, in whichever file a checkpoint of `transformers` states them."""

import json
import shutil

import pytest

import hub_tasks
from hub_tasks import presets
from hub_tasks.errors import PresetFormatError
from hub_tasks.families import FAMILIES
from tests.checks.tiny import tiny_classifier, tiny_tokenizer

FILES = {  # family -> its vocabulary files: name in our preset -> name in transformers
    "albert": {"vocabulary.spm": "spiece.model"},
    "bert": {"vocabulary.txt": "vocab.txt"},
    "deberta_v3": {"vocabulary.spm": "spm.model"},
    "mpnet": {"vocabulary.txt": "vocab.txt"},
    "roberta": {"vocabulary.json": "vocab.json", "merges.txt": "merges.txt"},
    "xlm_roberta": {"vocabulary.spm": "sentencepiece.bpe.model"},
}
TEXTS = [
    "good NEW film",
    "goodNEWbad",
    "new film news",
    "good {mask} film {mask}bad",
    "bad{mask}  {mask} day{end}good",
    "a SPECIAL day, special or not",
    "one two  NEW",
]
PLAIN = {"lstrip": False, "rstrip": False, "single_word": False}
NEW = {"content": "NEW", **PLAIN, "normalized": True, "special": False}


@pytest.fixture(scope="module", params=FILES)
def vocabulary_files(request, tmp_path_factory):
    """A checkpoint of a family with vocabulary files alone, and room for tokens."""
    family, root = request.param, tmp_path_factory.mktemp(request.param)
    clf = tiny_classifier(family, 24, sizes={"vocabulary_size": 48})
    hub_tasks.save_to_transformers(clf, root / "checkpoint")
    clf.preprocessor.tokenizer.save_to_preset(root / "tokenizer")
    for ours, theirs in FILES[family].items():
        source = root / "tokenizer" / "assets" / "tokenizer" / ours
        shutil.copy(source, root / "checkpoint" / theirs)
    for name in ("tokenizer_config.json", "tokenizer.json", "model.safetensors"):
        (root / "checkpoint" / name).unlink()
    return FAMILIES[family], root / "checkpoint", clf.preprocessor.tokenizer.vocabulary_size()


@pytest.fixture
def older(vocabulary_files, tmp_path):
    """The family, a copy of that checkpoint to change, and the number of its tokens."""
    family, directory, size = vocabulary_files
    return family, shutil.copytree(directory, tmp_path / "checkpoint"), size


def write(directory, **documents):
    for name, document in documents.items():
        (directory / f"{name}.json").write_text(json.dumps(document))


def class_of(family):
    return family.architecture.replace("ForSequenceClassification", "Tokenizer")


def assert_ids_of_transformers(family, directory, found=()):
    """Equal ids, among them those of the tokens in `found`."""
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoTokenizer.from_pretrained(directory)
    ours = hub_tasks.Tokenizer.from_preset(directory)
    seen = set()
    for text in TEXTS:
        text = text.format(**family.special_tokens)
        expected = theirs(text, add_special_tokens=False)["input_ids"]
        assert ours(text) == expected, text
        seen.update(expected)
    assert {ours.token_to_id(token) for token in found} <= seen
    return theirs


def test_a_list_in_the_settings(older):
    family, directory, size = older
    mask = tiny_tokenizer(family.name).special_ids["mask"]
    spaces = {"content": family.special_tokens["mask"], **PLAIN, "lstrip": True, "rstrip": True}
    decoder = {
        str(mask): {**spaces, "normalized": False, "special": True},
        str(size): NEW,
        str(size + 1): {**NEW, "content": "one two", "normalized": False, "single_word": True},
    }
    settings = {"tokenizer_class": class_of(family), "added_tokens_decoder": decoder}
    write(directory, tokenizer_config=settings)
    theirs = assert_ids_of_transformers(family, directory, ["NEW", "one two"])
    for path in directory.iterdir():  # the same in a tokenizer.json
        if path.name != "config.json":
            path.unlink()
    theirs.save_pretrained(directory)
    assert (directory / "tokenizer.json").is_file()
    assert_ids_of_transformers(family, directory, ["NEW", "one two"])


def test_the_file_of_older_checkpoints(older):
    family, directory, size = older
    settings = {
        "tokenizer_class": class_of(family),
        "additional_special_tokens": ["SPECIAL"],
        "mask_token": {"__type": "AddedToken", "content": family.special_tokens["mask"], **PLAIN},
    }
    settings["mask_token"] |= {"lstrip": True, "normalized": False}
    added = {"SPECIAL": size, "NEW": size + 1}
    write(directory, tokenizer_config=settings, added_tokens=added)
    assert_ids_of_transformers(family, directory, ["NEW", "SPECIAL"])


def test_the_map_of_special_tokens(older):
    family, directory, size = older
    mask = {"content": family.special_tokens["mask"], **PLAIN, "lstrip": True, "normalized": False}
    write(
        directory,
        tokenizer_config={"tokenizer_class": class_of(family)},
        special_tokens_map={"mask_token": mask},
        added_tokens={"NEW": size},
    )
    assert_ids_of_transformers(family, directory, ["NEW"])


def test_a_special_token_without_an_id_gets_the_next_one(older):
    family, directory, size = older
    settings = {"tokenizer_class": class_of(family), "additional_special_tokens": ["SPECIAL"]}
    write(directory, tokenizer_config=settings)
    assert_ids_of_transformers(family, directory, ["SPECIAL"])
    config = json.loads((directory / "config.json").read_text())
    write(directory, config={**config, "vocab_size": size})  # no room: the model cannot take it
    assert hub_tasks.Tokenizer.from_preset(directory).vocabulary_size() == size


def test_tokenizer_json_comes_before_vocabulary_files(older):
    transformers = pytest.importorskip("transformers")
    family, directory, _ = older
    write(directory, tokenizer_config={"tokenizer_class": class_of(family)})
    theirs = transformers.AutoTokenizer.from_pretrained(directory)
    theirs.add_tokens(["NEW", transformers.AddedToken("SPECIAL", special=True)])
    theirs.save_pretrained(directory)
    assert set(FILES[family.name].values()) < {path.name for path in directory.iterdir()}
    assert_ids_of_transformers(family, directory, ["NEW", "SPECIAL"])


def test_the_list_in_the_settings_counts_more_than_tokenizer_json(older):
    transformers = pytest.importorskip("transformers")
    family, directory, size = older
    write(directory, tokenizer_config={"tokenizer_class": class_of(family)})
    theirs = transformers.AutoTokenizer.from_pretrained(directory)
    theirs.add_tokens(["NEW"])
    theirs.save_pretrained(directory)
    path = directory / "tokenizer_config.json"
    decoder = {str(size): {**NEW, "single_word": True, "normalized": False}}
    settings = {**json.loads(path.read_text()), "added_tokens_decoder": decoder}
    path.write_text(json.dumps(settings))
    assert_ids_of_transformers(family, directory, ["NEW"])


def test_an_old_tokenizer_json_does_not_name_its_model(older):
    transformers = pytest.importorskip("transformers")
    family, directory, _ = older
    write(directory, tokenizer_config={"tokenizer_class": class_of(family)})
    transformers.AutoTokenizer.from_pretrained(directory).save_pretrained(directory)
    expected = presets.load(directory).tokenizer
    document = json.loads((directory / "tokenizer.json").read_text(encoding="utf-8"))
    del document["model"]["type"]
    write(directory, tokenizer=document)
    assert presets.load(directory).tokenizer == expected


def listed(number, **changes):
    return {"added_tokens_decoder": {number: {**NEW, **changes}}}


LISTS = {  # file, contents, what the message says
    "a list": ("tokenizer_config", {"added_tokens_decoder": []}, "/added_tokens_decoder must map"),
    "id negative": ("tokenizer_config", listed("-1"), "/added_tokens_decoder must map"),
    "id taken": ("tokenizer_config", listed("5"), "0, 1, 2"),
    "token known": ("tokenizer_config", listed("6", content="a"), "another id than the vocab"),
    "ids with a gap": ("tokenizer_config", listed("99"), "0, 1, 2"),
    "a string": (
        "tokenizer_config",
        {"added_tokens_decoder": {"31": "NEW"}},
        "/added_tokens_decoder/31 must be an object",
    ),
    "without content": (
        "tokenizer_config",
        {"added_tokens_decoder": {"31": {}}},
        "/added_tokens_decoder/31/content is missing",
    ),
    "unknown key": (
        "tokenizer_config",
        listed("31", vocab_file="/etc/passwd"),
        "unknown key /added_tokens_decoder/31/'vocab_file'",
    ),
    "flag a number": ("tokenizer_config", listed("31", lstrip=1), "lstrip must be true or false"),
    "special tokens a number": (
        "tokenizer_config",
        {"additional_special_tokens": 3},
        "/additional_special_tokens must be a list",
    ),
    "a special token a number": (
        "tokenizer_config",
        {"additional_special_tokens": [3]},
        "/additional_special_tokens/0 must be an object",
    ),
    "a long token": ("tokenizer_config", {"mask_token": "x" * 300}, "must be a short string"),
    "in the map": ("special_tokens_map", {"mask_token": ["a"]}, "/mask_token must be an object"),
    "old id a string": ("added_tokens", {"NEW": "31"}, "must give 'NEW' an id"),
    "old id true": ("added_tokens", {"NEW": True}, "must give 'NEW' an id"),
    "old ids with a gap": ("added_tokens", {"NEW": 99}, "0, 1, 2"),
    "old id taken": ("added_tokens", {"a": 31}, "another id than the vocabulary"),
    "old token empty": ("added_tokens", {"": 31}, "must be a short string"),
    "ten thousand": ("added_tokens", {str(i): i for i in range(10_001)}, "at most 10000 tokens"),
}


@pytest.mark.parametrize(("name", "document", "message"), LISTS.values(), ids=LISTS)
def test_lists_off_the_schema_are_refused(name, document, message, tmp_path):
    family = FAMILIES["bert"]
    sizes = {f.transformers: family.tiny[f.name] for f in family.config if f.name in family.tiny}
    write(tmp_path, config={"model_type": "bert", **sizes})
    letters = [*FAMILIES["bert"].special_tokens.values(), *"abcdefghijklmnopqrstuvwxyz"]
    (tmp_path / "vocab.txt").write_text("\n".join(letters))
    write(tmp_path, **{"tokenizer_config": {}, name: document})
    with pytest.raises(PresetFormatError, match=message) as caught:
        presets.load(tmp_path)
    assert len(str(caught.value)) < 1000
