"""The README of a preset: what hubs index, and nothing that text from outside could do."""

import re
from pathlib import Path

import huggingface_hub
import pytest
from markdown_it import MarkdownIt

import hub_tasks
from hub_tasks.errors import PresetError, PresetSaveError
from hub_tasks.families import FAMILIES
from hub_tasks.presets.publishing.model_card import write_model_card
from tests.checks.broken_presets import edit_json, put, sign
from tests.checks.tiny import LABELS, TEXTS, tiny_classifier


def metadata(path: Path) -> dict:
    """As the hub's own library reads it."""
    return huggingface_hub.ModelCard.load(path, ignore_metadata_errors=False).data.to_dict()


def tokens(path: Path) -> list:
    text = huggingface_hub.ModelCard.load(path).text
    parsed = MarkdownIt("commonmark").enable("table").parse(text)
    return [inner for token in parsed for inner in (token, *(token.children or ()))]


def shown(path: Path) -> str:
    return "\n".join(token.content for token in tokens(path) if token.type == "text")


def headings(path: Path) -> list[str]:
    found = tokens(path)
    return [found[i + 1].content for i, t in enumerate(found) if t.type == "heading_open"]


def cells(path: Path) -> list[str]:
    found = tokens(path)
    return [found[i + 1].content for i, token in enumerate(found) if token.type == "td_open"]


def blocks(path: Path) -> list[str]:
    return [token.content for token in tokens(path) if token.type == "fence"]


def test_what_hubs_index(signed_preset):
    path = write_model_card(
        signed_preset,
        handle="hf://me/moods",
        language=["en", "de"],
        license="Apache-2.0",
        base_model="hf://someone/encoder@main",
        datasets=["stanfordnlp/sst2", "our own reviews"],
        tags="moods",
        metrics={"loss": 0.25, "accuracy": 0.875},
    )
    assert path == signed_preset / "README.md"
    assert metadata(path) == {
        "library_name": "hub_tasks",
        "pipeline_tag": "text-classification",
        "language": ["en", "de"],
        "license": "apache-2.0",
        "base_model": "someone/encoder",
        "datasets": ["stanfordnlp/sst2"],
        "tags": ["hub_tasks", "keras", "bert", "moods"],
        "metrics": ["accuracy"],
        "model-index": [
            {
                "name": "moods",
                "results": [
                    {
                        "task": {"type": "text-classification"},
                        "dataset": {"name": "held-out texts", "type": "held-out-texts"},
                        "metrics": [{"type": "accuracy", "value": 0.875}],
                    }
                ],
            }
        ],
    }


def test_what_people_read(signed_preset, tiny):
    path = write_model_card(
        signed_preset,
        handle="hf://me/moods",
        description="Tells moods apart.\n\nFor short texts.",
        base_model="bert_base_en",
        metrics={"SST-2": {"accuracy": 0.875}, "reviews": {"f1": 0.5}},
        training={"epochs": 3},
    )
    assert headings(path) == ["moods", "Labels", "Use", "Training", "Evaluation"]
    assert "base_model" not in metadata(path)  # its handle is one of Kaggle's
    text = shown(path)
    parameters = sum(value.size for value in tiny.values.values())
    introduction = f"BERT: a text classifier of {parameters:,} parameters, "
    assert introduction + "fine-tuned from bert_base_en." in text
    assert "Tells moods apart.\nFor short texts.\n" in text
    assert "A text has one of these labels." in text
    assert cells(path) == [
        *("0", "negative", "1", "positive"),
        *("epochs", "3"),
        *("SST-2", "accuracy", "0.875", "reviews", "f1", "0.5"),
    ]
    assert 'TextClassifier.from_preset("hf://me/moods")' in blocks(path)[0]


def test_the_example_loads_the_preset(signed_preset, monkeypatch):
    [example, *_] = blocks(write_model_card(signed_preset))
    monkeypatch.chdir(signed_preset.parent)
    found = {}
    for line in example.splitlines():
        name, _, call = line.rpartition(" = ")
        if name:
            handle = re.fullmatch(r'hub_tasks\.TextClassifier\.from_preset\("(.*)"\)', call)[1]
            found[name] = hub_tasks.TextClassifier.from_preset(handle)
    assert found["classifier"].labels == ("negative", "positive")


