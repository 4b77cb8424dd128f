"""Practices on disk are found by row and by id, and are sorted as people read them: unknown last, then by title."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.practice import Practice
from indexer.practice_table import PRACTICES_FILE, Order, PracticeTable, write_practice_table
from tests.fakes import PRACTICES, practice_table

IDS = [practice.id for practice in PRACTICES]

MANY = (
    Practice(id="f", title="evening class", country="PT", start_year=2010, evidence_level=1),
    Practice(id="e", title="Zeppelin"),
    Practice(id="d", title="Evening Class", country="DE", start_year=2010, evidence_level=4),
    Practice(id="c", title="École", country="DE", start_year=2020, evidence_level=0),
    Practice(id="b", title="apprentices"),
    Practice(id="a", title="Evening class", country="PT", start_year=2010, evidence_level=4),
    Practice(id="B", title="Bakery", country="AT", evidence_level=0),
)
"""Three titles are one but for the case, one begins with a letter after z; two practices say nothing of themselves."""


@pytest.fixture
def table(tmp_path: Path) -> PracticeTable:
    return practice_table(tmp_path)


def ids_in(order: Order, folder: Path, practices: tuple[Practice, ...] = MANY) -> str:
    table = practice_table(folder, practices)
    return "".join(table[int(row)].id for row in table.ordered(order))


def test_practices_are_as_they_were_written_by_row_and_in_order(table: PracticeTable) -> None:
    assert list(table) == list(PRACTICES)
    assert [table[row] for row in (3, 0, -2)] == [PRACTICES[3], PRACTICES[0], PRACTICES[2]]
    assert table[1:3] == list(PRACTICES[1:3])
    assert len(table) == 4


def test_all_that_a_practice_may_say_is_written_and_read(tmp_path: Path) -> None:
    full = Practice.model_validate(
        {
            "id": "full-é.1",
            "title": "„Zweite Chance“\u2028für alle",
            "description": "One\nline \u0000 and 😀.",
            "languages": ["de", "el"],
            "country": "GR",
            "status": "ended",
            "start_year": 2001,
            "end_year": 2001,
            "evidence_level": 0,
            "effect": "none",
            "results": [{"text": "All stayed.", "source": "https://a.example/?a=1&b=2"}],
            "sources": [{"url": "https://b.example", "retrieved": "2024-02-29"}],
            "is_verified": False,
        }
    )
    table = practice_table(tmp_path, (PRACTICES[0], full, PRACTICES[1]))
    assert table[1] == full
    assert table.row("full-é.1") == 1


def test_each_practice_is_one_line_of_json(tmp_path: Path) -> None:
    practice_table(tmp_path)
    lines = (tmp_path / PRACTICES_FILE).read_bytes().splitlines(keepends=True)
    assert [Practice.model_validate_json(line) for line in lines] == list(PRACTICES)
    assert {line[-1:] for line in lines} == {b"\n"}


def test_a_practice_is_found_by_its_id(table: PracticeTable) -> None:
    assert [table.row(practice_id) for practice_id in IDS] == [0, 1, 2, 3]


@pytest.mark.parametrize("practice_id", ["", "mentor", "Mentors", "mentors ", "zeppelin", "\ud800", "mentors\x00"])
def test_an_id_that_no_practice_has_has_no_row(table: PracticeTable, practice_id: str) -> None:
    assert table.row(practice_id) is None


def test_an_id_whose_hash_is_that_of_another_has_no_row(table: PracticeTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table._ids, "number", lambda _: 2)
    assert table.row("absence-call") == 2
    assert table.row("mentors") is None


def test_two_practices_of_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two keys have the same hash"):
        write_practice_table(tmp_path, (*PRACTICES, PRACTICES[0]))


def test_ranks_are_the_places_of_practices_in_the_order_of_their_ids(table: PracticeTable) -> None:
    # absence-call, mentors, second-school, street-work
    assert table.id_ranks(np.arange(4)).tolist() == [1, 2, 0, 3]
    assert table.id_ranks(np.array([2, 2, 3, 0])).tolist() == [0, 0, 3, 1]
    assert table.id_ranks(np.empty(0, dtype=np.int64)).tolist() == []


def test_ids_are_ordered_by_their_characters_whatever_their_case(tmp_path: Path) -> None:
    names = ("b", "a", "B", "é", "a-b", "10", "9")
    table = practice_table(tmp_path, tuple(Practice(id=name, title="Same") for name in names))
    assert [names[row] for row in np.argsort(table.id_ranks(np.arange(7)))] == ["10", "9", "B", "a", "a-b", "b", "é"]


def test_titles_are_sorted_without_case_and_equal_ones_by_id(tmp_path: Path) -> None:
    # apprentices, Bakery, three evening classes by id, Zeppelin, and É after z
    assert ids_in("title", tmp_path) == "bBadfec"


def test_countries_are_sorted_by_code_and_the_unknown_comes_last(tmp_path: Path) -> None:
    # AT: B; DE: Evening Class before École; PT: two of one title by id; no country: apprentices, Zeppelin
    assert ids_in("country", tmp_path) == "Bdcafbe"


def test_the_newest_comes_first_and_the_unknown_last(tmp_path: Path) -> None:
    # 2020: c; 2010: three of one title by id; no year: apprentices, Bakery, Zeppelin
    assert ids_in("newest", tmp_path) == "cadfbBe"


def test_the_best_evidence_comes_first_and_the_unknown_last(tmp_path: Path) -> None:
    # level 4: a, d; 1: f; 0, which is known: Bakery, École; none: apprentices, Zeppelin
    assert ids_in("evidence", tmp_path) == "adfBcbe"


@pytest.mark.parametrize("order", get_args(Order))
def test_where_nothing_is_known_the_title_decides(tmp_path: Path, order: Order) -> None:
    some = tuple(Practice(id=name, title=title) for name, title in (("x", "b"), ("y", "A"), ("w", "B")))
    assert ids_in(order, tmp_path, some) == "ywx"


YEARS = st.none() | st.integers(1990, 1993)
PRACTICE_LISTS = st.lists(
    st.tuples(
        st.sampled_from("aAbBßé"), st.sampled_from([None, "DE", "FR", "AT"]), YEARS, st.none() | st.integers(0, 4)
    ),
    max_size=12,
)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(PRACTICE_LISTS, st.randoms(use_true_random=False))
def test_every_order_is_that_of_plain_sorting(tmp_path_factory, facts, random) -> None:
    names = [f"p{number}" for number in range(len(facts))]
    random.shuffle(names)
    practices = tuple(
        Practice(id=name, title=title, country=country, start_year=year, evidence_level=level)
        for name, (title, country, year, level) in zip(names, facts, strict=True)
    )
    table = practice_table(tmp_path_factory.mktemp("table"), practices)

    def sorted_by(unknown_last) -> list[str]:
        return [one.id for one in sorted(practices, key=lambda one: (*unknown_last(one), one.title.casefold(), one.id))]

    def found(order: Order) -> list[str]:
        return [practices[row].id for row in table.ordered(order)]

    assert found("title") == sorted_by(lambda _: ())
    assert found("country") == sorted_by(lambda one: (one.country is None, one.country or ""))
    assert found("newest") == sorted_by(lambda one: (one.start_year is None, -(one.start_year or 0)))
    assert found("evidence") == sorted_by(lambda one: (one.evidence_level is None, -(one.evidence_level or 0)))
    assert [table.row(name) for name in names] == list(range(len(names)))


def test_a_table_without_practices_finds_none(tmp_path: Path) -> None:
    table = practice_table(tmp_path, ())
    assert (len(table), list(table), table.row("mentors")) == (0, [], None)
    assert [table.ordered(order).tolist() for order in get_args(Order)] == [[], [], [], []]
    assert table.id_ranks(np.empty(0, dtype=np.int64)).tolist() == []


def test_the_same_practices_give_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        write_practice_table(tmp_path / name, MANY)
        contents.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    (tmp_path / "third").mkdir()
    write_practice_table(tmp_path / "third", PracticeTable(tmp_path / "first"))
    contents.append({path.name: path.read_bytes() for path in (tmp_path / "third").iterdir()})
    assert contents[0] == contents[1] == contents[2]


def test_a_table_without_one_of_its_files_is_refused(tmp_path: Path) -> None:
    practice_table(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        path.rename(tmp_path / "elsewhere")
        with pytest.raises(FileNotFoundError, match=path.name):
            PracticeTable(tmp_path)
        (tmp_path / "elsewhere").rename(path)
    assert PracticeTable(tmp_path).row("street-work") == 3
