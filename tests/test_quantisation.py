"""A graph of integers gives nearly what the graph of floats gives, for each text whatever its batch."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from indexer.quantisation import quantised, write_quantised

WIDTH, OUT = 64, 48
Array = npt.NDArray[np.float32]


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def graph(weights: Sequence[Array], extra: Sequence[onnx.NodeProto] = (), output: str = "out") -> onnx.ModelProto:
    """A graph that multiplies its input `x` by each of the weights, and adds what comes out as `out`."""
    names = [f"w{number}" for number in range(len(weights))]
    nodes = [helper.make_node("MatMul", ["x", name], [f"y{name}"]) for name in names]
    nodes += [helper.make_node("Sum", [f"y{name}" for name in names], ["out"]), *extra]
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["texts", "tokens", WIDTH])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weight, name) for weight, name in zip(weights, names, strict=True)],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(model: onnx.ModelProto, x: Array) -> Array:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": x})
    return np.asarray(found)


def rounded(model: onnx.ModelProto, *seen: Array) -> onnx.ModelProto:
    return quantised(model, [{"x": one} for one in seen])


def error(model: onnx.ModelProto, other: onnx.ModelProto, x: Array) -> float:
    """Length of the difference by that of what is right."""
    right = run(model, x)
    return float(np.linalg.norm(run(other, x) - right) / np.linalg.norm(right))


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.fixture
def floats() -> onnx.ModelProto:
    return graph([normal(WIDTH, OUT, seed=1), normal(WIDTH, OUT, seed=2)])


def test_what_comes_out_is_nearly_the_same(floats):
    model = rounded(floats, normal(1, 400, WIDTH, seed=3))
    assert error(floats, model, normal(2, 9, WIDTH, seed=4)) < 0.03
    assert operators(model).count("MatMulIntegerToFloat") == 2
    assert operators(model).count("QuantizeLinear") == 1, "what is multiplied twice becomes integers once"
    assert "MatMul" not in operators(model)
    assert all(tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2 for tensor in model.graph.initializer)


def test_a_text_is_the_same_alone_and_beside_others(floats):
    model = rounded(floats, normal(1, 400, WIDTH, seed=3))
    one, other = normal(1, 9, WIDTH, seed=4), 50 * normal(1, 9, WIDTH, seed=5)
    together = run(model, np.concatenate([one, other]))
    assert np.array_equal(together[:1], run(model, one))
    assert np.array_equal(together[1:], run(model, other))


def test_a_product_of_two_inputs_is_left_as_it_is():
    own = [
        helper.make_node("Transpose", ["x"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["x", "turned"], ["likeness"]),
        helper.make_node("MatMul", ["likeness", "out"], ["mixed"]),
    ]
    floats = graph([normal(WIDTH, OUT)], own, "mixed")
    model = rounded(floats, normal(1, 400, WIDTH, seed=3))
    assert operators(model).count("MatMul") == 2
    assert error(floats, model, normal(1, 9, WIDTH, seed=4)) < 0.03


def biased(bias: Array, *more: onnx.NodeProto) -> onnx.ModelProto:
    """A graph that adds a constant row to the product of its input with weights, the row first."""
    added = [helper.make_node("Add", ["bias", "out"], ["sum"]), *more]
    model = graph([normal(WIDTH, OUT, seed=1)], added, added[-1].output[0])
    model.graph.initializer.append(numpy_helper.from_array(bias, "bias"))
    [product, sum_of_one] = model.graph.node[:2]
    product.output[0] = sum_of_one.output[0]
    model.graph.node.remove(sum_of_one)
    return model


def test_a_bias_is_added_by_the_product_itself():
    floats = biased(10 * normal(OUT, seed=2))
    model = rounded(floats, normal(1, 400, WIDTH, seed=3))
    assert "Add" not in operators(model)
    assert error(floats, model, normal(2, 9, WIDTH, seed=4)) < 0.03


def test_what_is_added_is_left_as_it_is_where_the_product_alone_is_needed_too_and_where_it_is_no_row():
    needed = biased(10 * normal(OUT, seed=2), helper.make_node("Concat", ["out", "sum"], ["both"], axis=2))
    other = biased(10 * normal(1, 9, OUT, seed=2))
    for floats in (needed, other):
        model = rounded(floats, normal(40, 9, WIDTH, seed=3))
        assert operators(model).count("Add") == 1
        assert error(floats, model, normal(1, 9, WIDTH, seed=4)) < 0.03


def test_one_number_of_a_large_range_does_not_spoil_the_others(floats):
    large = np.ones(WIDTH, dtype=np.float32)
    large[7] = 100
    weights = [numpy_helper.to_array(tensor) / large[:, None] for tensor in floats.graph.initializer]
    floats = graph(weights)
    seen, asked = (normal(1, 400, WIDTH, seed=seed) * large for seed in (3, 4))
    assert error(floats, rounded(floats, seen), asked) < 0.03, "one step for all would be larger than most numbers"


def test_what_goes_beyond_the_range_that_was_seen_is_cut_off_there(floats):
    seen = normal(1, 400, WIDTH, seed=3)
    model = rounded(floats, seen)
    far = np.full((1, 1, WIDTH), 1e6, dtype=np.float32)
    assert np.array_equal(run(model, far), run(model, 10 * far))


def test_the_largest_products_do_not_overflow():
    floats = graph([np.ones((WIDTH, OUT), dtype=np.float32)])
    model = rounded(floats, np.ones((1, 1, WIDTH), dtype=np.float32))
    assert run(model, np.ones((1, 1, WIDTH), dtype=np.float32)) == pytest.approx(WIDTH, rel=1e-5)
    below = -np.ones((1, 1, WIDTH), dtype=np.float32)
    assert run(rounded(floats, below), below) == pytest.approx(-WIDTH, rel=1e-5)


def test_the_mean_of_what_rounding_changes_is_added_again():
    weight = normal(WIDTH, OUT, seed=1)
    floats = graph([weight])
    seen = 1 + 0.1 * normal(1, 400, WIDTH, seed=3)
    model = rounded(floats, seen)
    off = (run(model, seen) - run(floats, seen)).mean(axis=(0, 1))
    [product] = [node for node in model.graph.node if node.op_type == "MatMulIntegerToFloat"]
    lost = numpy_helper.to_array(next(t for t in model.graph.initializer if t.name == product.input[6]))
    assert np.abs(off).mean() < 0.2 * np.abs(off - lost).mean()


def test_an_input_that_is_always_0_makes_no_trouble(floats):
    nothing = np.zeros((1, 3, WIDTH), dtype=np.float32)
    assert not run(rounded(floats, nothing), nothing).any()


def test_the_same_graph_and_inputs_give_the_same_bytes(floats):
    seen = normal(1, 400, WIDTH, seed=3)
    assert rounded(floats, seen).SerializeToString() == rounded(floats, seen).SerializeToString()
    before = floats.SerializeToString()
    rounded(floats, seen)
    assert floats.SerializeToString() == before


def test_a_graph_of_a_file_is_written_to_another(floats, tmp_path):
    seen = normal(1, 400, WIDTH, seed=3)
    onnx.save(floats, tmp_path / "floats")
    write_quantised(tmp_path / "floats", tmp_path / "integers", [{"x": seen}])
    assert (tmp_path / "integers").read_bytes() == rounded(floats, seen).SerializeToString()
    assert onnx.load(tmp_path / "floats") == floats
