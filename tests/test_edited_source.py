"""A release with edits on top is the same source as a catalogue in which the same was changed by hand."""

from pathlib import Path

import pytest

from indexer.edits import Edit, EditedPractices, edited_source, entity_tag
from indexer.practice import Practice
from indexer.release import Release
from indexer.source import CatalogueSource
from tests.fakes import PRACTICES, calibrated_source, practice_table, small_source
from tests.test_build import build, contents

NEW = Practice(id="new", title="Night bus for trainees")
CHANGED = PRACTICES[1].model_copy(update={"region": "Bremen"})
EDITS = (Edit("new", PRACTICES[0].model_copy(update={"id": "new"})), Edit(PRACTICES[2].id, None))
EDITS += (Edit(CHANGED.id, CHANGED), Edit("new", NEW), Edit("gone", NEW), Edit("gone", None))
BY_HAND = (PRACTICES[0], CHANGED, *PRACTICES[3:], NEW)


@pytest.fixture
def edited(tmp_path: Path) -> EditedPractices:
    return EditedPractices(practice_table(tmp_path), EDITS)


def test_a_practice_keeps_its_place_and_a_new_one_comes_last(edited: EditedPractices) -> None:
    assert tuple(edited) == BY_HAND
    assert len(edited) == len(BY_HAND)
    assert [edited[at] for at in range(len(edited))] == [*BY_HAND]
    assert edited[-1] == NEW
    assert edited[1:-1] == [*BY_HAND[1:-1]]
    with pytest.raises(IndexError, match=f"row {len(BY_HAND)} of {len(BY_HAND)} practices"):
        edited[len(BY_HAND)]


def test_a_practice_is_found_as_it_was_last_written(edited: EditedPractices) -> None:
    assert edited.practice("new") == NEW
    assert edited.practice(CHANGED.id) == CHANGED
    assert edited.practice(PRACTICES[0].id) == PRACTICES[0]
    assert [edited.practice(one) for one in (PRACTICES[2].id, "gone", "never")] == [None, None, None]


def test_successors_are_those_of_the_practices_that_are_there(tmp_path: Path) -> None:
    practices = (
        *PRACTICES[:2],
        Practice(id="a", title="A", succeeded_by=PRACTICES[0].id),
        Practice(id="b", title="B", succeeded_by=PRACTICES[1].id),
        Practice(id="c", title="C", description='says "succeeded_by":"a" in its text', succeeded_by="a"),
    )
    edits = [Edit("a", None), Edit("b", practices[3].model_copy(update={"succeeded_by": "c"}))]
    assert EditedPractices(practice_table(tmp_path, practices), []).successors() == {
        "a": PRACTICES[0].id,
        "b": PRACTICES[1].id,
        "c": "a",
    }
    assert EditedPractices(practice_table(tmp_path, practices), edits).successors() == {"b": "c", "c": "a"}


@pytest.mark.parametrize("source", [small_source(), calibrated_source()], ids=["small", "calibrated"])
def test_the_release_of_edits_has_the_bytes_of_one_of_the_changed_catalogue(
    tmp_path: Path, source: CatalogueSource
) -> None:
    edits = [Edit(CHANGED.id, CHANGED), Edit("new", NEW)]
    by_hand = small_source([CHANGED if one.id == CHANGED.id else one for one in source.practices] + [NEW])
    by_hand = CatalogueSource(
        source.name, by_hand.practices, source.vocabulary, source.thesaurus, source.probes, source.roles
    )
    base: Release = build(tmp_path / "base", source)
    found = build(tmp_path / "base", edited_source(base, edits))
    assert contents(found.folder) == contents(build(tmp_path / "by-hand", by_hand).folder)


def test_a_practice_that_is_removed_answers_no_probe_any_more(tmp_path: Path) -> None:
    base = build(tmp_path, calibrated_source())
    removed = next(one for probe in calibrated_source().probes for one in probe.relevant or ())
    probes = edited_source(base, [Edit(removed, None)]).probes
    assert [probe.text for probe in probes] == [probe.text for probe in calibrated_source().probes]
    for before, after in zip(calibrated_source().probes, probes, strict=True):
        kept = None if before.relevant is None else tuple(one for one in before.relevant if one != removed)
        assert after.relevant == kept


def test_a_tag_tells_records_apart_and_says_nothing_of_how_they_were_written() -> None:
    again = Practice.model_validate_json(PRACTICES[0].model_dump_json())
    assert entity_tag(PRACTICES[0]) == entity_tag(again)
    assert len({entity_tag(one) for one in (*PRACTICES, CHANGED)}) == len(PRACTICES) + 1
    assert entity_tag(NEW).startswith('"')
    assert entity_tag(NEW).endswith('"')
