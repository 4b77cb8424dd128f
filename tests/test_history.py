"""A practice keeps the moment of its last change over releases in which it is the same."""

from pathlib import Path

import pytest

from indexer import build as building
from indexer.release_files import CHANGES_FILE
from tests.fakes import PRACTICES, small_source
from tests.test_build import build


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch):
    """Set the clock of the builds to come."""
    return lambda seconds: monkeypatch.setattr(building.time, "time", lambda: seconds)


def test_only_what_was_added_or_changed_gets_a_new_moment(tmp_path: Path, at) -> None:
    at(1_000)
    first = build(tmp_path, small_source(PRACTICES[:3]))
    at(2_000.9)
    changed = PRACTICES[1].model_copy(update={"region": "Bremen"})
    second = build(tmp_path, small_source((PRACTICES[3], PRACTICES[0], changed)))
    at(3_000)
    third = build(tmp_path, small_source((changed, PRACTICES[2], PRACTICES[3])))

    assert first.parts.changed_at.tolist() == [1_000, 1_000, 1_000]
    assert second.parts.changed_at.tolist() == [2_000, 1_000, 2_000]
    assert third.parts.changed_at.tolist() == [2_000, 3_000, 2_000]


def test_a_damaged_former_release_tells_nothing(tmp_path: Path, at) -> None:
    at(1_000)
    first = build(tmp_path, small_source(PRACTICES[:3]))
    (first.folder / CHANGES_FILE).write_bytes(b"")
    at(2_000)
    assert build(tmp_path, small_source(PRACTICES[:2])).parts.changed_at.tolist() == [2_000, 2_000]
