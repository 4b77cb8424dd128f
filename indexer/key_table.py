"""Turn many strings into a table on disk that finds each of them again, without holding one of them in memory."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer.columns import Rows, part_of, read_column, write_column

Hashes = npt.NDArray[np.uint64]

_BYTES = 8


class KeyTable:
    """Distinct strings numbered from 0 in the order in which they were added; 12 bytes each, memory-mapped.

    A string is known by 64 bits of its BLAKE2b hash: `build` refuses two strings of one hash (of two million, one pair
    in ten million tables), and a string that was never added is taken for one that was once in 10^13 times.
    """

    def __init__(self, hashes: Hashes, numbers: npt.NDArray[np.int32]) -> None:
        self._hashes = hashes
        self._numbers = numbers

    @classmethod
    def build(cls, hashes: Hashes) -> Self:
        """Return the table of strings with these hashes (n,), in their order.

        Raises ValueError where two are the same.
        """
        order = np.argsort(hashes, kind="stable")
        ordered = hashes[order]
        if len(ordered) and bool((ordered[1:] == ordered[:-1]).any()):
            raise ValueError("two keys have the same hash")
        return cls(ordered, order.astype(np.int32))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the table that `save` wrote. Raises OSError or ValueError when a file is missing or damaged."""
        return cls(read_column(part_of(path, "hashes")), read_column(part_of(path, "numbers")))

    def save(self, path: Path) -> None:
        """Write the table as two files beside `path`, which is their name without an end."""
        write_column(part_of(path, "hashes"), self._hashes)
        write_column(part_of(path, "numbers"), self._numbers)

    def __len__(self) -> int:
        """Return the number of strings."""
        return len(self._hashes)

    def numbers(self, keys: Sequence[str]) -> Rows:
        """Return the number (k,) of each string, -1 where it is not in the table."""
        if not len(self._hashes) or not keys:
            return np.full(len(keys), -1, dtype=np.int64)
        wanted = key_hashes(keys)
        places = np.minimum(np.searchsorted(self._hashes, wanted), len(self._hashes) - 1)
        return np.where(self._hashes[places] == wanted, self._numbers[places], -1).astype(np.int64)

    def number(self, key: str) -> int | None:
        """Return the number of a string, None where it is not in the table."""
        number = int(self.numbers([key])[0])
        return number if number >= 0 else None


def key_hashes(keys: Iterable[str]) -> Hashes:
    """Return the hashes (n,) by which strings are known."""
    whole = b"".join(hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest() for key in keys)
    return np.frombuffer(whole, dtype="<u8").astype(np.uint64)
