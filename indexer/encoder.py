"""Turn texts into embeddings. The only module that loads torch, and only when an encoder is loaded."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from indexer.passages import split_text
from indexer.registry import EncoderSpec

Embedding = npt.NDArray[np.float32]
"""One vector (dim,), float32, unit length."""

Embeddings = npt.NDArray[np.float32]
"""A matrix (n, dim), float32, unit rows."""

_BATCH = 32


class Encoder(Protocol):
    """What the product needs of an encoder; `spec` says which one it is."""

    @property
    def spec(self) -> EncoderSpec:
        """Return the registry entry of this encoder."""
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


class SentenceTransformerEncoder:
    """An encoder run by sentence-transformers on the CPU, from a folder that `locate_encoder` has verified."""

    def __init__(self, spec: EncoderSpec, folder: Path) -> None:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415  six seconds and 400 MB: only on use
        from transformers.utils import logging as transformers_logging  # noqa: PLC0415

        quiet: Any = transformers_logging  # its functions have no types
        quiet.set_verbosity_error()
        quiet.disable_progress_bar()
        self._spec = spec
        self._model: Any = SentenceTransformer(
            str(folder), device="cpu", local_files_only=True, model_kwargs={"use_safetensors": True}
        )
        self._model.max_seq_length = spec.max_tokens
        self._tokenizer: Any = self._model.tokenizer

    @property
    def spec(self) -> EncoderSpec:
        """Return the registry entry of this encoder."""
        return self._spec

    def count_tokens(self, text: str) -> int:
        """Return how many tokens the encoder reads for a document, its prompt and special tokens included."""
        return self._count(self._spec.document_prompt + text)

    def encode_documents(self, texts: Sequence[str]) -> Embeddings:
        """Return one row a text, in order; a text of any length is read whole."""
        return self._encode_whole(texts, self._spec.document_prompt)

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """Return one row a text, in order; a text of any length is read whole."""
        return self._encode_whole(texts, self._spec.query_prompt)

    def _encode_whole(self, texts: Sequence[str], prompt: str) -> Embeddings:
        """Read a text longer than `max_tokens` in windows; its embedding is their mean, weighted by their lengths."""
        windows: list[str] = []
        owners: list[int] = []
        for owner, text in enumerate(texts):
            limits = split_text(
                text, max_tokens=self._spec.max_tokens, count_tokens=lambda part: self._count(prompt + part)
            )
            for start, end in limits:
                windows.append(text[start:end])
                owners.append(owner)
        rows = self._encode(windows, prompt)
        if len(windows) == len(texts):
            return rows
        sums = np.zeros((len(texts), self._spec.dim), dtype=np.float32)
        weights = np.array([len(window) for window in windows], dtype=np.float32)
        np.add.at(sums, owners, rows * weights[:, None])
        return unit_rows(sums)

    def _count(self, text: str) -> int:
        return len(self._tokenizer(text, truncation=False, verbose=False)["input_ids"])

    def _encode(self, texts: Sequence[str], prompt: str) -> Embeddings:
        if not texts:
            return np.empty((0, self._spec.dim), dtype=np.float32)
        rows = self._model.encode(
            list(texts), prompt=prompt, batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False
        )
        return np.ascontiguousarray(rows, dtype=np.float32)
