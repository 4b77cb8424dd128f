"""Releases on disk are listed, found by how they begin, gone back to and removed; the one that answers never is."""

import shutil
from pathlib import Path

import pytest

from indexer.practice_table import PRACTICES_FILE
from indexer.release import Release, activate, linked_id, load_release
from indexer.release_files import CURRENT, PREVIOUS, ReleaseError
from indexer.releases import find_release, list_releases, prune, roll_back
from tests.fakes import PRACTICES, small_source
from tests.test_build import build


@pytest.fixture
def ids(tmp_path: Path) -> list[str]:
    """The ids of three releases in the order in which they were built."""
    return [build(tmp_path, small_source(PRACTICES[:size])).manifest.release_id for size in (2, 3, 4)]


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    return tmp_path / "releases"


def test_releases_are_listed_with_the_current_one_and_the_one_before_it(ids: list[str], releases: Path) -> None:
    found = {one.release_id: one for one in list_releases(releases)}
    assert set(found) == set(ids)
    assert [one for one in found if found[one].is_current] == [ids[2]]
    assert [one for one in found if found[one].is_previous] == [ids[1]]
    assert all(one.manifest is not None and one.size > 1_000 and not one.fault for one in found.values())


def test_a_release_that_cannot_be_read_is_listed_with_its_fault(ids: list[str], releases: Path) -> None:
    (releases / ids[0] / "manifest.json").write_text("{", encoding="utf-8")
    [damaged] = [one for one in list_releases(releases) if one.manifest is None]
    assert damaged.release_id == ids[0]
    assert "is damaged" in damaged.fault


def test_there_is_nothing_to_list_where_there_is_no_folder(tmp_path: Path) -> None:
    assert list_releases(tmp_path / "nowhere") == []


def test_a_release_is_found_by_its_beginning_and_by_its_links(ids: list[str], releases: Path) -> None:
    assert find_release(releases, ids[0][:8]) == releases / ids[0]
    assert find_release(releases, CURRENT) == releases / ids[2]
    assert find_release(releases, PREVIOUS) == releases / ids[1]
    for name, problem in (("nix", "there is none"), ("", "there is none")):
        with pytest.raises(ReleaseError, match=problem):
            find_release(releases, name)


def test_to_go_back_twice_is_to_undo_it(ids: list[str], releases: Path) -> None:
    assert roll_back(releases) == ids[1]
    assert (linked_id(releases, CURRENT), linked_id(releases, PREVIOUS)) == (ids[1], ids[2])
    assert load_release(releases / CURRENT).manifest.release_id == ids[1]
    assert roll_back(releases) == ids[2]


def test_what_has_to_be_done_before_is_done_with_the_release_that_is_gone_back_to(
    ids: list[str], releases: Path
) -> None:
    def refuse(release: Release) -> None:
        raise ReleaseError(f"{release.manifest.release_id} is not held")

    with pytest.raises(ReleaseError, match=f"{ids[1]} is not held"):
        roll_back(releases, before=refuse)
    assert linked_id(releases, CURRENT) == ids[2]


def test_nobody_goes_back_to_a_damaged_release(ids: list[str], releases: Path) -> None:
    (releases / ids[1] / PRACTICES_FILE).write_bytes(b"")
    with pytest.raises(ReleaseError, match="is damaged"):
        roll_back(releases)
    assert linked_id(releases, CURRENT) == ids[2]


def test_nobody_goes_back_to_a_release_that_was_removed(ids: list[str], releases: Path) -> None:
    shutil.rmtree(releases / ids[1])
    with pytest.raises(ReleaseError, match="is not a release"):
        roll_back(releases)
    assert linked_id(releases, CURRENT) == ids[2]


def test_there_is_nothing_to_go_back_to_after_one_release(tmp_path: Path, releases: Path) -> None:
    build(tmp_path)
    build(tmp_path)
    with pytest.raises(ReleaseError, match="was current before"):
        roll_back(releases)


def test_after_a_kill_between_the_two_links_it_is_not_said_that_it_went_back(ids: list[str], releases: Path) -> None:
    (releases / PREVIOUS).unlink()
    (releases / PREVIOUS).symlink_to(ids[2])
    with pytest.raises(ReleaseError, match="was current before"):
        roll_back(releases)
    activate(releases, ids[0])
    assert roll_back(releases) == ids[2]


@pytest.mark.parametrize("keep", [0, 1, 2, 3, 9])
def test_old_releases_are_removed_but_never_the_two_that_may_answer(ids: list[str], releases: Path, keep: int) -> None:
    removed = prune(releases, keep)
    left = {one.release_id for one in list_releases(releases)}
    assert left == set(ids) - set(removed)
    assert {ids[1], ids[2]} <= left
    assert (ids[0] in left) == (keep >= 3)
    assert [path.name for path in releases.iterdir() if path.name.startswith(".")] == []
