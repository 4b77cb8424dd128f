"""What is sent to a cluster comes back whole, whatever the order; tried here without one."""

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from indexer import ray_encoding
from indexer.build import IndexBuilder
from indexer.passage_embeddings import ParallelEncoder, windows_of
from indexer.practice import Practice
from indexer.ray_encoding import RayEncoder, on_cluster
from indexer.ray_node import EncodedBatch, proof
from indexer.registry import EncoderError
from indexer.vectors import VectorIndex
from tests.fakes import PRACTICES, WordEncoder
from tests.test_vectors import clustered_rows

BATCHES = [[f"{number} masters", f"{number} schools"] for number in range(9)]
MANY = 2_000  # rows of an index with lists


class RayError(Exception):
    """What Ray raises."""


class FakeRay:
    """Nodes that work at once, of which the last piece that was sent is always done first."""

    exceptions = SimpleNamespace(RayError=RayError)

    def __init__(self) -> None:
        self.cores = [4.0]
        self.most_sent = 0
        self.asked: list[dict[str, object]] = []
        self.is_idle = False
        self.calls: list[str] = []

    def init(self, **options: object) -> None:
        self.calls.append(f"init {options['address']}")

    def shutdown(self) -> None:
        self.calls.append("shutdown")

    def nodes(self) -> list[dict[str, Any]]:
        lost = {"Alive": False, "Resources": {"CPU": 64.0}}
        return [*({"Alive": True, "Resources": {"CPU": cores}} for cores in self.cores), lost]

    def remote(self, **options: object) -> Callable[[Callable[..., Any]], Any]:
        self.asked.append(options)
        return lambda work: SimpleNamespace(remote=lambda *given: Reference(work(*given)))

    def put(self, content: object) -> "Reference":
        return Reference(content)

    def wait(self, sent: Sequence[Any], *, timeout: float) -> tuple[list[Any], list[Any]]:
        self.most_sent = max(self.most_sent, len(sent))
        if self.is_idle:
            self.is_idle = False
            self.cores.clear()
            return [], list(sent)
        return [sent[-1]], list(sent[:-1])

    def get(self, reference: "Reference") -> Any:
        return reference.content


@dataclass(frozen=True, eq=False)
class Reference:
    """What a task gives for what it will have made."""

    content: Any


class Words(RayEncoder):
    """An encoder on a cluster without files: what is sent to the nodes is nothing."""

    def __init__(self, folder: Path = Path(), *, threads: int | None = None) -> None:
        self._folder = folder
        self._words = WordEncoder()
        self._spec = self._words.spec
        self._sent = None
        self.cores = threads or 2
        self.encoded = ray_encoding.Counter()

    def count_tokens(self, text: str) -> int:
        return self._words.count_tokens(text)

    def encode_documents(self, texts: Sequence[str]) -> np.ndarray:
        return self._words.encode_documents(texts)


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    fake = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.setattr(ray_encoding, "encode_batch", encode)
    monkeypatch.setattr(ray_encoding, "cut_block", lambda _, block: list(windows_of(block, WordEncoder())))
    monkeypatch.setattr(ray_encoding, "RayEncoder", Words)
    monkeypatch.setattr(ray_encoding, "_check_answers", lambda _: None)
    return fake


def encode(_: None, texts: Sequence[str]) -> EncodedBatch:
    number = int(texts[0].split()[0])
    return EncodedBatch(WordEncoder().encode_documents(texts), f"node {number % 2}", proof(WordEncoder()))


def folder_encoder(folder: Path | None) -> Any:
    encoder = WordEncoder()
    encoder.folder = folder
    return encoder


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_it_is_a_parallel_encoder_and_builds_indexes(ray: FakeRay) -> None:
    assert isinstance(Words(), ParallelEncoder)
    assert isinstance(Words(), IndexBuilder)


def test_every_batch_comes_back_with_its_own_rows(ray: FakeRay) -> None:
    encoder = Words()
    found = list(encoder.encode_batches(BATCHES))
    assert sorted(batch for batch, _ in found) == BATCHES
    assert [batch for batch, _ in found] != BATCHES
    for batch, rows in found:
        assert rows.tolist() == WordEncoder().encode_documents(batch).tolist()
    assert encoder.encoded == {"node 0": 10, "node 1": 8}


def test_a_batch_takes_as_many_cores_as_it_has_threads_and_is_sent_again_when_its_node_is_lost(ray: FakeRay) -> None:
    list(Words(threads=3).encode_batches(BATCHES))
    assert ray.asked == [{"num_cpus": 3, "max_retries": 20, "scheduling_strategy": "SPREAD"}]


def test_no_more_is_sent_than_two_batches_for_each_place_of_a_living_node(ray: FakeRay) -> None:
    ray.cores = [4.0, 5.0, 1.0]
    taken: list[int] = []

    def batches() -> Iterator[list[str]]:
        for number, batch in enumerate(BATCHES):
            taken.append(number)
            yield batch

    found = Words(threads=2).encode_batches(batches())
    next(found)
    assert len(taken) == ray.most_sent == 2 * (2 + 2)
    assert len(list(found)) == len(BATCHES) - 1
    assert ray.most_sent == 8


