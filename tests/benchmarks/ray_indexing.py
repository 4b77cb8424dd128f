"""Compare a build on a Ray cluster with a local one: `python -m tests.benchmarks.ray_indexing DOCUMENTS`.

Passages a second of one process and of one and two nodes of this machine, in turns, each with an empty cache; a process
and a node have one thread each, so that two nodes have what two cores give and no more. DOCUMENTS is a file of JSON
lines with `title` and `text` (as in BEIR) or `description`, perhaps gzipped. Then what a passage costs: processor
seconds in the encoder, and those of the one process that cuts, plans and keeps for all nodes.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from indexer import passage_embeddings
from indexer.embedding_cache import EmbeddingCache
from indexer.encoder import Embeddings, Encoder, OnnxEncoder
from indexer.passage_embeddings import all_windows, embed_all
from indexer.passages import Passages, sentence_limits
from indexer.practice import Practice
from indexer.ray_encoding import RayEncoder, on_cluster
from indexer.registry import DEFAULT_ENCODER
from service.loading import load_encoder
from service.settings import Settings
from tests.benchmarks.throughput import read_practices
from tests.ray_cluster import loopback_cluster

AT_ONCE = 16  # passages, so that a few hundred are many batches


def encoded(practices: Sequence[Practice], encoder: Encoder) -> tuple[float, float, Embeddings]:
    """Return the seconds that all passages took, those of this process's processor, and their embeddings."""
    with TemporaryDirectory() as folder:
        cache = EmbeddingCache(Path(folder), encoder.spec.identity, encoder.spec.dim)
        began, began_cpu = time.perf_counter(), time.process_time()
        windows = all_windows(practices, encoder)
        sentences = Passages.of_practices(map(sentence_limits, practices))
        rows = [np.empty((len(one), encoder.spec.dim), dtype=np.float32) for one in (windows, sentences)]
        embed_all(practices, (windows, rows[0]), (sentences, rows[1]), encoder, cache, lambda *_: None)
        return time.perf_counter() - began, time.process_time() - began_cpu, np.concatenate(rows)


def warmed(encoder: RayEncoder, nodes: int) -> None:
    """Have the nodes load the encoder."""
    for _ in encoder.encode_batches([[f"Warm up {number}" * 20] * 8 for number in range(4 * nodes)]):
        pass


def main() -> None:
    """Print passages a second of all three, and the cost of a passage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("documents", type=Path)
    parser.add_argument("--limit", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    folder = load_encoder(DEFAULT_ENCODER, Settings()).folder
    assert folder is not None
    local = OnnxEncoder(folder, threads=1)
    local.start()
    practices = read_practices(options.documents, options.limit)
    passage_embeddings._ENCODE_AT_ONCE = AT_ONCE
    seconds: dict[str, list[float]] = {"one process": [], "one node": [], "two nodes": []}
    costs: list[float] = []
    shares: list[float] = []
    _, _, expected = encoded(practices, local)
    with loopback_cluster() as cluster:
        cluster.add_node(1)
        for _ in range(options.rounds):
            wall, cpu, _ = encoded(practices, local)
            seconds["one process"].append(wall)
            costs.append(cpu / len(expected))
            second = None
            for name in ("one node", "two nodes"):
                if name == "two nodes":
                    second = cluster.add_node(1)
                with on_cluster(local, cluster.address, threads=1) as on_nodes:
                    warmed(on_nodes, 1 if second is None else 2)
                    wall, cpu, rows = encoded(practices, on_nodes)
                seconds[name].append(wall)
                shares.append(cpu / len(expected))
                print(f"{name}: {wall:.1f} s, the same bits: {np.array_equal(rows, expected)}", flush=True)
            cluster.kill(second)
    print(f"{len(expected)} passages of {len(practices)} practices, {DEFAULT_ENCODER}, {options.rounds} rounds")
    base = median(seconds["one process"])
    for name, found in seconds.items():
        rate, share = len(expected) / median(found), base / median(found)
        print(f"{name}: {rate:.1f} passages a second, {share:.2f} of one process")
    print(f"processor seconds a passage: {median(costs):.4f} to encode, {median(shares):.5f} of the one that sends")


if __name__ == "__main__":
    main()