def test_what_a_classifier_knows_of_a_run(tmp_path):
    clf = tiny_classifier()
    measured = clf.evaluate(TEXTS, LABELS, verbose=0, return_dict=True)
    clf.save_to_preset(tmp_path / "moods")
    path = write_model_card(tmp_path / "moods", metrics=measured, training=clf.last_run)
    assert str(clf.last_run) in shown(path)
    [result] = huggingface_hub.ModelCard.load(path).data.eval_results
    assert (result.metric_type, result.metric_value) == (
        "accuracy",
        pytest.approx(measured["accuracy"], abs=1e-6),
    )
    clf.save_to_preset(tmp_path / "moods")
    assert headings(path)[0] == "moods"


HOSTILE = {
    "end of the metadata": "a\n---\nlibrary_name: evil\n---\n# Evil",
    "yaml": "a: [b, &c !!python/object:os.system]",
    "image": "![x](https://evil.example/x.png)",
    "link": "[x](https://evil.example) <https://evil.example>",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "entity": "&lt;b&gt;",
    "heading": "# Evil\n\n====\n\n- - -\n\n1. one\n\n+ two",
    "code": "`a` ```\n```\n~~~ evil",
    "cell": "a | b |\n| c",
    "escape codes": "\x1b[31mred\x1b]0;title\x07\x00\x85",
    "direction": "\u202egpj.exe\u2066",
    "bare links": "https://evil.example www.evil.example @someone $x$",
    "emphasis": "*a* _b_ **c** \\*d\\*",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_d13_text_from_outside_is_shown_and_does_nothing(text, signed_preset):
    labels = [text, text + "2"]
    edit_json(signed_preset / "hub_tasks.json", lambda manifest: manifest.update(labels=labels))
    path = write_model_card(
        signed_preset,
        model_name=text,
        description=text,
        base_model=text,
        datasets=[text],
        tags=[text],
        metrics={text: {text: 0.5}},
        training={text: text},
    )
    data = metadata(path)
    expected = {"library_name", "pipeline_tag", "tags", "metrics", "model-index"}
    assert set(data) == expected
    assert (data["library_name"], len(data["tags"])) == ("hub_tasks", 4)
    content = path.read_text(encoding="utf-8")
    assert all(c.isprintable() for line in content.split("\n") for c in line)
    kinds = {token.type for token in tokens(path)}
    paragraph = {"paragraph_open", "paragraph_close", "inline", "text", "fence"}
    table = {f"{part}_{end}" for part in ("table", "thead", "tbody", "tr", "th", "td", "heading")
             for end in ("open", "close")}  # fmt: skip
    assert kinds <= paragraph | table | {"text_special"}
    assert headings(path)[1:] == ["Labels", "Use", "Training", "Evaluation"]
    assert not re.search(r"https?://|www\.", huggingface_hub.ModelCard.load(path).text)
    assert len(cells(path)) == 2 * 2 + 2 + 3


def test_an_ordinary_text_is_not_marked(signed_preset):
    path = write_model_card(signed_preset, description="Rated 4.5 (of 5) - well; it's 90 % fun.")
    assert "\nRated 4.5 (of 5) - well; it's 90 % fun.\n" in path.read_text()


def test_a_readme_is_replaced_only_when_asked(signed_preset):
    readme = signed_preset / "README.md"
    readme.write_text("# Mine")
    with pytest.raises(PresetSaveError, match="overwrite=True"):
        write_model_card(signed_preset)
    assert readme.read_text() == "# Mine"
    write_model_card(signed_preset, overwrite=True)
    assert headings(readme)[0] == "preset"
    assert {path.name for path in signed_preset.iterdir() if path.name.startswith(".")} == set()


def test_a_link_is_replaced_and_not_followed(signed_preset, tmp_path):
    (tmp_path / "mine").write_text("# Mine")
    (signed_preset / "README.md").symlink_to(tmp_path / "mine")
    with pytest.raises(PresetError):
        write_model_card(signed_preset)
    assert (tmp_path / "mine").read_text() == "# Mine"


REFUSED = {
    "language": ({"language": "English"}, "`language` must be"),
    "license": ({"license": "see below"}, "`license` must be"),
    "handle": ({"handle": "hf://a\n```"}, "`handle` must be"),
    "not finite": ({"metrics": {"f1": float("nan")}}, "`metrics` must be finite"),
    "no number": ({"metrics": {"f1": "good"}}, "`metrics` must be finite"),
    "mixed": ({"metrics": {"f1": 0.5, "sst2": {"f1": [0.5]}}}, "`metrics` must be finite"),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_what_hubs_would_not_understand_is_refused(arguments, message, signed_preset):
    with pytest.raises(PresetSaveError, match=message):
        write_model_card(signed_preset, **arguments)
    assert not (signed_preset / "README.md").exists()


def test_a_preset_that_does_not_read_gets_no_card(signed_preset):
    (signed_preset / "config.json").write_text("{}")
    with pytest.raises(PresetSaveError, match=r"No model card was written: config\.json"):
        write_model_card(signed_preset)


KERAS_HUB = [family.name for family in FAMILIES.values() if "TextClassifier" in family.keras_hub]


@pytest.mark.parametrize(
    ("family", "options", "weights_format"),
    [
        *((family, {}, "h5") for family in FAMILIES),
        ("bert", {}, "safetensors"),
        ("bert", {"pooling": "mean"}, "h5"),
    ],
)
def test_keras_hub_is_named_only_where_it_can_read_the_preset(
    family, options, weights_format, tmp_path
):
    clf = tiny_classifier(family, labels=["no", "yes"], **options)
    clf.save_to_preset(tmp_path / "tiny", weights_format)
    examples = blocks(write_model_card(tmp_path / "tiny", handle="hf://me/tiny"))
    if options or weights_format != "h5" or family not in KERAS_HUB:
        assert not any("keras_hub" in example for example in examples)
        return
    keras_hub = pytest.importorskip("keras_hub")
    name = re.search(r"keras_hub\.models\.(\w+)\.from_preset", examples[1])[1]
    assert getattr(keras_hub.models, name).backbone_cls.__name__.startswith(FAMILIES[family].prefix)


def test_keras_hubs_difference_is_told(signed_preset):
    entry = {"activation": "gelu"}
    put(signed_preset / "hub_tasks.json", "/backbone", entry)
    path = write_model_card(signed_preset)
    assert "KerasHub computes some functions in another way" in shown(path)


def test_a_transformers_checkpoint_names_transformers(transformers_preset):
    path = write_model_card(transformers_preset, handle="hf://me/moods")
    assert metadata(path)["library_name"] == "transformers"
    assert 'pipeline("text-classification", "me/moods")' in blocks(path)[1]


@pytest.mark.parametrize("part", ["Backbone", "Tokenizer"])
def test_parts_of_a_classifier_have_no_labels(part, tmp_path):
    clf = tiny_classifier()
    saved = clf.backbone if part == "Backbone" else clf.preprocessor.tokenizer
    saved.save_to_preset(tmp_path / "part")
    path = write_model_card(tmp_path / "part")
    assert headings(path) == ["part", "Use"]
    assert metadata(path) == {
        "library_name": "hub_tasks",
        "pipeline_tag": "feature-extraction",
        "tags": ["hub_tasks", "keras", "bert"],
    }
    assert f'hub_tasks.Bert{part}.from_preset("./part")' in blocks(path)[0]
    assert f'keras_hub.models.Bert{part}.from_preset("./part")' in blocks(path)[1]


@pytest.mark.parametrize("count", [1, 150])
def test_regressions_and_long_lists_of_labels(count, tmp_path):
    names = {"num_classes": 1} if count == 1 else {"labels": [f"label {i}" for i in range(count)]}
    tiny_classifier(**names).save_to_preset(tmp_path / "many")
    path = write_model_card(tmp_path / "many")
    assert ("Labels" in headings(path)) == (count > 1)
    if count > 1:
        assert cells(path)[-1] == "label 99"
        assert "And 50 more, in " in shown(path)


def test_signing_is_not_disturbed(signed_preset):
    write_model_card(signed_preset)
    sign(signed_preset)
    assert hub_tasks.TextClassifier.from_preset(signed_preset).labels == ("negative", "positive")
