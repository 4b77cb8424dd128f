"""How near an exported encoder is to the original one, measured on real texts."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from indexer.encoder import Embeddings

PARITY_FILE = "parity.json"

Encode = Callable[[Sequence[str]], Embeddings]


@dataclass(frozen=True, slots=True)
class Parity:
    """1 - cosine of the embeddings of the same texts, as questions and as documents."""

    texts: int
    mean_gap: float
    largest_gap: float


def measure_parity(texts: Sequence[str], pairs: Sequence[tuple[Encode, Encode]]) -> Parity:
    """Return how far two ways to encode are apart, over all pairs of them."""
    gaps = np.concatenate([np.abs(1 - (one(texts) * other(texts)).sum(axis=1)) for one, other in pairs])
    return Parity(texts=len(texts), mean_gap=float(gaps.mean()), largest_gap=float(gaps.max()))


def write_parity(folder: Path, parity: Parity) -> None:
    """Keep the parity of an exported encoder beside it."""
    (folder / PARITY_FILE).write_text(json.dumps(asdict(parity)), encoding="utf-8")


def read_parity(folder: Path) -> Parity:
    """Return the parity of the exported encoder in a folder."""
    return Parity(**json.loads((folder / PARITY_FILE).read_text(encoding="utf-8")))
