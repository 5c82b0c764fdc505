"""Encoders under the tokenizer of another family: read, used, saved and written back."""

import json
import shutil

import keras
import numpy as np
import pytest

import hub_tasks
from hub_tasks.errors import PresetFormatError, PresetSaveError
from hub_tasks.families import FAMILIES
from hub_tasks.presets.schema import PAIRS
from tests.checks.tiny import TEXTS, tiny_classifier, tiny_tokenizer

COMBINATIONS = {  # encoder -> tokenizer
    "albert": "bert",
    "bert": "xlm_roberta",
    "deberta_v3": "bert",
    "distil_bert": "roberta",
    "electra": "mpnet",
    "mobilebert": "albert",
    "modernbert": "deberta_v3",
    "mpnet": "xlm_roberta",
    "roberta": "bert",
    "xlm_roberta": "mpnet",
}
TWO = (TEXTS, TEXTS[::-1])
XLM_R = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


@pytest.fixture(scope="module", params=COMBINATIONS.items(), ids="-".join)
def combination(request, tmp_path_factory):
    """A classifier under a foreign tokenizer, and a checkpoint of it for `transformers`."""
    encoder, tokenizer = request.param
    clf = tiny_classifier(encoder, 24, "longest_first", tokenizer=tokenizer)
    directory = tmp_path_factory.mktemp(encoder) / "checkpoint"
    hub_tasks.save_to_transformers(clf, directory)
    return clf, FAMILIES[tokenizer], directory


def assert_equal(clf, again, family):
    """The same classifier, tokenizer included."""
    assert type(again) is type(clf)
    assert type(again.preprocessor) is type(clf.preprocessor)
    assert type(again.preprocessor.tokenizer) is getattr(hub_tasks, f"{family.prefix}Tokenizer")
    for texts in (TEXTS, TWO):
        ours, theirs = clf.preprocessor(texts), again.preprocessor(texts)
        for key, array in ours.items():
            np.testing.assert_array_equal(theirs[key], array, key)
    for before, after in zip(clf.weights, again.weights, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(after), keras.ops.convert_to_numpy(before), before.path
        )


def assert_as_in_transformers(clf, directory):
    """The token ids and segments of `AutoTokenizer`; returns those of pairs as tensors."""
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    options = {"padding": "max_length", "truncation": True, "max_length": 24}
    for columns in ((TEXTS,), TWO):
        encoded = tokenizer(*columns, return_tensors="pt", **options)
        ours = clf.preprocessor(columns if len(columns) == 2 else TEXTS)
        assert ours["token_ids"].tolist() == encoded["input_ids"].tolist()
        if "segment_ids" in ours:  # zeros to transformers, where a tokenizer gives none
            expected = encoded.get("token_type_ids", np.zeros_like(ours["segment_ids"]))
            assert ours["segment_ids"].tolist() == expected.tolist()
    return encoded


def assert_logits_of_transformers(clf, directory, encoded):
    transformers, torch = pytest.importorskip("transformers"), pytest.importorskip("torch")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(directory).eval()
    with torch.no_grad():
        expected = model(**encoded).logits.numpy()
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(clf.predict(TWO, verbose=0), expected, atol=1e-4)


def test_ids_and_segments_are_those_of_transformers(combination):
    clf, family, directory = combination
    assert_as_in_transformers(clf, directory)
    assert_equal(clf, hub_tasks.TextClassifier.from_preset(directory), family)


@pytest.mark.parametrize("encoder", ["electra", "roberta"])
def test_logits_are_those_of_transformers(encoder, tmp_path):
    """Segments of an encoder under a tokenizer that has none, and the other way round."""
    clf = tiny_classifier(encoder, 24, "longest_first", tokenizer=COMBINATIONS[encoder])
    hub_tasks.save_to_transformers(clf, tmp_path)
    assert_logits_of_transformers(clf, tmp_path, assert_as_in_transformers(clf, tmp_path))


