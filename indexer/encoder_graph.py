"""Turn a transformer into a graph that takes token vectors, so that the table of all tokens stays on disk.

It gives the mean of the last layer, of unit length. Whole steps of a transformer, such as attention, are one operator
of onnxruntime where it has one: many small operators take longer than what they calculate.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from indexer.encoder import MASK_INPUT, VECTORS_INPUT

_OPSET = 17
_KIND = "bert"
"""Whose steps are looked for; a transformer in which none of them is found keeps its operators."""

_ATTENTION = "MultiHeadAttention"
_BIAS_AT = 3  # of its inputs; before it stand those that it is added to


def write_graph(transformer: Any, path: Path) -> None:  # noqa: ANN401  torch is only there where it is built
    """Write the graph of a transformer that takes `inputs_embeds` and an attention mask."""
    _trace(transformer, path)
    onnx.save(_fused(path, transformer.config), path)


def _trace(transformer: Any, path: Path) -> None:  # noqa: ANN401
    import torch  # noqa: PLC0415

    class MeanOfLastLayer(torch.nn.Module):  # type: ignore[misc]  # torch's types are not read
        def forward(self, inputs_embeds: Any, attention_mask: Any) -> Any:  # noqa: ANN401
            hidden = transformer(inputs_embeds=inputs_embeds, attention_mask=attention_mask).last_hidden_state
            weights = attention_mask[:, :, None].to(hidden.dtype)
            return torch.nn.functional.normalize((hidden * weights).sum(1) / weights.sum(1), dim=1)

    module = MeanOfLastLayer()
    module.add_module("transformer", transformer)
    transformer.config._attn_implementation = "eager"
    width = transformer.config.hidden_size
    sample = (torch.linspace(-1, 1, 18 * width).reshape(2, 9, width), torch.ones(2, 9, dtype=torch.int64))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what tracing fixes is meant to be fixed, and the exporter is the older one
        torch.onnx.export(
            module.eval(),
            sample,
            str(path),
            input_names=[VECTORS_INPUT, MASK_INPUT],
            output_names=["embedding"],
            dynamic_axes={VECTORS_INPUT: {0: "text", 1: "token"}, MASK_INPUT: {0: "text", 1: "token"}},
            opset_version=_OPSET,
            dynamo=False,
        )


def _fused(path: Path, config: Any) -> onnx.ModelProto:  # noqa: ANN401
    """Return a graph with one operator for attention and one for GELU."""
    from onnxruntime.transformers.fusion_options import FusionOptions  # noqa: PLC0415  it looks for torch
    from onnxruntime.transformers.optimizer import optimize_model  # noqa: PLC0415

    options: Any = FusionOptions(_KIND)
    options.use_multi_head_attention = True
    # These would hold the biases of layers, which a product of integers adds at no cost; that of the norm is slow too.
    options.enable_bias_gelu = options.enable_skip_layer_norm = False
    fused: Any = optimize_model(
        str(path),
        _KIND,
        num_heads=config.num_attention_heads,
        hidden_size=config.hidden_size,
        optimization_options=options,
        opt_level=0,
    )
    return _with_biases_apart(fused.model)


def _with_biases_apart(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a graph in which what attention adds to its three inputs is added by nodes before it."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        if node.op_type == _ATTENTION and len(node.input) > _BIAS_AT and node.input[_BIAS_AT]:
            biases = np.split(numpy_helper.to_array(constants[node.input[_BIAS_AT]]), _BIAS_AT)
            for place, bias in enumerate(biases):
                name, added = node.input[place], f"{node.input[place]}_added"
                constants[f"{name}_bias"] = numpy_helper.from_array(bias, f"{name}_bias")
                nodes.append(helper.make_node("Add", [name, f"{name}_bias"], [added]))
                node.input[place] = added
            node.input[_BIAS_AT] = ""
        nodes.append(node)
    used = {name for node in nodes for name in node.input}
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(tensor for name, tensor in constants.items() if name in used)
    return model
