"""Turn files into sha256 sums, and compare a folder with the sums it should have."""

import hashlib
from collections.abc import Mapping
from pathlib import Path


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def wrong_files(folder: Path, expected: Mapping[str, str]) -> list[str]:
    """Return one sentence for each file of `expected` (name -> sha256) that is missing from `folder` or differs."""
    faults = []
    for name, sha256 in sorted(expected.items()):
        path = folder / name
        if not path.is_file():
            faults.append(f"{path}: missing")
        elif (found := file_sha256(path)) != sha256:
            faults.append(f"{path}: sha256 is {found}, expected {sha256}")
    return faults