@pytest.mark.parametrize("weights_format", ["h5", "safetensors"])
def test_our_preset_keeps_the_tokenizer(combination, weights_format, tmp_path):
    clf, family, _ = combination
    clf.save_to_preset(tmp_path / "preset", weights_format=weights_format)
    assert_equal(clf, hub_tasks.TextClassifier.from_preset(tmp_path / "preset"), family)
    named = getattr(hub_tasks, f"{family.prefix}Tokenizer")
    assert type(named.from_preset(tmp_path / "preset")) is named
    own = getattr(hub_tasks, f"{clf.family.prefix}Tokenizer")
    with pytest.raises(PresetFormatError, match=f"use {family.prefix}Tokenizer"):
        own.from_preset(tmp_path / "preset")


def test_a_preprocessor_alone_keeps_the_tokenizer(combination, tmp_path):
    clf, family, _ = combination
    clf.preprocessor.save_to_preset(tmp_path / "preset")
    again = hub_tasks.TextClassifierPreprocessor.from_preset(tmp_path / "preset")
    assert type(again) is type(clf.preprocessor)
    assert again.tokenizer.family is family
    for key, array in clf.preprocessor(TWO).items():
        np.testing.assert_array_equal(again(TWO)[key], array)


def test_a_keras_file_keeps_the_tokenizer(combination, tmp_path):
    clf, family, _ = combination
    clf.save(tmp_path / "clf.keras")
    assert_equal(clf, keras.models.load_model(tmp_path / "clf.keras"), family)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_keras_file_keeps_the_familys_own_tokenizer(family, tmp_path):
    clf = tiny_classifier(family, 24, "longest_first")
    clf.save(tmp_path / "clf.keras")
    assert_equal(clf, keras.models.load_model(tmp_path / "clf.keras"), FAMILIES[family])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("pairs", PAIRS)
def test_a_preprocessor_survives_its_configuration(family, pairs):
    tokenizer = tiny_tokenizer(family)
    ours = hub_tasks.TextClassifierPreprocessor(tokenizer, 12, "waterfall", pairs)
    again = type(ours).from_config(json.loads(json.dumps(ours.get_config())))
    assert type(again.tokenizer) is type(tokenizer)
    assert again.get_config() == ours.get_config()
    for key, array in ours(TWO).items():
        np.testing.assert_array_equal(again(TWO)[key], array)


def test_a_configuration_of_another_familys_tokenizer_is_refused():
    with pytest.raises(PresetFormatError, match=r"another family's tokenizer.*'xlm_roberta'"):
        hub_tasks.BertTokenizer.from_config(tiny_tokenizer("xlm_roberta").get_config())


def test_pairs_that_are_no_way_of_joining_are_refused():
    with pytest.raises(ValueError, match="`pairs` must be one of numbered, one_end, two_ends"):
        hub_tasks.TextClassifierPreprocessor(tiny_tokenizer(), pairs="three_ends")


@pytest.fixture(scope="module")
def unigram():
    """A Unigram tokenizer in XLM-RoBERTa's manner, trained here, with its vocabulary."""
    tokenizers = pytest.importorskip("tokenizers")
    rust = tokenizers.Tokenizer(tokenizers.models.Unigram())
    splitters = tokenizers.pre_tokenizers
    rust.pre_tokenizer = splitters.Sequence([splitters.WhitespaceSplit(), splitters.Metaspace()])
    trainer = tokenizers.trainers.UnigramTrainer(
        vocab_size=40, special_tokens=XLM_R, unk_token="<unk>", show_progress=False
    )
    rust.train_from_iterator(TEXTS * 20, trainer)
    rust.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    return rust


