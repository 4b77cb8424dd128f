"""Turn a release in a store into one in the folder of releases, where it is seen whole, checked, or not at all."""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from indexer.checksums import wrong_files
from indexer.drafts import draft_folder
from indexer.manifest import MANIFEST_FILE, Manifest, read_manifest
from indexer.release import load_release, publish, sound_release
from indexer.release_files import ReleaseError
from indexer.release_store import ReleaseStore, StoreError
from indexer.releases import list_releases

_MOST_FILES = 1_000  # those of the shipped catalogue are 60
_FILE_NAME = re.compile(r"(?!.{201})[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


def pull(store: ReleaseStore, release_id: str, releases: Path) -> bool:
    """Get a release from a store, not yet current; return False where a sound one of that id is there already.

    Files that a release on disk has are not fetched again. Raises StoreError where the store does not give what the
    manifest says; then nothing has changed.
    """
    if sound_release(releases / release_id) is not None:
        return False
    content = store.manifest(release_id)
    if content is None:
        raise StoreError(f"{store.address} has no whole release {release_id}; `practices push` puts one there")
    kept = _kept(releases)
    with draft_folder(releases) as draft:
        (draft / MANIFEST_FILE).write_bytes(content)
        try:
            manifest = _acceptable(read_manifest(draft), release_id)
            for name, wanted in sorted(manifest.files.items()):
                (draft / name).parent.mkdir(parents=True, exist_ok=True)
                if not _linked(kept, wanted, draft, name):
                    _fetch(store, release_id, name, draft / name)
            load_release(draft)
        except StoreError:
            raise
        except ReleaseError as error:
            raise StoreError(
                f"{store.address}/releases/{release_id} cannot be used as it came ({_told(error, draft)}); "
                "where it stays so, remove it there and `practices push` it again"
            ) from error
        publish(draft, releases, activates=False)
    return True


def _acceptable(manifest: Manifest, release_id: str) -> Manifest:
    """Return the manifest. Raises ReleaseError where it is another one's, or names what no folder of a release has."""
    if manifest.release_id != release_id:
        raise ReleaseError(f"its manifest is that of release {manifest.release_id[:64]!r}")
    strange = [name for name in manifest.files if not _FILE_NAME.fullmatch(name) or name == MANIFEST_FILE]
    if strange:
        raise ReleaseError(f"its manifest names the file {strange[0][:200]!r}, expected names of files within it")
    if len(manifest.files) > _MOST_FILES:
        raise ReleaseError(f"its manifest names {len(manifest.files)} files, expected at most {_MOST_FILES}")
    return manifest


def _kept(releases: Path) -> dict[str, Path]:
    """Return sum -> path of the files that the releases on disk have, by their manifests."""
    return {
        expected: releases / one.release_id / name
        for one in list_releases(releases)
        if one.manifest is not None
        for name, expected in one.manifest.files.items()
    }


def _linked(kept: Mapping[str, Path], wanted: str, draft: Path, name: str) -> bool:
    """Make a file of a draft of one on disk that has its sum; return whether there was one, and it still has it."""
    if wanted not in kept:
        return False
    try:
        os.link(kept[wanted], draft / name)
    except OSError:  # another file system, one without such links, or it has just been removed
        return False
    if wrong_files(draft, {name: wanted}):
        (draft / name).unlink()
        return False
    return True


def _fetch(store: ReleaseStore, release_id: str, name: str, target: Path) -> None:
    (size, pieces), free = store.file(release_id, name), shutil.disk_usage(target.parent).free
    if size > free:
        raise StoreError(f"{target.parent}: {size} bytes of release {release_id} and {free} that are free; make room")
    with target.open("wb") as file:
        file.writelines(pieces)


def _told(error: ReleaseError, draft: Path) -> str:
    """Return what an error says of a draft, in one line."""
    return " ".join(str(error).replace(f"{draft}/", "").split())