def test_blocks_are_cut_in_their_order(ray: FakeRay) -> None:
    blocks: list[list[Practice]] = [[one] for one in PRACTICES]
    cut = list(Words().cut_blocks(blocks))
    assert cut == [list(windows_of(block, WordEncoder())) for block in blocks]
    assert ray.most_sent == len(blocks)
    assert ray.asked == [{"num_cpus": 1, "max_retries": 20, "scheduling_strategy": "SPREAD"}]


def test_work_that_is_sent_while_no_node_is_left_is_done_by_the_next_one(ray: FakeRay) -> None:
    ray.cores = []
    assert [batch for batch, _ in Words().encode_batches(BATCHES)] == BATCHES


def test_the_index_of_many_rows_is_made_by_a_task_of_as_many_cores_as_a_batch(
    ray: FakeRay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "node"))
    rows = clustered_rows(MANY)
    VectorIndex.build(rows, tmp_path / "here", most_exact=MANY - 1)
    Words(threads=3).build_index(rows, tmp_path / "there", most_exact=MANY - 1)
    assert ray.asked == [{"num_cpus": 3, "max_retries": 20, "scheduling_strategy": "SPREAD"}]
    here = files_in(tmp_path / "here")
    assert sorted(here) == ["index.json", "lists.faiss", "rows.faiss"]
    assert files_in(tmp_path / "there") == here
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "node", "there"]


def test_the_index_of_few_rows_is_written_here(ray: FakeRay, tmp_path: Path) -> None:
    rows = clustered_rows(MANY)
    VectorIndex.build(rows, tmp_path / "here")
    Words().build_index(rows, tmp_path / "there")
    assert ray.asked == []
    assert files_in(tmp_path / "there") == files_in(tmp_path / "here")


def test_a_node_that_rounds_in_another_way_is_named_once(
    ray: FakeRay, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def other_processor(_: None, texts: Sequence[str]) -> EncodedBatch:
        made = encode(_, texts)
        return made if made.node == "node 0" else EncodedBatch(made.rows, made.node, "another sum")

    monkeypatch.setattr(ray_encoding, "encode_batch", other_processor)
    list(Words().encode_batches(BATCHES))
    [told] = [record.getMessage() for record in caplog.records]
    assert told.startswith("node node 1 rounds embeddings in another way")


def test_it_says_that_no_node_is_left_and_goes_on_waiting(ray: FakeRay, caplog: pytest.LogCaptureFixture) -> None:
    ray.is_idle = True
    with caplog.at_level(logging.WARNING):
        assert len(list(Words().encode_batches(BATCHES[:2]))) == 2
    assert [record.getMessage() for record in caplog.records] == ["no node of the cluster has 2 cores: waiting for one"]


def test_the_cluster_is_left_when_the_work_is_done(ray: FakeRay, tmp_path: Path) -> None:
    with on_cluster(folder_encoder(tmp_path), "192.0.2.1:6379") as encoder:
        assert ray.calls == ["init 192.0.2.1:6379"]
        assert len(list(encoder.encode_batches(BATCHES))) == len(BATCHES)
    assert ray.calls == ["init 192.0.2.1:6379", "shutdown"]


def test_a_cluster_of_smaller_machines_is_refused(ray: FakeRay, tmp_path: Path) -> None:
    ray.cores = [1.0, 1.0]
    with (
        pytest.raises(EncoderError, match=r"no node of the Ray cluster at there:1 has 2 cores, as this machine has"),
        on_cluster(folder_encoder(tmp_path), "there:1"),
    ):
        pass
    assert ray.calls[-1] == "shutdown"


def test_what_fails_on_a_node_is_told_by_its_cause(ray: FakeRay, tmp_path: Path) -> None:
    error = RayError("a traceback")
    error.cause = ModuleNotFoundError("No module named 'indexer'")  # type: ignore[attr-defined]
    with (
        pytest.raises(EncoderError, match=r"cluster at there:1 failed: ModuleNotFoundError: No module named 'indexer'"),
        on_cluster(folder_encoder(tmp_path), "there:1"),
    ):
        raise error
    with pytest.raises(EncoderError, match=r"failed: RayError: lost"), on_cluster(folder_encoder(tmp_path), "there:1"):
        raise RayError("lost")


def test_an_encoder_without_files_cannot_be_sent(ray: FakeRay) -> None:
    with (
        pytest.raises(EncoderError, match="'words' has no exported files"),
        on_cluster(folder_encoder(None), "there:1"),
    ):
        pass


def test_it_says_what_to_install_where_ray_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ray_encoding, "_check_answers", lambda _: None)
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(EncoderError, match=r"pip install 'practices\[ray\]'"),
        on_cluster(folder_encoder(tmp_path), "there:1"),
    ):
        pass


@pytest.mark.parametrize("address", ["127.0.0.1:1", "auto", "127.0.0.1", "127.0.0.1:port", "127.0.0.1:99999"])
def test_an_address_at_which_nobody_listens_is_refused_at_once(tmp_path: Path, address: str) -> None:
    with (
        pytest.raises(EncoderError, match=rf"no Ray cluster answers at '{address}', expected HOST:PORT"),
        on_cluster(folder_encoder(tmp_path), address),
    ):
        pass
