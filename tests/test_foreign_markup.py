"""A page becomes blocks, lines and tables; scripts and styles are left out."""

import pytest

from indexer.foreign.grid import Cells
from indexer.foreign.markup import Block, Page
from indexer.foreign.pieces import Piece
from indexer.foreign.rows import ForeignFileError


def page(text: str) -> Page:
    return Page(text, "a.html")


def test_block_elements_end_a_line_and_others_do_not() -> None:
    text = "<div>One <b>two</b>\n three<p>Four<br>five</div>six &amp; seven<ul><li>a<li>b</ul>"

    assert page(text).blocks() == [
        Block("div", "One two three"),
        Block("p", "Four\nfive"),
        Block("body", "six & seven"),
        Block("li", "a"),
        Block("li", "b"),
    ]
    assert page(text).lines()[:5] == ["One two three", "", "Four", "five", ""]


def test_scripts_styles_comments_and_the_head_are_left_out() -> None:
    text = "<head><title>t</title></head><script>s</script><style>p{}</style><!-- c --><template>x</template><p>Text"

    assert [block.text for block in page(text).blocks()] == ["Text"]


def test_text_that_a_browser_saved_as_it_stood_keeps_its_lines() -> None:
    assert page("<pre>one\n\ntwo\n</pre>").lines() == ["one", "", "two", ""]


def test_entities_that_a_page_declares_are_not_expanded() -> None:
    lines = page('<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><p>&b;</p>').lines()

    assert "aaaa" not in lines[-2]


def test_facts_in_tables_and_lists_are_labels() -> None:
    text = (
        "<h1>Second <i>chance</i></h1><table><tr><th>Country:<td>Greece</table><dl><dt>Year<dd>2010<dt>None</dl>"
        "<p>Run by: X<br>Funding: Y</p><p>Text"
    )

    assert page(text).pieces() == [
        Piece("Second chance", is_heading=True),
        Piece("Greece", label="Country"),
        Piece("2010", label="Year"),
        Piece("None"),
        Piece("X", label="Run by"),
        Piece("Y", label="Funding"),
        Piece("Text"),
    ]


def test_cells_over_several_rows_and_columns_keep_their_place() -> None:
    text = (
        "<table><tr><th>id<th colspan=2>title<th>year</tr><tr><td rowspan=2>a<td>b<td>c<td>1</tr>"
        "<tr><td>d<td><p>e<p>f</td><td>2</tr></table>"
    )

    assert page(text).tables() == [
        [
            Cells("table 1, row 1", ["id", "title", "", "year"]),
            Cells("table 1, row 2", ["a", "b", "c", "1"]),
            Cells("table 1, row 3", ["a", "d", "e\nf", "2"]),
        ]
    ]


def test_a_table_that_only_lays_out_others_is_none() -> None:
    text = "<table><tr><td><table><tr><td>a</table><td><table><tr><td>b</table></table>"

    assert page(text).tables() == [[Cells("table 1, row 1", ["a"])], [Cells("table 2, row 1", ["b"])]]


@pytest.mark.parametrize("tag", ["div", "table><tr><td", "b"])
def test_a_page_that_is_nested_beyond_all_reason_is_refused(tag: str) -> None:
    with pytest.raises(ForeignFileError, match=r"^a\.html: more than 1,000 elements in each other"):
        page(f"<{tag}>" * 100_000)


def test_a_cell_that_asks_for_the_whole_memory_gets_little() -> None:
    ((row,),) = page("<table><tr><td colspan=999999999999 rowspan=-1>a<td colspan=x>b</table>").tables()

    assert (len(row.texts), row.texts[0], row.texts[-1]) == (101, "a", "b")
