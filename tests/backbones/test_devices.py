"""What each backbone computes is computed where its weights are."""

import keras
import pytest

from hub_tasks.backbones import BACKBONES
from hub_tasks.families import FAMILIES
from hub_tasks.tasks.recipe import auto_optimizer
from tests.checks.tiny import ENCODERS_OF_OURS, tiny_encoder


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="a device without memory")
@pytest.mark.parametrize("given_on", ["cpu", "meta"])
@pytest.mark.parametrize("name", [*FAMILIES, *ENCODERS_OF_OURS])
def test_nothing_of_the_processor_takes_part_on_another_device(name, given_on):
    import torch

    with keras.device("meta"):
        backbone = (
            BACKBONES[name](**FAMILIES[name].tiny) if name in FAMILIES else tiny_encoder(name)
        )
        ids = torch.ones((2, 8), dtype=torch.int32, device=given_on)
        inputs = dict.fromkeys(backbone.input, ids)
        outputs = backbone(inputs)
    assert {value.device.type for value in outputs.values()} == {"meta"}
    assert outputs["pooled_output"].shape[0] == 2


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="a device without memory")
def test_the_optimizer_waits_for_no_number_of_another_device():
    import torch

    with keras.device("meta"):
        optimizer = auto_optimizer(1e-3, "float32", lazy_embeddings=True)
        ones = torch.ones((3, 4), device="meta")
        step, moved = optimizer.lazy_step(ones, ones)
        rate = optimizer.learning_rate
    assert {x.device.type for x in (rate, step, moved)} == {"meta"}
