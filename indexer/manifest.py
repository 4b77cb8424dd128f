"""Turn what is known of a release into its manifest, and a manifest back, checked against itself and an encoder."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from indexer.calibration import Calibration
from indexer.encoder import Encoder
from indexer.parity import Parity
from indexer.registry import EncoderSpec
from indexer.release_files import ReleaseError
from indexer.vectors import VectorIndexRecord

FORMAT_VERSION = 7
MANIFEST_FILE = "manifest.json"
_OWN_HASH = "sha256"

MIN_CANARY_COSINE = 0.997
"""Floats whose last bits another processor rounds otherwise become other integers: that moves a text by .0004 with the
default encoder and by .0015 with all-MiniLM-L6-v2. A missing prompt moves most by more, another encoder all."""


@dataclass(frozen=True, slots=True)
class Canary:
    """A text and its embedding at build time, compared at start: two encoders may have the same dimension."""

    text: str
    is_query: bool
    embedding: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class EncoderRecord:
    """The encoder that made the vectors of a release."""

    name: str
    identity: str
    revision: str
    dim: int
    max_tokens: int
    query_prompt: str
    document_prompt: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Counts:
    """What a release holds. `long_texts`: practices longer than the encoder sees, held in several windows.

    `sources` counts the addresses that anything of the practices was read at.
    """

    practices: int
    windows: int
    sentences: int
    long_texts: int
    sources: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The description of a release. `created_at` is UTC in ISO 8601; `files` maps names to sha256 sums.

    `parity` says how near the exported encoder within the release is to the original; None where there is none.
    """

    format_version: int
    release_id: str
    created_at: str
    duration_seconds: float
    catalogue_name: str
    catalogue_sha256: str
    encoder: EncoderRecord
    index: str
    vectors: VectorIndexRecord
    counts: Counts
    calibration: Calibration
    versions: Mapping[str, str]
    files: Mapping[str, str]
    canaries: tuple[Canary, ...]
    parity: Parity | None


_MANIFEST = TypeAdapter(Manifest)


def encoder_record(spec: EncoderSpec) -> EncoderRecord:
    """Return what a manifest says of an encoder."""
    return EncoderRecord(
        name=spec.name,
        identity=spec.identity,
        revision=spec.revision,
        dim=spec.dim,
        max_tokens=spec.max_tokens,
        query_prompt=spec.query_prompt,
        document_prompt=spec.document_prompt,
        files=dict(spec.files),
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a release, with a hash over itself; it is the last file of a complete folder."""
    content = asdict(manifest)
    text = json.dumps(content | {_OWN_HASH: _hash_of(content)}, indent=1, ensure_ascii=False)
    (folder / MANIFEST_FILE).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a release folder. Raises ReleaseError when it is missing, damaged or of another format."""
    path = folder / MANIFEST_FILE
    if not path.is_file():
        raise ReleaseError(f"{folder} is not a release: no {MANIFEST_FILE} in it; build one with `practices index`")
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = content.get("format_version")
        if version != FORMAT_VERSION:
            raise ReleaseError(
                f"{path}: format version is {version}, this program reads {FORMAT_VERSION}; "
                "rebuild the release with `practices index`"
            )
        if content.pop(_OWN_HASH, None) != _hash_of(content):
            raise ValueError("its own hash does not match")
        return _MANIFEST.validate_python(content)
    except (OSError, ValidationError, ValueError, AttributeError, RecursionError) as error:
        raise ReleaseError(f"{path} is damaged ({error}); rebuild the release with `practices index`") from error


def make_canaries(encoder: Encoder, texts: Sequence[str]) -> tuple[Canary, ...]:
    """Return every text once as a query and once as a document, with its embedding."""
    queries, documents = encoder.encode_queries(texts), encoder.encode_documents(texts)
    return tuple(
        Canary(text, is_query, tuple(round(float(value), 6) for value in row))
        for is_query, rows in ((True, queries), (False, documents))
        for text, row in zip(texts, rows, strict=True)
    )


def check_encoder(manifest: Manifest, encoder: Encoder) -> None:
    """Raise ReleaseError unless `encoder` is the one that built the release, by identity and by its own vectors."""
    advice = "rebuild the release with `practices index`, or give the service the encoder that built it"
    built, loaded = manifest.encoder.identity, encoder.spec.identity
    if built != loaded:
        raise ReleaseError(
            f"release {manifest.release_id} was built with encoder '{built}' but the service loads '{loaded}'; {advice}"
        )
    for is_query, encode in ((True, encoder.encode_queries), (False, encoder.encode_documents)):
        canaries = [canary for canary in manifest.canaries if canary.is_query == is_query]
        for canary, row in zip(canaries, encode([canary.text for canary in canaries]), strict=True):
            cosine = float(row @ np.asarray(canary.embedding, dtype=np.float32))
            if not cosine >= MIN_CANARY_COSINE:
                raise ReleaseError(
                    f"release {manifest.release_id}: encoder '{loaded}' gives '{canary.text}' a vector with cosine "
                    f"{cosine:.4f} to the one at build time, expected at least {MIN_CANARY_COSINE}; {advice}"
                )


def _hash_of(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