@pytest.fixture(scope="module")
def sentence_transformer(unigram, tmp_path_factory):
    """A BERT over that tokenizer as `transformers` saves it, like multilingual MiniLM and E5."""
    transformers, torch = pytest.importorskip("transformers"), pytest.importorskip("torch")
    directory = tmp_path_factory.mktemp("bert_xlmr")
    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=40,
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=12,
        max_position_embeddings=24,
        num_labels=3,
    )
    model = transformers.BertForSequenceClassification(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    model.save_pretrained(directory)
    vocabulary = [tuple(entry) for entry in json.loads(unigram.to_str())["model"]["vocab"]]
    transformers.XLMRobertaTokenizer(vocab=vocabulary).save_pretrained(directory)
    return directory


@pytest.mark.parametrize(
    "name",
    ["XLMRobertaTokenizer", "XLMRobertaTokenizerFast", "PreTrainedTokenizerFast"],
)
def test_a_bert_over_a_trained_unigram_tokenizer(name, sentence_transformer, tmp_path):
    directory = shutil.copytree(sentence_transformer, tmp_path / "checkpoint")
    path = directory / "tokenizer_config.json"
    settings = {**json.loads(path.read_text()), "tokenizer_class": name}
    path.write_text(json.dumps(settings))
    clf = hub_tasks.TextClassifier.from_preset(directory)
    assert type(clf) is hub_tasks.BertTextClassifier
    assert type(clf.preprocessor.tokenizer) is hub_tasks.XLMRobertaTokenizer
    encoded = assert_as_in_transformers(clf, directory)
    hub_tasks.save_to_transformers(clf, tmp_path / "back")
    assert_as_in_transformers(clf, tmp_path / "back")
    if name == "XLMRobertaTokenizer":
        assert_logits_of_transformers(clf, directory, encoded)
        assert_logits_of_transformers(clf, tmp_path / "back", encoded)
    clf.save_to_preset(tmp_path / "preset")
    assert_equal(
        clf,
        hub_tasks.TextClassifier.from_preset(tmp_path / "preset"),
        FAMILIES["xlm_roberta"],
    )


@pytest.mark.parametrize("place", ["tokenizer_config.json", "config.json"])
def test_a_class_name_says_what_vocabulary_files_are(place, tmp_path):
    """`config.json` is where microsoft/Multilingual-MiniLM-L12-H384 names it."""
    clf = tiny_classifier("bert", 24, tokenizer="xlm_roberta")
    hub_tasks.save_to_transformers(clf, tmp_path / "checkpoint")
    clf.preprocessor.tokenizer.save_to_preset(tmp_path / "tokenizer")
    model = tmp_path / "tokenizer" / "assets" / "tokenizer" / "vocabulary.spm"
    shutil.copy(model, tmp_path / "checkpoint" / "sentencepiece.bpe.model")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "checkpoint" / name).unlink()
    path = tmp_path / "checkpoint" / place
    document = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**document, "tokenizer_class": "XLMRobertaTokenizer"}))
    again = hub_tasks.TextClassifier.from_preset(tmp_path / "checkpoint")
    assert again.preprocessor.pairs == "two_ends"
    ours, theirs = clf.preprocessor(TWO), again.preprocessor(TWO)
    assert ours["token_ids"].tolist() == theirs["token_ids"].tolist()
    assert not theirs["segment_ids"].any()


def test_the_ids_of_an_unusual_order_are_not_lost(tmp_path):
    """A vocabulary file of XLM-RoBERTa's has no place for ids, so that it must be refused."""
    ours = tiny_tokenizer("xlm_roberta")
    vocabulary = list(ours.vocabulary)
    vocabulary[:2] = reversed(vocabulary[:2])
    other = hub_tasks.XLMRobertaTokenizer(vocabulary, scores=ours.options["scores"])
    with pytest.raises(PresetSaveError, match="first tokens must be <s>, <pad>"):
        other.save_to_preset(tmp_path / "preset")


