"""The graph of a transformer gives what the transformer gives, with one operator for each of its larger steps."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest

from indexer.encoder_graph import write_graph

torch = pytest.importorskip("torch", reason="NOT CHECKED: only a build needs torch")
WIDTH, LAYERS, HEADS = 32, 2, 4
Array = npt.NDArray[Any]


@pytest.fixture(scope="module")
def transformer() -> Any:
    """A small transformer with random weights, biases too."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(1)
    sizes = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": 64}
    model = BertModel(BertConfig(vocab_size=50, max_position_embeddings=40, **sizes), add_pooling_layer=False).eval()
    with torch.no_grad():
        for weights in model.parameters():
            weights.copy_(torch.randn_like(weights) * 0.3)
    return model


@pytest.fixture(scope="module")
def path(transformer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graph") / "graph.onnx"
    write_graph(transformer, path)
    return path


def run(path: Path, vectors: Array, mask: Array) -> Array:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"inputs_embeds": vectors, "attention_mask": mask})
    return np.asarray(found)


def inputs(*lengths: int) -> tuple[Array, Array]:
    mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int64)
    vectors = np.random.default_rng(2).normal(size=(*mask.shape, WIDTH)).astype(np.float32)
    return vectors * mask[:, :, None].astype(np.float32), mask


@pytest.mark.parametrize("lengths", [(1,), (7,), (12, 5, 1)])
def test_it_gives_the_mean_of_the_last_layer_of_unit_length(transformer, path, lengths):
    vectors, mask = inputs(*lengths)
    with torch.no_grad():
        given = {"inputs_embeds": torch.from_numpy(vectors), "attention_mask": torch.from_numpy(mask)}
        last = transformer(**given).last_hidden_state.numpy()
    means = np.stack([rows[:length].mean(axis=0) for rows, length in zip(last, lengths, strict=True)])
    assert run(path, vectors, mask) == pytest.approx(means / np.linalg.norm(means, axis=1, keepdims=True), abs=1e-5)


def test_a_text_is_the_same_alone_and_filled_up_beside_a_longer_one(path):
    vectors, mask = inputs(12, 5)
    assert run(path, vectors, mask)[1] == pytest.approx(run(path, vectors[1:, :5], mask[1:, :5])[0], abs=1e-6)


def test_attention_is_one_operator_that_adds_nothing_and_each_layer_adds_its_bias_beside_the_product(path):
    model = onnx.load(path)
    kinds = Counter(node.op_type for node in model.graph.node)
    assert kinds["MultiHeadAttention"] == kinds["Gelu"] == LAYERS
    assert kinds["Softmax"] == kinds["Erf"] == kinds["Transpose"] == 0
    assert all(not node.input[3] for node in model.graph.node if node.op_type == "MultiHeadAttention")
    rows = {tensor.name for tensor in model.graph.initializer if len(tensor.dims) == 1}
    products = {node.output[0] for node in model.graph.node if node.op_type == "MatMul"}
    biased = [node for node in model.graph.node if node.op_type == "Add" and set(node.input) & rows]
    assert len(biased) == len(products) == 6 * LAYERS
    assert all(set(node.input) & products for node in biased)


def test_the_same_transformer_gives_the_same_bytes(transformer, path, tmp_path):
    write_graph(transformer, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == path.read_bytes()
