"""A real cluster: what its nodes build has the bytes of a local build, whoever is killed meanwhile."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec as find_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from indexer import passage_embeddings
from indexer.build import build_release
from indexer.embedding_cache import EmbeddingCache
from indexer.encoder import Encoder
from indexer.passage_embeddings import Progress
from indexer.ray_encoding import on_cluster
from indexer.registry import DEFAULT_ENCODER, EncoderError
from indexer.release import Release
from indexer.shipped import shipped_path
from indexer.source import CatalogueSource, read_source
from indexer.vectors import VectorIndex
from service.loading import load_encoder
from service.settings import Settings
from tests.ray_cluster import LoopbackCluster, loopback_cluster
from tests.test_build import contents
from tests.test_vectors import LARGE, clustered_rows

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(find_module("ray") is None, reason="NO RAY: indexing on a cluster is not tried; extra `ray`"),
]

CORES = os.cpu_count() or 1
AT_ONCE = 8  # passages: a batch takes some tenths of a second
KILLED_AFTER = 3 * AT_ONCE
PRACTICES = 12  # enough that a node that starts late has some left


def source() -> CatalogueSource:
    shipped = read_source(shipped_path("data/catalogue/practices.jsonl"))
    return CatalogueSource("some.jsonl", tuple(shipped.practices[:PRACTICES]), shipped.vocabulary, {}, ())


def build(folder: Path, encoder: Encoder, progress: Progress = lambda *_: None) -> Release:
    cache = EmbeddingCache(folder / "cache", encoder.spec.identity, encoder.spec.dim)
    return build_release(source(), encoder, releases=folder / "releases", cache=cache, progress=progress)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder(DEFAULT_ENCODER, Settings())


@dataclass(frozen=True)
class Local:
    """What a build without a cluster makes."""

    folder: Path
    contents: dict[str, bytes]
    passages: int
    texts: int


@pytest.fixture(scope="module", autouse=True)
def small_batches() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passage_embeddings, "_ENCODE_AT_ONCE", AT_ONCE)
        yield


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder, small_batches: None) -> Local:
    folder = tmp_path_factory.mktemp("local")
    calls: list[tuple[int, int]] = []
    release = build(folder, encoder, lambda *call: calls.append(call))
    (_, passages), (known, _) = calls[:2]
    return Local(folder, contents(release.folder), passages, passages - known)


@pytest.fixture(scope="module")
def cluster() -> Iterator[LoopbackCluster]:
    with loopback_cluster() as found:
        yield found


@pytest.fixture(scope="module")
def nodes(cluster: LoopbackCluster) -> list[Any]:
    return [cluster.add_node(CORES), cluster.add_node(CORES)]


def test_two_nodes_share_the_work_and_make_the_bytes_of_a_local_build(
    tmp_path: Path, cluster: LoopbackCluster, nodes: list[Any], encoder: Encoder, local: Local
) -> None:
    calls: list[tuple[int, int]] = []
    with on_cluster(encoder, cluster.address) as on_nodes:
        release = build(tmp_path, on_nodes, lambda *call: calls.append(call))
    assert contents(release.folder) == local.contents
    assert len(on_nodes.encoded) == len(nodes)
    assert on_nodes.encoded.total() == local.texts
    assert calls[0] == (0, local.passages)
    assert calls[-1] == (local.passages, local.passages)
    assert all(0 < after - before <= AT_ONCE for (before, _), (after, _) in pairwise(calls[1:]))


def test_nothing_is_encoded_on_the_cluster_that_a_local_build_has_encoded(
    cluster: LoopbackCluster, nodes: list[Any], encoder: Encoder, local: Local
) -> None:
    with on_cluster(encoder, cluster.address) as on_nodes:
        release = build(local.folder, on_nodes)
    assert on_nodes.encoded.total() == 0
    assert contents(release.folder) == local.contents


def test_the_index_of_many_rows_is_built_on_a_node_and_has_the_bytes_of_a_local_one(
    tmp_path: Path, cluster: LoopbackCluster, nodes: list[Any], encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = clustered_rows(LARGE)
    here = VectorIndex.build(rows, tmp_path / "here", most_exact=1_000)
    monkeypatch.delattr(VectorIndex, "build")
    with on_cluster(encoder, cluster.address) as on_nodes:
        on_nodes.build_index(rows, tmp_path / "there", most_exact=1_000)
    assert VectorIndex.load(tmp_path / "there").record == here.record
    for name in ("index.json", "lists.faiss", "rows.faiss"):
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


KILLED_DRIVER = f"""
import os, signal, sys
from pathlib import Path
from indexer import passage_embeddings
from indexer.ray_encoding import on_cluster
from indexer.registry import DEFAULT_ENCODER
from service.loading import load_encoder
from service.settings import Settings
from tests.test_ray_indexing import build

def killed(done, total):
    if done >= {KILLED_AFTER}:
        os.kill(os.getpid(), signal.SIGKILL)

passage_embeddings._ENCODE_AT_ONCE = {AT_ONCE}
with on_cluster(load_encoder(DEFAULT_ENCODER, Settings()), sys.argv[1]) as on_nodes:
    build(Path(sys.argv[2]), on_nodes, killed)
"""


def test_a_build_that_is_killed_goes_on_with_what_the_nodes_had_done(
    tmp_path: Path, cluster: LoopbackCluster, nodes: list[Any], encoder: Encoder, local: Local
) -> None:
    root = Path(__file__).parents[1]
    command = [sys.executable, "-c", KILLED_DRIVER, cluster.address, str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with on_cluster(encoder, cluster.address) as on_nodes:
        release = build(tmp_path, on_nodes)
    assert contents(release.folder) == local.contents
    kept = local.texts - on_nodes.encoded.total()
    assert KILLED_AFTER - AT_ONCE <= kept <= KILLED_AFTER + AT_ONCE


def test_a_node_that_is_killed_mid_way_loses_nothing(
    tmp_path: Path, cluster: LoopbackCluster, nodes: list[Any], encoder: Encoder, local: Local
) -> None:
    calls: list[int] = []

    def kill_one(done: int, _: int) -> None:
        calls.append(done)
        if done >= KILLED_AFTER and len(nodes) == 2:
            cluster.kill(nodes.pop())

    with on_cluster(encoder, cluster.address) as on_nodes:
        release = build(tmp_path, on_nodes, kill_one)
    assert len(nodes) == 1
    assert contents(release.folder) == local.contents
    assert on_nodes.encoded.total() == local.texts
    assert calls == sorted(calls)


def test_a_cluster_without_a_node_like_this_machine_is_refused(
    cluster: LoopbackCluster, nodes: list[Any], encoder: Encoder
) -> None:
    with (
        pytest.raises(EncoderError, match=f"no node of the Ray cluster at {cluster.address} has {CORES + 1} cores"),
        on_cluster(encoder, cluster.address, threads=CORES + 1),
    ):
        pass