def test_padding_that_an_encoders_positions_do_not_skip_is_refused(tmp_path):
    clf = tiny_classifier("roberta", tokenizer="albert")
    with pytest.raises(PresetSaveError, match=r"RoBERTa encoder .* must be 1.*id=0"):
        hub_tasks.save_to_transformers(clf, tmp_path / "refused")
    hub_tasks.save_to_transformers(tiny_classifier("roberta"), tmp_path / "encoder")
    hub_tasks.save_to_transformers(tiny_classifier("albert"), tmp_path / "tokenizer")
    shutil.copy(tmp_path / "tokenizer" / "tokenizer.json", tmp_path / "encoder")
    shutil.copy(tmp_path / "tokenizer" / "tokenizer_config.json", tmp_path / "encoder")
    with pytest.raises(PresetFormatError, match=r"config\.json.*past the id 1 of padding.*id=0"):
        hub_tasks.TextClassifier.from_preset(tmp_path / "encoder")


def piece(token, number):
    return {"SpecialToken": {"id": token, "type_id": number}}


def template(*ends, numbers=(0, 0)):
    first, second = (
        {"Sequence": {"id": i, "type_id": n}} for i, n in zip("AB", numbers, strict=True)
    )
    middle = [piece(end, 0) for end in ends]
    pair = [piece("[CLS]", 0), first, *middle, second, piece("[SEP]", numbers[1])]
    return {"type": "TemplateProcessing", "single": [], "pair": pair, "special_tokens": {}}


def processing(kind):
    return {"type": kind, "cls": ["[CLS]", 0], "sep": ["[SEP]", 2]}


PROCESSORS = {  # post-processor, other settings, how pairs are joined
    "none": (None, {}, "numbered"),
    "of bytes": ({"type": "ByteLevel"}, {}, "numbered"),
    "BERT's": (processing("BertProcessing"), {}, "numbered"),
    "RoBERTa's": (processing("RobertaProcessing"), {}, "two_ends"),
    "in a sequence": (
        {"type": "Sequence", "processors": [processing("RobertaProcessing")]},
        {},
        "two_ends",
    ),
    "a template": (template("[SEP]", numbers=(0, 1)), {}, "numbered"),
    "without numbers": (template("[SEP]"), {}, "one_end"),
    "with two ends": (template("[SEP]", "[SEP]"), {}, "two_ends"),
    "numbers that no input takes": (
        template("[SEP]", numbers=(0, 1)),
        {"model_input_names": ["input_ids", "attention_mask"]},
        "one_end",
    ),
    "numbers that the class does not give": (
        template("[SEP]", numbers=(0, 1)),
        {"tokenizer_class": "DistilBertTokenizer"},
        "one_end",
    ),
}


@pytest.fixture
def processed(tmp_path):
    """A BERT's checkpoint with a changed post-processor and settings."""

    def make(processor, settings):
        hub_tasks.save_to_transformers(tiny_classifier("bert"), tmp_path)
        path = tmp_path / "tokenizer.json"
        document = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({**document, "post_processor": processor}), encoding="utf-8")
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
        return hub_tasks.TextClassifierPreprocessor.from_preset(tmp_path)

    return make


@pytest.mark.parametrize(("processor", "settings", "expected"), PROCESSORS.values(), ids=PROCESSORS)
def test_pairs_are_joined_as_the_file_says(processor, settings, expected, processed):
    preprocessor = processed(processor, settings)
    assert preprocessor.tokenizer.family is FAMILIES["bert"]
    assert preprocessor.pairs == expected


@pytest.mark.parametrize(
    ("processor", "message"),
    [
        (template(), "in a way that hub_tasks does not know"),
        (template("[MASK]"), "in a way that hub_tasks does not know"),
        (template("[SEP]", "[SEP]", "[SEP]"), "in a way that hub_tasks does not know"),
        (template("[SEP]", numbers=(1, 0)), "type_id must be all 0"),
        (template("[SEP]", "[SEP]", numbers=(0, 1)), "type_id must be all 0"),
        ({**processing("BertProcessing"), "cls": ["[MASK]", 4]}, "of no known family"),
    ],
    ids=["no end", "another end", "three ends", "first text 1", "two ends and 1", "another start"],
)
def test_pairs_joined_in_another_way_are_refused(processor, message, processed):
    with pytest.raises(PresetFormatError, match=rf"tokenizer\.json.*{message}"):
        processed(processor, {})
