"""Give a node of a Ray cluster an encoder, to cut practices and to encode texts, or embeddings, to build an index."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from platformdirs import user_cache_path

from indexer.checksums import file_sha256, wrong_files
from indexer.drafts import draft_folder
from indexer.encoder import Embeddings, Encoder, OnnxEncoder
from indexer.passage_embeddings import windows_of
from indexer.passages import Limits
from indexer.practice import Practice
from indexer.registry import EncoderError
from indexer.row_blocks import Matrix, blocks, in_blocks, new_matrix

_TOLD = "A retired master meets each apprentice once a week, away from the workshop. "
_PROOF_TEXTS = ("Night bus", _TOLD, 2 * _TOLD, 5 * _TOLD, 8 * _TOLD)
"""Texts of several lengths: processors and libraries that differ do not round all of them in the same way."""


@dataclass(frozen=True, slots=True)
class SentEncoder:
    """An exported encoder as a cluster has it: name and sha256 of each file, and a reference to their bytes.

    `threads` work on one batch together. Their number changes the last bit of some embeddings: it is that of the
    machine that builds the release.
    """

    sums: tuple[tuple[str, str], ...]
    contents: Any
    threads: int


@dataclass(frozen=True, slots=True)
class SentRows:
    """The rows of a matrix (n, dim) as a cluster has them: references to them, a block each, in order."""

    shape: tuple[int, int]
    contents: Sequence[Any]


@dataclass(frozen=True, slots=True)
class EncodedBatch:
    """One row a text, on which node they were made, and the proof of its encoder, as `proof` returns it."""

    rows: Embeddings
    node: str
    proof: str


def send_encoder(folder: Path, threads: int) -> SentEncoder:
    """Put the files of an exported encoder into the memory of the cluster, from where each node takes them once."""
    import ray  # noqa: PLC0415  extra `ray`

    paths = sorted(path for path in folder.iterdir() if path.is_file())
    contents = {path.name: np.fromfile(path, dtype=np.uint8) for path in paths}
    return SentEncoder(tuple((path.name, file_sha256(path)) for path in paths), ray.put(contents), threads)


def send_rows(rows: Matrix) -> SentRows:
    """Put rows (n, dim) into the memory of the cluster, block by block: they may be mapped from a file."""
    import ray  # noqa: PLC0415  extra `ray`

    size, dim = rows.shape
    return SentRows((size, dim), [ray.put(np.asarray(block)) for block in in_blocks(rows)])


def proof(encoder: Encoder) -> str:
    """Return the sha256 of the embeddings of a few texts: encoders that round alike have the same."""
    return hashlib.sha256(encoder.encode_documents(_PROOF_TEXTS).tobytes()).hexdigest()


def cut_block(sent: SentEncoder, practices: Sequence[Practice]) -> list[list[Limits]]:
    """Return the windows of some practices."""
    return list(windows_of(practices, _encoder(sent)))


def encode_batch(sent: SentEncoder, texts: Sequence[str]) -> EncodedBatch:
    """Return the embeddings of some texts."""
    import ray  # noqa: PLC0415  extra `ray`

    node = f"{ray.util.get_node_ip_address()} ({ray.get_runtime_context().get_node_id()[:8]})"
    return EncodedBatch(_encoder(sent).encode_documents(texts), node, _proof(sent))


def build_index(sent: SentRows, most_exact: int) -> dict[str, npt.NDArray[np.uint8]]:
    """Return the bytes of the files that `VectorIndex.build` writes, by their names; mapped, not copied."""
    import ray  # noqa: PLC0415  extra `ray`

    # faiss takes as many threads as the task that it is loaded in has cores.
    from indexer.vectors import VectorIndex  # noqa: PLC0415

    with draft_folder(user_cache_path("practices") / "indexes") as draft:
        rows = new_matrix(draft / "rows.npy", sent.shape, np.float32)
        for block, content in zip(blocks(len(rows)), sent.contents, strict=True):
            rows[block] = ray.get(content)
        VectorIndex.build(rows, draft / "index", most_exact=most_exact)
        paths = sorted((draft / "index").iterdir())
        return {path.name: np.asarray(np.memmap(path, np.uint8, "r")) for path in paths}


@lru_cache(maxsize=1)
def _encoder(sent: SentEncoder) -> OnnxEncoder:
    """Return the encoder that was sent; a process loads it once, and a node keeps its files in the user's cache."""
    import ray  # noqa: PLC0415  extra `ray`

    sums = dict(sent.sums)
    folder = user_cache_path("practices") / "encoders" / hashlib.sha256(repr(sent.sums).encode()).hexdigest()[:16]
    if wrong_files(folder, sums):
        write_files(folder, ray.get(sent.contents))
        faults = wrong_files(folder, sums)
        if faults:
            raise EncoderError(f"the encoder did not reach a node whole: {'; '.join(faults)}; start again")
    return OnnxEncoder(folder, threads=sent.threads)


@lru_cache(maxsize=1)
def _proof(sent: SentEncoder) -> str:
    return proof(_encoder(sent))


def write_files(folder: Path, contents: Mapping[str, npt.NDArray[np.uint8]]) -> None:
    """Write each file in one step: other processes of the node may be writing the same ones, or reading them."""
    folder.mkdir(parents=True, exist_ok=True)
    with draft_folder(folder.parent) as draft:
        for name, content in contents.items():
            content.tofile(draft / name)
            (draft / name).replace(folder / name)
