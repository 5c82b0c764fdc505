"""Functional models whose layers are called directly on PyTorch."""

import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

import keras

from hub_tasks import layers

# Layers that need nothing but their arguments, and leave nothing behind but their results.
_DIRECT = frozenset(
    {
        layers.AttentionPooling,
        layers.Bidirectional,
        layers.Convolution,
        layers.HashedBigrams,
        layers.HashedRuns,
        layers.MaskedPooling,
        layers.Overlap,
        layers.PartRows,
        layers.VectorTable,
        layers.WideScores,
        layers.WordParts,
        keras.layers.Dense,
        keras.layers.Dropout,
        keras.layers.SpatialDropout1D,
    }
)


class DirectModel(keras.Model):
    """A functional model that calls its layers directly on PyTorch, where it can.

    PyTorch compiles nothing, and what Keras does around each layer, such as looking for masks,
    casting and checking, takes several times as long as a small layer. None of it changes a
    result where all layers are known and compute in float32. Otherwise, and on other backends,
    which do it once, Keras calls them.
    """

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """As in Keras."""
        graph = _graph_of(self)
        if graph is None or not _are_tensors(inputs, self.input, graph) or not is_empty(mask):
            return super().call(inputs, training=training, mask=mask)
        values = {id(tensor): inputs[name] for name, tensor in self.input.items()}
        for step in graph.steps:
            options = {name: _filled(x, values) for name, x in step.options.items()}
            if step.trains:
                options["training"] = training
            found = step.operation.call(*_filled(step.arguments, values), **options)
            several = step.outputs[1:] or isinstance(found, dict)
            found = keras.tree.flatten(found) if several else [found]
            values.update(zip(step.outputs, found, strict=True))
        return keras.tree.map_structure(lambda tensor: values[id(tensor)], self.output)


class _Step(NamedTuple):
    """A node of a model's graph.

    Args:
        operation: what is called.
        arguments, options: what it is called with, Keras's placeholders among it.
        trains: whether it is told if it is trained.
        outputs: the identities of the placeholders of its results.
    """

    operation: Any
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    trains: bool
    outputs: list[int]


class _Graph(NamedTuple):
    """A model's graph.

    Args:
        steps: its nodes in the order in which they are computed.
        layers: those of them that are layers.
        weight: one of the model's, where all else is computed too.
    """

    steps: list[_Step]
    layers: list[keras.layers.Layer]
    weight: keras.Variable


def _graph_of(model: DirectModel) -> _Graph | None:
    """The graph of a model; None where Keras must call the layers."""
    if "_direct_graph" not in vars(model):
        # Past Keras's tracking of attributes, which would take the layers for further ones.
        object.__setattr__(model, "_direct_graph", _read(model))
    graph = vars(model)["_direct_graph"]
    return graph if graph is not None and all(map(_is_plain, graph.layers)) else None


def _read(model: DirectModel) -> _Graph | None:
    if keras.backend.backend() != "torch":
        return None
    depths = sorted(model._nodes_by_depth, reverse=True)
    nodes = (node for depth in depths for node in model._nodes_by_depth[depth])
    steps = [_step(node) for node in nodes if not node.is_input]
    if not all(_is_known(step.operation) for step in steps):
        return None
    called = [s.operation for s in steps if isinstance(s.operation, keras.layers.Layer)]
    return _Graph(steps, called, model.weights[0])


def _step(node: Any) -> _Step:
    given, outputs = node.arguments, [id(tensor) for tensor in node.outputs]
    trains = "training" in inspect.signature(node.operation.call).parameters
    return _Step(node.operation, given.args, given.kwargs, trains, outputs)


def _is_known(operation: Any) -> bool:
    """Whether an operation makes and needs nothing but tensors; those of `keras.ops` do not."""
    plain = not isinstance(operation, keras.layers.Layer) or type(operation) in _DIRECT
    return (plain or isinstance(operation, DirectModel)) and not operation._remat_mode


def _is_plain(layer: keras.layers.Layer) -> bool:
    """Whether Keras and PyTorch would compute nothing around a layer."""
    forward, backward = layer._forward_hooks, layer._backward_hooks
    hooks = forward or backward or layer._forward_pre_hooks or layer._backward_pre_hooks
    return layer.dtype_policy.name == "float32" and not hooks and not layer.activity_regularizer


def _are_tensors(inputs: Any, placeholders: Mapping[str, Any], graph: _Graph) -> bool:
    """Whether Keras would hand on what a model is called with as it is."""
    if not isinstance(inputs, Mapping) or inputs.keys() != placeholders.keys():
        return False
    import torch

    wanted = 2, torch.int32, graph.weight.value.device
    tensors = (isinstance(x, torch.Tensor) for x in inputs.values())
    return all(tensors) and all((x.ndim, x.dtype, x.device) == wanted for x in inputs.values())


def is_empty(mask: Any) -> bool:
    """Whether there is no mask: Keras hands on None for each input."""
    return mask is None or (isinstance(mask, Mapping) and all(x is None for x in mask.values()))


def _filled(given: Any, values: Mapping[int, Any]) -> Any:
    """Arguments with tensors in place of Keras's placeholders."""
    if isinstance(given, keras.KerasTensor):
        return values[id(given)]
    if isinstance(given, list | tuple):
        return [_filled(x, values) for x in given]
    if isinstance(given, Mapping):
        return {name: _filled(x, values) for name, x in given.items()}
    return given
