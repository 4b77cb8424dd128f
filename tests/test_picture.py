"""The map of the practices: where each dot is, which group it belongs to, and what is left out of a large one."""

from collections.abc import Sequence

import pytest

from service.pages import picture
from service.pages.page_state import ColourBy
from service.pages.picture import HEIGHT, MARGIN, WIDTH, Group, Picture, picture_of
from service.retriever import Retriever
from service.schemas import HitModel, PracticeSummary
from service.wording import wording
from tests.fakes import PRACTICES

IDS = [practice.id for practice in PRACTICES]


def hits(*practice_ids: str) -> list[HitModel]:
    by_id = {practice.id: practice for practice in PRACTICES}
    return [
        HitModel(
            rank=rank,
            score=1 / rank,
            confidence=None,
            practice=PracticeSummary.model_validate(by_id[practice_id]),
            explanation=None,
        )
        for rank, practice_id in enumerate(practice_ids, start=1)
    ]


def drawn(
    retriever: Retriever, found: Sequence[HitModel] = (), *, colour: ColourBy = "approaches", language: str = "en"
) -> Picture:
    return picture_of(retriever, colour, found, wording(language))


def ids(one: Picture) -> list[str]:
    return [dot.practice.id for dot in one.dots]


def test_every_practice_is_a_dot_at_its_place_of_the_layout_within_the_margins(retriever: Retriever) -> None:
    one = drawn(retriever)

    assert ids(one) == IDS
    assert (one.total, one.width, one.height) == (4, WIDTH, HEIGHT)
    for dot, (x, y) in zip(one.dots, retriever.release.parts.layout, strict=True):
        assert (dot.x, dot.y) == pytest.approx((30 + 940 * x, 30 + 580 * y), abs=0.05)
        assert MARGIN <= dot.x <= WIDTH - MARGIN
        assert MARGIN <= dot.y <= HEIGHT - MARGIN


def test_hits_come_last_by_rank_and_lie_where_they_lay_before(retriever: Retriever) -> None:
    before = {dot.practice.id: (dot.x, dot.y) for dot in drawn(retriever).dots}
    one = drawn(retriever, hits("absence-call", "mentors"))

    assert [(dot.practice.id, dot.rank) for dot in one.dots] == [
        ("second-school", None),
        ("street-work", None),
        ("absence-call", 1),
        ("mentors", 2),
    ]
    assert {dot.practice.id: (dot.x, dot.y) for dot in one.dots} == before


def test_the_table_has_the_hits_by_rank_and_then_the_others_by_title(retriever: Retriever) -> None:
    one = drawn(retriever, hits("street-work", "absence-call"))

    assert [dot.practice.title for dot in one.table] == [
        "Street work",
        "Absence follow-up",
        "Second chance school",
        "Senior mentors",
    ]
    assert [dot.practice.title for dot in drawn(retriever).table] == [
        "Absence follow-up",
        "Second chance school",
        "Senior mentors",
        "Street work",
    ]


def test_a_dot_has_the_first_of_its_values_that_has_a_group(
    retriever: Retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture, "GROUPS", 1)
    one = drawn(retriever)

    assert {dot.practice.id: (dot.group, dot.label) for dot in one.dots} == {
        "mentors": (1, "Mentoring"),
        "second-school": (0, "Second-chance education"),
        "absence-call": (0, "Managing absence"),
        "street-work": (1, "Mentoring"),
    }
    assert one.groups == (Group(1, "mentoring", "Mentoring", 2), Group(0, "", "Others", 2))


def test_groups_are_numbered_by_how_many_practices_have_them_and_only_those_that_are_drawn_are_named(
    retriever: Retriever,
) -> None:
    one = drawn(retriever)

    assert [dot.group for dot in one.dots] == [1, 5, 2, 4]
    assert one.groups == (
        Group(1, "mentoring", "Mentoring", 1),
        Group(2, "absence-management", "Managing absence", 1),
        Group(4, "outreach", "Outreach", 1),
        Group(5, "second-chance", "Second-chance education", 1),
    )


def test_colours_by_country_are_named_in_the_language_of_the_reader(retriever: Retriever) -> None:
    one = drawn(retriever, colour="country", language="fr")

    assert one.groups == (
        Group(1, "DE", "Allemagne", 2),
        Group(2, "GR", "Grèce", 1),
        Group(3, "NL", "Pays-Bas", 1),
    )
    assert [(dot.group, dot.country, dot.label) for dot in one.dots] == [
        (1, "Allemagne", "Allemagne"),
        (2, "Grèce", "Grèce"),
        (3, "Pays-Bas", "Pays-Bas"),
        (1, "Allemagne", "Allemagne"),
    ]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((), ["mentors", "street-work"]),
        (("second-school",), ["mentors", "street-work", "second-school"]),
        (("street-work", "second-school", "absence-call"), ["mentors", "street-work", "second-school", "absence-call"]),
    ],
)
def test_of_a_large_catalogue_an_even_sample_and_every_hit_is_drawn(
    retriever: Retriever, monkeypatch: pytest.MonkeyPatch, found: tuple[str, ...], expected: list[str]
) -> None:
    monkeypatch.setattr(picture, "MOST_DRAWN", 2)
    one = drawn(retriever, hits(*found))

    assert ids(one) == expected
    assert one.total == 4
    assert sum(group.count for group in one.groups) == len(expected)
