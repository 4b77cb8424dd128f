"""Turn an encoder into one that works on all nodes of a Ray cluster; what a lost node had to do, another one does."""

import logging
import os
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from indexer.encoder import Embeddings, Encoder, OnnxEncoder
from indexer.passages import Limits
from indexer.practice import Practice
from indexer.ray_node import build_index, cut_block, encode_batch, proof, send_encoder, send_rows, write_files
from indexer.registry import EncoderError
from indexer.row_blocks import Matrix
from indexer.vectors import MOST_EXACT, VectorIndex

_AHEAD = 2  # pieces sent for each that is worked on: the next one waits at its node when the last one is done
_RETRIES = 20  # of a piece whose node was lost, until the build gives up: machines may be taken away at any time
_PATIENCE_SECONDS = 60.0  # in which no piece is done, until it is said that no node is left
_ANSWER_SECONDS = 10.0  # until an address counts as one where nobody is

_LOG = logging.getLogger(__name__)

Sent = TypeVar("Sent")
Piece = TypeVar("Piece")
Outcome = TypeVar("Outcome")


class RayEncoder(OnnxEncoder):
    """An encoder that cuts and encodes the passages of a catalogue on a cluster, and builds the index of many there.

    All else is done on this machine. A batch takes `cores` of a node; `encoded` counts passages by node.
    """

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        super().__init__(folder, threads=threads)
        self.cores = self._threads
        self._sent = send_encoder(folder, self.cores)
        self.encoded: Counter[str] = Counter()

    def cut_blocks(self, blocks: Iterable[Sequence[Practice]]) -> Iterator[list[list[Limits]]]:
        """Yield the windows of each block of practices, in order."""
        early: dict[int, list[list[Limits]]] = {}
        wanted = 0
        for number, _, limits in self._done(cut_block, self._sent, blocks, cores=1):
            early[number] = limits
            while wanted in early:
                yield early.pop(wanted)
                wanted += 1

    def encode_batches(self, batches: Iterable[Sequence[str]]) -> Iterator[tuple[Sequence[str], Embeddings]]:
        """Yield each batch with one row a text as soon as it is encoded, in any order."""
        same = proof(self)
        for _, batch, made in self._done(encode_batch, self._sent, batches, cores=self.cores):
            if made.node not in self.encoded and made.proof != same:
                _LOG.warning(
                    "node %s rounds embeddings in another way than this machine, by its processor or its libraries: "
                    "they are as good, but the release will not have the bytes of one that is built here",
                    made.node,
                )
            self.encoded[made.node] += len(batch)
            yield batch, made.rows

    def build_index(self, rows: Matrix, folder: Path, *, most_exact: int = MOST_EXACT) -> None:
        """Write what `VectorIndex.build` writes; a node makes it where it is more than a copy of the rows."""
        if len(rows) <= most_exact:
            VectorIndex.build(rows, folder, most_exact=most_exact)
            return
        [(_, _, files)] = self._done(build_index, send_rows(rows), [most_exact], cores=self.cores)
        write_files(folder, files)

    def _done(
        self, work: Callable[[Sent, Piece], Outcome], sent_once: Sent, pieces: Iterable[Piece], *, cores: int
    ) -> Iterator[tuple[int, Piece, Outcome]]:
        """Yield number, piece and what the work made of it, as they are done; each takes so many cores of a node.

        Tasks and not actors: an actor whose node is lost waits for a new place, and what it was given waits with it.
        """
        import ray  # noqa: PLC0415  extra `ray`

        task = ray.remote(num_cpus=cores, max_retries=_RETRIES, scheduling_strategy="SPREAD")(work)
        left = enumerate(pieces)
        sent: dict[Any, tuple[int, Piece]] = {}
        while True:
            room = max(1, _AHEAD * _places(cores)) - len(sent)  # one also where no node is left: it waits for the next
            for number, piece in islice(left, max(0, room)):
                sent[task.remote(sent_once, piece)] = number, piece
            if not sent:
                return
            finished, _ = ray.wait(list(sent), timeout=_PATIENCE_SECONDS)
            for one in finished:
                yield *sent.pop(one), ray.get(one)
            if not finished and not _places(cores):
                _LOG.warning("no node of the cluster has %d cores: waiting for one", cores)


def _places(cores: int) -> int:
    """Return how many pieces that take so many cores each can be worked on at once."""
    import ray  # noqa: PLC0415  extra `ray`

    nodes = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
    return sum(int(cpus // cores) for cpus in nodes)


def _check_answers(address: str) -> None:
    """Raise EncoderError where nobody listens at HOST:PORT: Ray would try for a quarter of an hour."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_ANSWER_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        raise EncoderError(
            f"no Ray cluster answers at '{address}', expected HOST:PORT as `ray start --head` says it: {error}"
        ) from error


@contextmanager
def on_cluster(encoder: Encoder, address: str, *, threads: int | None = None) -> Iterator[RayEncoder]:
    """Give an encoder that works on the nodes of the Ray cluster at `address`, HOST:PORT; this machine is one of them.

    Raises EncoderError where Ray is not installed, where there is no cluster, where none of its nodes has as many cores
    as this machine, and where a piece of work fails but by the loss of its node.
    """
    _check_answers(address)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray  # noqa: PLC0415  extra `ray`
    except ImportError as error:
        raise EncoderError("Ray is not installed: pip install 'practices[ray]'") from error
    if encoder.folder is None:
        raise EncoderError(f"encoder '{encoder.spec.name}' has no exported files that could be sent to other machines")
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        on_nodes = RayEncoder(encoder.folder, threads=threads)
        if not _places(on_nodes.cores):
            raise EncoderError(
                f"no node of the Ray cluster at {address} has {on_nodes.cores} cores, as this machine has; their "
                "number changes the last bits of embeddings: start larger nodes, or build on a smaller machine"
            )
        yield on_nodes
    except ray.exceptions.RayError as error:
        cause: Any = getattr(error, "cause", None) or error
        raise EncoderError(f"the Ray cluster at {address} failed: {type(cause).__name__}: {cause}") from error
    finally:
        ray.shutdown()
