"""Print what each stage of an answer takes beside the bound it cannot beat: `python -m tests.benchmarks.stages`.

Medians over the judged questions, ten explained hits each, one core; `answer` is `retrieve`, `fuse`, `explain` and the
making of the answer object. The bound of the encoder is its multiplications
over the processor's measured peak, that of a stage that reads vectors their bytes over the measured bandwidth, and that
of words and JSON their characters over the same. All of it is measured in one run: read the ratios, not the digits.
"""

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from threadpoolctl import threadpool_limits

from indexer.encoder import GRAPH_FILE, OnnxEncoder
from indexer.release import load_release
from indexer.release_files import CURRENT, ENCODER_FOLDER
from service.answers import search_response
from service.collection import read_shipped_collection
from service.explain import Explainer
from service.retriever import MIN_CANDIDATES, Retriever
from service.schemas import SearchRequest
from service.settings import Settings

STAGES = ("tokenise", "encode", "understand", "answer", "retrieve", "fuse", "explain", "serialise")
_QUESTIONS = 100
_BIG = 2_048  # rows and columns of the matrices that the peak is measured with
_BYTES = 2**29  # read to measure the bandwidth, far more than caches hold


def peak(operator: str) -> float:
    """Return the operations a second of the best of some large products of matrices: of floats or of integers."""
    kinds = (np.float32, np.float32) if operator == "MatMul" else (np.uint8, np.int8)
    node = helper.make_node(operator, ["one", "other"], ["product"])
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), [_BIG, _BIG])
        for name, kind in zip(node.input, kinds, strict=True)
    ]
    result = onnx.TensorProto.FLOAT if operator == "MatMul" else onnx.TensorProto.INT32
    outputs = [helper.make_tensor_value_info("product", result, [_BIG, _BIG])]
    other = np.random.default_rng(1).integers(-63, 63, (_BIG, _BIG)).astype(kinds[1])
    graph = helper.make_graph([node], "peak", inputs[:1], outputs, [numpy_helper.from_array(other, "other")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    one = np.random.default_rng(0).integers(0, 127, (_BIG, _BIG)).astype(kinds[0])
    return 2 * _BIG**3 / _fastest(lambda: session.run(None, {"one": one}))


def bandwidth() -> float:
    """Return the bytes a second of the best of some sums over a large array."""
    numbers = np.ones(_BYTES // 4, dtype=np.float32)
    return _BYTES / _fastest(numbers.sum)


def _fastest(work: Callable[[], object], times: int = 5) -> float:
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        spent.append(time.perf_counter() - started)
    return min(spent)


def operations_a_token(graph: Path) -> tuple[str, int]:
    """Return the operator by which an exported encoder multiplies, and what its weights take of it for one token.

    Those of attention come on top.
    """
    model = onnx.load(graph, load_external_data=False).graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.initializer}
    weights = {
        operator: sum(
            int(np.prod(shapes[node.input[1]]))
            for node in model.node
            if node.op_type == operator and len(shapes.get(node.input[1], ())) == 2
        )
        for operator in ("MatMulIntegerToFloat", "MatMul")
    }
    operator = max(weights, key=weights.__getitem__)
    return operator.removesuffix("ToFloat"), 2 * weights[operator]


class Clock:
    """Collects milliseconds by stage."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = defaultdict(list)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.spent[stage].append((time.perf_counter() - started) * 1000)


def measured(retriever: Retriever, encoder: OnnxEncoder, queries: Sequence[str]) -> tuple[dict[str, float], float, int]:
    """Return the median milliseconds of each stage, the mean tokens of a question, and the bytes of an answer."""
    clock, tokens, lengths = Clock(), [], []
    for query in queries:
        request = SearchRequest(query=query)
        with clock("understand"):
            question = retriever.understand(query)
        with clock("tokenise"):
            tokens.append(sum(map(encoder.count_tokens, question.encoder_texts)))
        with clock("encode"):
            embeddings = encoder.encode_queries(question.encoder_texts)
        with clock("answer"):
            answer = search_response(retriever, request, question, embeddings, time.perf_counter())
        with clock("serialise"):
            lengths.append(len(answer.model_dump_json()))
        # Once more by stages, which know the words of the question by now: their sum is less than the answer took.
        with clock("retrieve"):
            topic = retriever.topic(question, embeddings)
            sought = retriever.sought(question, question.whole, embeddings[0])
            rows = retriever.candidates(sought, MIN_CANDIDATES, None)
        with clock("fuse"):
            hits = retriever.hits(retriever.ranking(sought, rows, topic, request.top_k))
        with clock("explain"):
            Explainer(retriever, question, embeddings).explain(hits)
    times = {stage: median(spent) for stage, spent in clock.spent.items()}
    times["encode"] -= times["tokenise"]
    return times, float(np.mean(tokens)), round(float(np.mean(lengths)))


def bounds(retriever: Retriever, encoder: OnnxEncoder, tokens: float, length: int) -> dict[str, float]:
    """Return the milliseconds that each stage cannot beat; none is known for understanding."""
    operator, operations = operations_a_token(encoder.folder / GRAPH_FILE)
    stream = bandwidth()
    parts = retriever.release.parts
    shown = min(MIN_CANDIDATES, len(parts.practices)) / len(parts.practices)
    row = 2 * parts.vectors.dim
    read = parts.vectors.size if not parts.vectors.record.parameters else parts.vectors.record.parameters["rescored"]
    return {
        "encode": tokens * operations / peak(operator) * 1000,
        "retrieve": read * row * 2 / stream * 1000,
        "fuse": shown * (len(parts.sentences) + len(parts.windows)) * row / stream * 1000,
        "explain": 10 * len(parts.sentences) / len(parts.practices) * row / stream * 1000,
        "serialise": length / stream * 1000,
    }


def main() -> None:
    """Print one row a stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release", type=Path, nargs="?", default=Settings().releases / CURRENT)
    release = load_release(parser.parse_args().release)
    retriever, encoder = Retriever(release), OnnxEncoder(release.folder / ENCODER_FOLDER, threads=1)
    queries = [one.text for one in read_shipped_collection(Settings().catalogue).queries if not one.base][:_QUESTIONS]
    with threadpool_limits(1):  # as the service has it
        measured(retriever, encoder, queries[:10])
        times, tokens, length = measured(retriever, encoder, queries)
    limits = bounds(retriever, encoder, tokens, length)
    print(f"{len(release.parts.practices)} practices, {os.cpu_count()} cores, {tokens:.0f} tokens a question\n")
    print("| stage | ms | bound, ms | times the bound | share of the answer |\n|---|---|---|---|---|")
    others = times["understand"] + times["answer"] + times["serialise"]
    whole = times["tokenise"] + times["encode"] + others
    for stage in STAGES:
        bound = limits.get(stage)
        shown = ("", "") if bound is None else (f"{bound:.3f}", f"{times[stage] / bound:.1f}")
        print(f"| {stage} | {times[stage]:.2f} | {shown[0]} | {shown[1]} | {times[stage] / whole:.0%} |")
    print(f"| all but tokenise and encode | {others:.2f} | | | {others / whole:.0%} |")


if __name__ == "__main__":
    main()
