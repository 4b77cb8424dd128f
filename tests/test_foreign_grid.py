"""A grid of cells becomes a table: the names are found, and no cell is lost."""

from hypothesis import given
from hypothesis import strategies as st

from indexer.foreign.grid import Cells, Grid, read_grid


def read(*rows: list[str]) -> Grid:
    return read_grid([Cells(f"line {number}", row) for number, row in enumerate(rows, start=1)])


def values(grid: Grid) -> list[dict[str, str]]:
    return [dict(row.values) for row in grid.rows]


def places(grid: Grid) -> list[tuple[str, str]]:
    return [(doubt.place, doubt.found) for doubt in grid.doubts]


def test_the_first_row_names_the_columns() -> None:
    grid = read(["id", "title"], ["a", "Mentors"], ["", ""], ["b", ""])

    assert grid.columns == ("id", "title")
    assert [(row.place, dict(row.values)) for row in grid.rows] == [
        ("line 2", {"id": "a", "title": "Mentors"}),
        ("line 4", {"id": "b"}),
    ]
    assert grid.doubts == ()


def test_rows_above_the_names_are_left_out_with_a_doubt() -> None:
    grid = read(["Catalogue 2016", "", ""], ["Stand: May"], ["id", "title", "country"], ["a", "Mentors", "DE"])

    assert grid.columns == ("id", "title", "country")
    assert places(grid)[:2] == [("line 1", "Catalogue 2016"), ("line 2", "Stand: May")]


def test_a_name_that_is_missing_does_not_make_a_row_the_header() -> None:
    grid = read(["id", "title", ""], ["a", "Mentors", "DE"], ["b", "School", "FR"])

    assert grid.columns == ("id", "title", "column 3")
    assert values(grid)[1] == {"id": "b", "title": "School", "column 3": "FR"}
    assert places(grid) == [("line 1", "column 3 has no name")]


def test_cells_that_are_too_many_or_too_few_are_kept_and_told() -> None:
    grid = read(["id", "title"], ["a", "Mentors", "and", "more"], ["b"], ["c", "School", ""], ["d", "Café"])

    assert grid.columns == ("id", "title", "column 3", "column 4")
    assert values(grid)[:2] == [{"id": "a", "title": "Mentors", "column 3": "and", "column 4": "more"}, {"id": "b"}]
    assert places(grid) == [
        ("line 2", "4 cells where 2 columns have a name"),
        ("line 3", "1 cells where 2 columns have a name"),
        ("line 4", "3 cells where 2 columns have a name"),
    ]


def test_one_column_with_a_single_longer_row_keeps_its_name() -> None:
    grid = read(["title"], ["Alpha"], ["Beta", "gamma"])

    assert grid.columns == ("title", "column 2")
    assert values(grid) == [{"title": "Alpha"}, {"title": "Beta", "column 2": "gamma"}]


def test_empty_columns_without_a_name_are_no_columns() -> None:
    assert read(["id", "", "title", ""], ["a", " ", "b", ""]).columns == ("id", "title")


def test_no_text_is_no_table_and_names_alone_are_a_doubt() -> None:
    assert read(["", " "], []) == Grid((), (), ())
    assert places(read(["id", "title"])) == [("line 1", "no row below the names")]


@given(st.lists(st.lists(st.sampled_from(["", "a", " b "]), max_size=5), max_size=8))
def test_every_text_of_a_grid_is_in_a_row_a_name_or_a_doubt(rows: list[list[str]]) -> None:
    grid = read(*rows)

    kept = [text for row in grid.rows for text in row.values.values()]
    told = " ".join([*grid.columns, *(doubt.found for doubt in grid.doubts)])
    for letter in "ab":
        total = sum(text.strip() == letter for row in rows for text in row)
        assert kept.count(letter) <= total
        assert not total or letter in kept or letter in told
