"""A node keeps an encoder that was sent to it, loads it once, and takes no file that is not the one that was sent."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from indexer import ray_node, row_blocks
from indexer.encoder import Embeddings
from indexer.passages import window_limits
from indexer.ray_node import build_index, cut_block, encode_batch, proof, send_encoder, send_rows
from indexer.registry import EncoderError
from indexer.vectors import RecallError, VectorIndex
from tests.fakes import PRACTICES, WordEncoder
from tests.test_vectors import clustered_rows, random_rows

FILES = {"encoder.onnx": b"a graph", "spec.json": b"{}", "tokens.npy": b"vectors"}


@dataclass(frozen=True, eq=False)
class Reference:
    """What the memory of a cluster gives for what it holds."""

    content: Mapping[str, Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of an exported encoder that nobody runs."""
    made = tmp_path / "words.onnx"
    made.mkdir()
    for name, content in FILES.items():
        (made / name).write_bytes(content)
    return made


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Path, int]]]:
    """Where encoders were loaded from, and with how many threads; the memory of the cluster is this process."""
    ray = SimpleNamespace(
        put=Reference,
        get=lambda reference: reference.content,
        util=SimpleNamespace(get_node_ip_address=lambda: "192.0.2.7"),
        get_runtime_context=lambda: SimpleNamespace(get_node_id=lambda: "0123456789abcdef"),
    )
    found: list[tuple[Path, int]] = []

    def load(at: Path, *, threads: int) -> WordEncoder:
        found.append((at, threads))
        return WordEncoder()

    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(ray_node, "OnnxEncoder", load)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "node"))
    forget()
    yield found
    forget()


def forget() -> None:
    """Make this process one that has loaded nothing yet."""
    ray_node._encoder.cache_clear()
    ray_node._proof.cache_clear()


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_batch_is_encoded_and_says_where_and_by_what(folder: Path, loaded: list[tuple[Path, int]]) -> None:
    texts = ["Senior mentors", "The master listens and gives advice."]
    made = encode_batch(send_encoder(folder, 3), texts)
    assert made.rows.tolist() == WordEncoder().encode_documents(texts).tolist()
    assert made.node == "192.0.2.7 (01234567)"
    assert made.proof == proof(WordEncoder())
    assert [threads for _, threads in loaded] == [3]


def test_a_block_is_cut_as_it_is_without_a_cluster(folder: Path, loaded: list[tuple[Path, int]]) -> None:
    assert cut_block(send_encoder(folder, 1), PRACTICES) == [
        window_limits(one, max_tokens=24, count_tokens=WordEncoder().count_tokens) for one in PRACTICES
    ]


def test_a_process_loads_an_encoder_once_and_a_node_gets_its_files_once(
    folder: Path, loaded: list[tuple[Path, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = send_encoder(folder, 1)
    encode_batch(sent, ["one"])
    cut_block(sent, PRACTICES)
    [(kept, _)] = loaded
    assert files_in(kept) == FILES
    monkeypatch.delattr(sys.modules["ray"], "get")
    forget()
    encode_batch(sent, ["two"])
    assert [path for path, _ in loaded] == [kept, kept]


def test_a_file_that_was_damaged_on_a_node_is_written_again(folder: Path, loaded: list[tuple[Path, int]]) -> None:
    sent = send_encoder(folder, 1)
    encode_batch(sent, ["one"])
    [(kept, _)] = loaded
    (kept / "encoder.onnx").write_bytes(b"a grape")
    (kept / "tokens.npy").unlink()
    forget()
    encode_batch(sent, ["two"])
    assert files_in(kept) == FILES
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_two_encoders_have_two_folders(folder: Path, loaded: list[tuple[Path, int]]) -> None:
    encode_batch(send_encoder(folder, 1), ["one"])
    (folder / "encoder.onnx").write_bytes(b"another graph")
    encode_batch(send_encoder(folder, 1), ["one"])
    (first, _), (second, _) = loaded
    assert files_in(first) == FILES
    assert files_in(second) == FILES | {"encoder.onnx": b"another graph"}


def test_an_encoder_that_does_not_arrive_whole_is_refused(folder: Path, loaded: list[tuple[Path, int]]) -> None:
    sent = send_encoder(folder, 1)
    sent.contents.content["tokens.npy"][0] ^= 1
    with pytest.raises(EncoderError, match=r"did not reach a node whole: .*tokens\.npy: sha256 is"):
        encode_batch(sent, ["one"])
    assert loaded == []


def test_an_index_has_the_bytes_of_a_local_one_and_its_rows_are_sent_in_blocks(
    tmp_path: Path, loaded: list[tuple[Path, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = clustered_rows(2_000)
    VectorIndex.build(rows, tmp_path / "here", most_exact=1_000)
    monkeypatch.setattr(row_blocks, "AT_ONCE", 900)
    sent = send_rows(rows)
    assert sent.shape == rows.shape
    blocks = [rows[:900], rows[900:1_800], rows[1_800:]]
    assert [one.content.tolist() for one in sent.contents] == [block.tolist() for block in blocks]
    made = build_index(sent, 1_000)
    assert {name: content.tobytes() for name, content in made.items()} == files_in(tmp_path / "here")
    assert list((tmp_path / "node" / "practices" / "indexes").iterdir()) == []


def test_an_index_that_finds_too_little_is_refused_and_nothing_is_left_on_the_node(
    tmp_path: Path, loaded: list[tuple[Path, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.vectors.MIN_RECALL", 1.01)
    with pytest.raises(RecallError, match=r"of 2000 rows finds \d\.\d+ of the ten nearest rows"):
        build_index(send_rows(random_rows(2_000)), 1_000)
    assert list((tmp_path / "node" / "practices" / "indexes").iterdir()) == []


def test_the_proof_tells_encoders_that_differ_in_one_bit() -> None:
    class Rounding(WordEncoder):
        def encode_documents(self, texts: Sequence[str]) -> Embeddings:
            rows = super().encode_documents(texts)
            rows[3, 7] = np.nextafter(rows[3, 7], np.float32(1))
            return rows

    assert proof(WordEncoder()) == proof(WordEncoder())
    assert proof(Rounding()) != proof(WordEncoder())
