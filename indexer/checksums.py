"""Turn files into checksums, and compare a folder with the sums it should have."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

LARGEST_WHOLE = 2**28
"""Bytes up to which all of a file is read at each start: a quarter of a second. Larger ones are sampled."""

_SAMPLED = "sampled-sha256:"
_PIECES, _PIECE = 256, 2**16


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_sum(path: Path) -> str:
    """Return the sha256 of a file; of one above `LARGEST_WHOLE` that of a sample, as a service starts with these sums.

    A sample is the size and 256 pieces of 64 KiB, spread evenly from the first byte to the last; it is marked as such.
    """
    return _sampled_sum(path) if path.stat().st_size > LARGEST_WHOLE else file_sha256(path)


def wrong_files(folder: Path, expected: Mapping[str, str]) -> list[str]:
    """Return one sentence for each file of `expected` (name -> sum) that is missing from `folder` or differs."""
    faults = []
    for name, wanted in sorted(expected.items()):
        path = folder / name
        if not path.is_file():
            faults.append(f"{path}: missing")
            continue
        try:
            found = _sampled_sum(path) if wanted.startswith(_SAMPLED) else file_sha256(path)
        except OSError as error:
            faults.append(f"{path}: cannot be read ({error.strerror})")
            continue
        if found != wanted:
            faults.append(f"{path}: sha256 is {found}, expected {wanted}")
    return faults


def _sampled_sum(path: Path) -> str:
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for number in range(_PIECES):
            file.seek(max(0, size - _PIECE) * number // (_PIECES - 1))
            digest.update(file.read(_PIECE))
    return f"{_SAMPLED}{digest.hexdigest()}"
