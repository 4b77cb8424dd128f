"""The folder of releases: which there are, which one answers, and how to go back to the one before."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from indexer.drafts import draft_folder
from indexer.manifest import Manifest, read_manifest
from indexer.release import Release, activate, linked_id, load_release
from indexer.release_files import CURRENT, PREVIOUS, ReleaseError


@dataclass(frozen=True, slots=True)
class ListedRelease:
    """A release on disk. `manifest` is None where it cannot be read; `fault` says why then."""

    release_id: str
    manifest: Manifest | None
    fault: str
    is_current: bool
    is_previous: bool
    size: int
    """Bytes of its files, those that it shares with other releases counted too."""


def list_releases(releases: Path) -> list[ListedRelease]:
    """Return all releases in a folder, the one built last first."""
    names = [path for path in releases.iterdir() if path.is_dir()] if releases.is_dir() else []
    folders = [path for path in names if not path.is_symlink() and not path.name.startswith(".")]
    current, previous = linked_id(releases, CURRENT), linked_id(releases, PREVIOUS)
    found = []
    for folder in sorted(folders, key=lambda one: one.stat().st_mtime_ns, reverse=True):
        manifest, fault = None, ""
        try:
            manifest = read_manifest(folder)
        except ReleaseError as error:
            fault = str(error)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        name = folder.name
        found.append(ListedRelease(name, manifest, fault, name == current, name == previous, size))
    return found


def find_release(releases: Path, name: str) -> Path:
    """Return the folder of a release by its id, the beginning of it, or the name of a link. Raises ReleaseError."""
    names = [one.release_id for one in list_releases(releases)]
    wanted = linked_id(releases, name) if name in (CURRENT, PREVIOUS) else name
    found = [one for one in names if wanted and one.startswith(wanted)]
    if len(found) != 1:
        problem = "several releases begin like that" if found else "there is none"
        raise ReleaseError(f"no release '{name}' in {releases}: {problem}; there are: {', '.join(names) or 'none'}")
    return releases / found[0]


def roll_back(releases: Path, *, before: Callable[[Release], None] = lambda _: None) -> str:
    """Make the release current that was so before, and return its id; to do it twice is to undo it.

    `before` is called with it before it is current. Raises ReleaseError where there is none, it is not sound, or
    `before` says so; then nothing has changed.
    """
    previous = linked_id(releases, PREVIOUS)
    if previous is None or previous == linked_id(releases, CURRENT):  # the latter after a kill between the two links
        raise ReleaseError(f"no release in {releases} was current before; `practices releases` lists what there is")
    before(load_release(releases / previous))
    activate(releases, previous)
    return previous


def prune(releases: Path, keep: int) -> list[str]:
    """Remove all releases but the current one, the one before it, and the `keep` built last; return the ids removed."""
    removed = [one for one in list_releases(releases)[keep:] if not (one.is_current or one.is_previous)]
    for one in removed:
        with draft_folder(releases) as bin_folder:  # so that a removal that is killed leaves no half of a release
            (releases / one.release_id).rename(bin_folder / one.release_id)
            shutil.rmtree(bin_folder / one.release_id)
    return [one.release_id for one in removed]
