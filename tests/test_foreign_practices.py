"""Rows become practices of which nothing is lost: what a field cannot take is text in the note, and a doubt."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from indexer.foreign.mapping import FIELDS, MANY
from indexer.foreign.practices import Imported, import_practices
from indexer.foreign.rows import Doubt, ForeignTable, row_of
from indexer.practice import Practice

VOCABULARY = {"levels": {"apprenticeship": "Apprenticeship"}}


def imported(mapping: dict[str, str], *rows: dict[str, str]) -> Imported:
    made = tuple(row_of(f"line {number}", row.items()) for number, row in enumerate(rows, start=1))
    table = ForeignTable(Path("some.csv"), "CSV", tuple(mapping), made, (Doubt("line 9", "x", "y"),))
    return import_practices(table, mapping, VOCABULARY)


def of_one(mapping: dict[str, str], row: dict[str, str]) -> tuple[Practice, list[str]]:
    found = imported(mapping, row)
    [practice] = found.practices
    return practice, [doubt.found for doubt in found.doubts[1:]]


def same(*fields: str) -> dict[str, str]:
    return {field: field for field in fields}


def test_columns_become_fields_and_the_others_text_in_the_note() -> None:
    mapping = {"Titel": "title", "Land": "country", "Ebene": "levels", "Akte": "note", "leer": "", "neu": "note"}
    practice, doubts = of_one(
        mapping, {"Titel": "Mentoring", "Land": "Deutschland", "Ebene": "Apprenticeship", "Akte": "7/b", "leer": "x"}
    )
    assert practice == Practice(
        id="mentoring", title="Mentoring", country="DE", levels=("apprenticeship",), note="Akte: 7/b"
    )
    assert doubts == []


def test_what_a_field_cannot_take_is_kept_in_the_note_and_is_a_doubt() -> None:
    practice, doubts = of_one(
        same("title", "country", "levels"), {"title": "A", "country": "Atlantis", "levels": "Moon"}
    )
    assert (practice.country, practice.levels) == (None, ())
    assert practice.note == "country: Atlantis\nlevels: Moon"
    assert doubts == ["column 'country' is 'Atlantis'", "column 'levels' is 'Moon'"]


def test_what_the_model_refuses_is_kept_in_the_note_too() -> None:
    practice, doubts = of_one(same("title", "evidence_level", "age_min"), {"title": "A", "evidence_level": "9"})
    assert (practice.evidence_level, practice.note) == (None, "evidence_level: 9")
    assert doubts == ["the evidence_level is '9'"]


def test_dates_become_years_and_stay_as_they_were_written() -> None:
    practice, _ = of_one(
        same("title", "start_year", "end_year"), {"title": "A", "start_year": "05.09.2016", "end_year": "2018"}
    )
    assert (practice.start_year, practice.end_year, practice.period) == (2016, 2018, "05.09.2016 – 2018")
    practice, _ = of_one(same("title", "start_year"), {"title": "A", "start_year": "2016"})
    assert (practice.start_year, practice.period) == (2016, None)


def test_dates_beside_a_period_stay_in_the_note() -> None:
    practice, _ = of_one(
        same("title", "period", "start_year"), {"title": "A", "period": "2 years", "start_year": "05.09.2016"}
    )
    assert (practice.start_year, practice.period, practice.note) == (2016, "2 years", "dates: 05.09.2016 –")


def test_an_end_before_the_beginning_is_a_doubt() -> None:
    practice, doubts = of_one(
        same("title", "start_year", "end_year"), {"title": "A", "start_year": "2018", "end_year": "2016"}
    )
    assert (practice.start_year, practice.end_year, practice.period) == (2018, None, "2018 – 2016")
    assert doubts == ["it ends in 2016 and begins in 2018"]


def test_a_row_without_a_title_is_called_by_its_text() -> None:
    practice, doubts = of_one(same("title", "summary"), {"summary": "Helps apprentices. " * 20})
    assert practice.title.startswith("Helps apprentices. Helps")
    assert practice.summary == ("Helps apprentices. " * 20).strip()
    assert doubts == ["there is no title"]


def test_a_summary_that_is_the_title_again_says_nothing() -> None:
    practice, doubts = of_one(same("title", "summary"), {"title": "A school", "summary": "A school"})
    assert practice.summary is None
    assert doubts == ["the summary is the title again"]


def test_ids_are_kept_where_they_can_be_and_made_of_the_title_else() -> None:
    found = imported(
        same("id", "title"),
        *({"id": "P-1", "title": "A"}, {"id": "P-1", "title": "B"}, {"id": "a/b c", "title": "C"}),
        *({"title": "Ecole de la 2e chance"}, {"title": "École de la 2e chance"}, {"title": "???"}),
    )
    assert [practice.id for practice in found.practices] == [
        *("P-1", "P-1-2", "a-b-c", "ecole-de-la-2e-chance", "ecole-de-la-2e-chance-2", "practice"),
    ]
    assert [practice.note for practice in found.practices[:3]] == [None, "id: P-1", "id: a/b c"]
    assert [doubt.place for doubt in found.doubts] == ["line 9", "line 2", "line 3"]


def test_an_id_is_made_of_the_letters_of_any_script() -> None:
    found = imported(same("title"), {"title": "Σχολείο δεύτερης ευκαιρίας"}, {"title": "Второ училище"})
    assert [practice.id for practice in found.practices] == ["σχολειο-δευτερησ-ευκαιριασ", "второ-училище"]


def test_an_empty_row_is_no_practice() -> None:
    assert imported(same("title"), {"title": " "}, {}).practices == ()


def test_addresses_are_sources_and_the_words_around_them_stay() -> None:
    practice, _ = of_one(same("title", "sources"), {"title": "A", "sources": "See https://a.example/x for more"})
    assert [source.url for source in practice.sources] == ["https://a.example/x"]
    assert practice.note == "See https://a.example/x for more"


READ = {
    *(
        "target_groups",
        "approaches",
        "measure_types",
        "levels",
        "listed_in",
        "country",
        "language",
        "languages",
        "status",
    ),
    *("start_year", "end_year", "age_min", "age_max", "evidence_level", "effect", "is_verified"),
}
"""Fields whose values are read and not copied."""

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20)


@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), WORDS, min_size=1), min_size=1, max_size=4))
def test_every_word_of_a_row_is_in_its_practice(rows: list[dict[str, str]]) -> None:
    assert set(FIELDS) > MANY
    found = imported(same(*FIELDS), *rows)
    assert len(found.practices) == len(rows)
    assert len({practice.id for practice in found.practices}) == len(rows)
    for practice, row in zip(found.practices, rows, strict=True):
        said = " ".join(texts_of(practice.model_dump()))
        for field, text in row.items():
            assert field in READ or text in said


def texts_of(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in texts_of(one)]
    if isinstance(value, list | tuple):
        return [text for one in value for text in texts_of(one)]
    return [value] if isinstance(value, str) else []
