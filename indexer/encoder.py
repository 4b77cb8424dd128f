"""Turn texts into embeddings, with an exported encoder: no torch, and of its tokens only those that occur in memory."""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from indexer.passages import split_text
from indexer.registry import EncoderSpec
from indexer.token_table import TokenTable
from indexer.tokens import read_tokenizer

Embedding = npt.NDArray[np.float32]
"""One vector (dim,), float32, unit length."""

Embeddings = npt.NDArray[np.float32]
"""A matrix (n, dim), float32, unit rows."""

GraphInputs = Mapping[str, npt.NDArray[Any]]
"""What a graph is run with, by the names of its inputs."""

SPEC_FILE = "spec.json"
GRAPH_FILE = "encoder.onnx"
VECTORS_INPUT, MASK_INPUT = "inputs_embeds", "attention_mask"

_TOKENS_AT_ONCE = 512
"""Tokens of one batch, filled up ones counted: as fast as 2,048 on documents and faster on questions, for a third of
the memory (70 MB instead of 210 beside the encoder's own)."""

_LEAST_FILLED = 0.85
"""Length of the shortest text of a batch by that of the longest: what is filled up costs as much as what is read."""

_RUN_TOKENS = 10
"""Tokens that a run of its own costs as much as, whatever it holds: up to so many may be filled up in a short text."""


class Encoder(Protocol):
    """What the product needs of an encoder; `spec` says which one it is."""

    @property
    def spec(self) -> EncoderSpec:
        """Return the registry entry of this encoder."""
        ...

    @property
    def folder(self) -> Path | None:
        """Return the exported files of this encoder, which a release takes along; None for one that has none."""
        ...

    def count_tokens(self, text: str) -> int:
        """Return how many tokens the encoder reads for a document, its prompt and special tokens included."""
        ...

    def encode_documents(self, texts: Sequence[str]) -> Embeddings:
        """Return one row a text, in order; a text of any length is read whole."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """Return one row a text, in order; a text of any length is read whole."""
        ...


def unit_rows(matrix: npt.NDArray[np.float32]) -> Embeddings:
    """Return the rows scaled to unit length; a row of zeros stays zero."""
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    rows: Embeddings = (matrix / np.maximum(lengths, np.finfo(np.float32).tiny)).astype(np.float32, copy=False)
    return rows


class OnnxEncoder:
    """An encoder run by onnxruntime on the CPU, from a folder that `export_encoder` made.

    `threads` work on one batch together: as many as there are cores for each process that encodes.
    """

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        self._folder = folder
        self._threads = threads or os.cpu_count() or 1
        self._spec = EncoderSpec.model_validate_json((folder / SPEC_FILE).read_text(encoding="utf-8"))
        self._tokenizer = read_tokenizer(folder)
        self._table = TokenTable(folder)

    @cached_property
    def _session(self) -> Any:  # noqa: ANN401  onnxruntime has no types
        import onnxruntime  # noqa: PLC0415  only on use: most commands encode nothing

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a waiting thread leaves the core
        options.enable_cpu_mem_arena = False  # which would keep what the largest batch has ever taken
        return onnxruntime.InferenceSession(str(self._folder / GRAPH_FILE), options, providers=["CPUExecutionProvider"])

    def start(self) -> None:
        """Start the threads now and not with the first text."""
        _ = self._session

    def rest(self) -> None:
        """End the threads; the next text starts them again. For a process that will be forked: its forks lose them.

        A single one is the caller's: what it has loaded stays, and the forks share it.
        """
        if self._threads > 1:
            self.__dict__.pop("_session", None)

    @property
    def spec(self) -> EncoderSpec:
        """Return the registry entry of this encoder."""
        return self._spec

    @property
    def folder(self) -> Path | None:
        """Return the exported files of this encoder."""
        return self._folder

    def count_tokens(self, text: str) -> int:
        """Return how many tokens the encoder reads for a document, its prompt and special tokens included."""
        return self._tokenizer.count(self._spec.document_prompt + text)

    def graph_inputs(self, text: str, prompt: str) -> GraphInputs:
        """Return what the graph reads for a text that is no longer than `max_tokens`."""
        return self._inputs([self._tokenizer.ids(prompt + text)])

    def encode_documents(self, texts: Sequence[str]) -> Embeddings:
        """Return one row a text, in order; a text of any length is read whole."""
        return self._encode_whole(texts, self._spec.document_prompt)

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """Return one row a text, in order; a text of any length is read whole."""
        return self._encode_whole(texts, self._spec.query_prompt)

    def _encode_whole(self, texts: Sequence[str], prompt: str) -> Embeddings:
        """Read a text longer than `max_tokens` in windows; its embedding is their mean, weighted by their lengths."""
        windows: list[list[int]] = []
        owners: list[int] = []
        weights: list[int] = []
        for owner, text in enumerate(texts):
            for ids, length in self._windows(text, prompt):
                windows.append(ids)
                owners.append(owner)
                weights.append(length)
        rows = self._encode(windows)
        if len(windows) == len(texts):
            return rows
        sums = np.zeros((len(texts), self._spec.dim), dtype=np.float32)
        np.add.at(sums, owners, rows * np.array(weights, dtype=np.float32)[:, None])
        return unit_rows(sums)

    def _windows(self, text: str, prompt: str) -> Iterator[tuple[list[int], int]]:
        """Yield the token ids of each window of a text, and its weight: how many characters it has, one at least."""
        ids = self._tokenizer.ids(prompt + text)
        if len(ids) <= self._spec.max_tokens:
            yield ids, max(1, len(text))  # an empty text has a direction too
            return
        limits = split_text(
            text,
            max_tokens=self._spec.max_tokens,
            count_tokens=lambda part: len(self._tokenizer.ids(prompt + part)),
        )
        for start, end in limits:
            yield self._tokenizer.ids(prompt + text[start:end]), end - start

    def _encode(self, sequences: Sequence[Sequence[int]]) -> Embeddings:
        """Return one row a sequence of token ids; those of like length go together, so that little is filled up."""
        rows = np.empty((len(sequences), self._spec.dim), dtype=np.float32)
        for batch in _batches([len(ids) for ids in sequences]):
            (rows[batch],) = self._session.run(None, self._inputs([sequences[place] for place in batch]))
        return rows

    def _inputs(self, sequences: Sequence[Sequence[int]]) -> GraphInputs:
        """Return what the graph reads for some sequences of token ids; the shorter ones are filled up."""
        lengths = np.array([len(ids) for ids in sequences])
        is_read = np.arange(lengths.max()) < lengths[:, None]
        vectors = np.zeros((*is_read.shape, self._spec.dim), dtype=np.float32)
        ids = np.concatenate([np.asarray(one, dtype=np.int64) for one in sequences])
        vectors[is_read] = self._table.vectors(ids)
        return {VECTORS_INPUT: vectors, MASK_INPUT: is_read.astype(np.int64)}


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the places of all sequences, the longest first, those of like length together.

    At most `_TOKENS_AT_ONCE` tokens a batch, but one sequence at least.
    """
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    batch: list[int] = []
    for place in order:
        longest = lengths[batch[0]] if batch else lengths[place]
        is_full = (len(batch) + 1) * longest > _TOKENS_AT_ONCE
        if batch and (is_full or lengths[place] < min(_LEAST_FILLED * longest, longest - _RUN_TOKENS)):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
