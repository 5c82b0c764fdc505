"""Shapes from a configuration are those of the built model."""

import pytest

from hub_tasks.backbones import shapes
from hub_tasks.families import FAMILIES
from hub_tasks.presets.shapes import backbone_shapes, count, head_shapes
from tests.checks.tiny import tiny_classifier


@pytest.mark.parametrize(
    ("family", "pooling"), [*((family, "family") for family in FAMILIES), ("bert", "attention")]
)
def test_shapes_are_those_of_the_built_model(family, pooling):
    clf = tiny_classifier(family, num_classes=3, pooling=pooling)
    record, config = FAMILIES[family], clf.backbone.config
    backbone = backbone_shapes(record, config)
    head = head_shapes(record, config, 3, pooling)
    assert backbone == shapes(clf.backbone.weights)
    assert head == shapes(clf.head_variables())
    assert count(backbone) + count(head) == clf.count_params()


@pytest.mark.parametrize(
    ("family", "change"),
    [
        ("bert", {"num_segments": 3}),
        ("electra", {"embedding_dim": 8}),
        ("mobilebert", {"num_inner_feed_forwards": 3, "pooler": False}),
        ("mpnet", {"num_buckets": 6}),
        ("albert", {"num_groups": 1}),
    ],
)
def test_shapes_follow_every_entry(family, change):
    clf = tiny_classifier(family, sizes=change)
    assert backbone_shapes(FAMILIES[family], clf.backbone.config) == shapes(clf.backbone.weights)
