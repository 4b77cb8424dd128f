"""The names that a query calls practices by, on small catalogues by hand: spelt right, misspelt, and no names."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from indexer.names import NOBODY, Called, NameIndex, _allowed_errors, names
from indexer.practice import Practice
from indexer.thesaurus import fold

QUABB = Practice(id="quabb", title="QuABB (Qualifizierte Begleitung)", original_title="Lehrzeit – Begleitung")
SCHOOLS = Practice(id="gr-2", title="Second Chance Schools")
VERA = Practice(id="vera-de", title="VerA: advice by retired experts")
ZEPPELIN = Practice(id="airship", title="Zeppelin")
PRACTICES = (QUABB, SCHOOLS, VERA, ZEPPELIN)


@dataclass
class SomeWords:
    """Words that are as rare as can be and unknown unless a test says otherwise."""

    rarity: Mapping[str, float] = field(default_factory=dict)
    known: Collection[str] = ()
    rare: float = 1.0

    def word_rarity(self, word: str) -> float:
        return self.rarity.get(word, self.rare)

    def knows_word(self, word: str) -> bool:
        return word in self.known


def index_of(*practices: Practice, rarity: Mapping[str, float] | None = None, known: Collection[str] = ()) -> NameIndex:
    return NameIndex.build(practices or PRACTICES, SomeWords(rarity or {}, known))


def scores(query: str, index: NameIndex | None = None) -> dict[str, float]:
    """Return the scores of those that are called by practice id."""
    found = (index or index_of()).called(query)
    return {PRACTICES[row].id: pytest.approx(score) for row, score in by_row(found).items()}


def by_row(found: Called) -> dict[int, float]:
    """Return the score of each row; the rows are in order and each is there once."""
    rows = found.rows.tolist()
    assert rows == sorted(set(rows))
    assert (found.rows.dtype, found.scores.dtype, found.scores.shape) == (np.int64, np.float32, (len(rows),))
    return dict(zip(rows, found.scores.tolist(), strict=True))


def words(*phrases: str) -> set[tuple[str, ...]]:
    return {tuple(phrase.split()) for phrase in phrases}


@pytest.mark.parametrize(
    ("practice", "expected"),
    [
        (
            QUABB,
            words(
                "quabb", "quabb qualifizierte begleitung", "qualifizierte begleitung",
                "lehrzeit begleitung", "lehrzeit", "begleitung",
            ),
        ),
        (SCHOOLS, words("second chance schools", "gr 2")),
        (VERA, words("vera advice by retired experts", "vera", "advice by retired experts", "vera de")),
        (Practice(id="call", title="Follow-up call"), words("follow up call", "call")),
        (Practice(id="e2c", title="„E2C“", original_title="École 2e Chance"), words("e2c", "ecole 2e chance")),
        (Practice(id="a-b", title="Youth/Work; Plan B"), words("youth work plan b", "youth", "work", "plan b", "a b")),
    ],
    ids=lambda value: value.id if isinstance(value, Practice) else "",
)  # fmt: skip
def test_names_are_titles_what_stands_apart_in_them_and_the_id(
    practice: Practice, expected: set[tuple[str, ...]]
) -> None:
    assert names(practice) == expected


def test_a_title_of_more_than_six_words_is_no_name_but_its_pieces_are() -> None:
    title = "A way back into training (Second Chance) for all young people"
    assert names(Practice(id="way-back", title=title)) == words(
        "a way back into training", "second chance", "for all young people", "way back"
    )
    assert names(Practice(id="x", title="one two three four five six")) == words("one two three four five six")
    assert names(Practice(id="x", title="one two three four five six seven")) == set()


def test_a_single_letter_is_no_name() -> None:
    assert names(Practice(id="b", title="A (C)")) == words("a c")


@pytest.mark.parametrize(
    ("query", "called"),
    [
        ("What does QuABB do?", {"quabb": 1}),
        ("QUABB", {"quabb": 1}),
        ("the Second-Chance schools of Greece", {"gr-2": 1}),
        ("gr-2", {"gr-2": 1}),
        ("Lehrzeit, VerA and zeppelin", {"quabb": 1, "vera-de": 1, "airship": 1}),
        ("qualifizierte Begleitung", {"quabb": 1}),
        ("advice by retired experts", {"vera-de": 1}),
        ("experts who are retired give advice", {}),
        ("chance for a second of schools", {}),
        ("second chance", {}),
        ("zeppelins", {"airship": 0.9}),
        ("how to keep apprentices", {}),
        ("", {}),
        ("?!", {}),
    ],
)
def test_a_practice_is_called_by_any_of_its_names_word_for_word(query: str, called: dict[str, float]) -> None:
    assert scores(query) == called


def test_those_that_are_called_come_in_catalogue_order_and_no_other() -> None:
    assert by_row(index_of().called("zeppelin, VerA and QuABB")) == {0: 1, 2: 1, 3: 1}
    assert by_row(index_of().called("VerA")) == {2: 1}


@pytest.mark.parametrize("query", ["", "?!", "how to keep apprentices"])
def test_a_query_without_a_name_calls_nobody(query: str) -> None:
    found = index_of().called(query)
    assert by_row(found) == by_row(NOBODY) == {}
    assert found.share == NOBODY.share == 0


def test_practices_of_one_name_are_all_called_by_it() -> None:
    twins = [Practice(id=f"twin-{number}", title="Zeppelin") for number in range(3)]
    assert by_row(index_of(*twins, SCHOOLS).called("a zeppelin")) == {0: 1, 1: 1, 2: 1}


def test_a_name_that_many_practices_share_calls_each_of_them_and_other_names_none_of_them() -> None:
    many = [Practice(id=f"p{number}", title="Zeppelin" if number % 3 else "Airship") for number in range(100)]
    index = index_of(*many)
    zeppelins = {row: 1.0 for row in range(100) if row % 3}
    assert by_row(index.called("zeppelin")) == zeppelins
    assert by_row(index.called("zepelin")) == pytest.approx(dict.fromkeys(zeppelins, 0.9))
    assert by_row(index.called("p50")) == {50: 1}
    assert by_row(index.called("p50, a zepelin")) == pytest.approx(dict.fromkeys(zeppelins, 0.9) | {50: 1})


@pytest.mark.parametrize(
    ("query", "score"),
    [
        ("zeppelin", 1),
        ("zepelin", 0.9),  # one letter is missing
        ("zeppellin", 0.9),  # one too many
        ("zeppalin", 0.9),  # one is wrong
        ("zepplein", 0.9),  # two neighbours have changed places
        ("zepplien", 0.8),  # two errors
        ("zappalin", 0.8),
        ("zepelinn", 0.8),
        ("zepeln", 0),  # two errors in a word of fewer than eight letters
        ("zappalan", 0),  # three errors
        ("luftschiff", 0),
    ],
)
def test_a_long_name_may_have_two_letters_wrong_and_each_costs_a_tenth(query: str, score: float) -> None:
    assert scores(f"what is {query} about") == ({"airship": score} if score else {})


@pytest.mark.parametrize(
    ("query", "score"),
    [("quabb", 1), ("quab", 0), ("quabbs", 0.9), ("kuabb", 0.9), ("qaubb", 0.9), ("kwabb", 0), ("quabbab", 0)],
)
def test_a_name_of_five_to_seven_letters_may_have_one_wrong(query: str, score: float) -> None:
    assert scores(query) == ({"quabb": score} if score else {})


def test_a_long_word_is_not_taken_for_a_short_name_with_two_errors() -> None:
    zepelin = Practice(id="seven", title="Zepelin")
    assert by_row(index_of(zepelin).called("zappelin")) == {}
    # The shorter name is as near and comes first in the alphabet, but only the longer one may have two errors.
    longer = Practice(id="eight", title="Zuppelun")
    assert by_row(index_of(zepelin, longer).called("zappelin")) == pytest.approx({1: 0.8})


def test_of_two_names_the_nearer_one_is_meant() -> None:
    near, far = Practice(id="near", title="Zeppelina"), Practice(id="far", title="Zappelino")
    assert by_row(index_of(far, near).called("zeppelinn")) == pytest.approx({1: 0.9})


@pytest.mark.parametrize("query", ["veta", "vers", "verra", "vea", "avera"])
def test_a_name_of_four_letters_is_never_guessed(query: str) -> None:
    assert scores(query) == {}
    assert scores("vera") == {"vera-de": 1}


def test_a_word_of_the_catalogue_is_not_taken_for_a_misspelt_name() -> None:
    index = index_of(known={"zeppelins"})
    assert scores("zeppelins", index) == {}
    assert scores("zepelin", index) == {"airship": 0.9}


def test_a_name_that_the_catalogue_knows_as_a_word_is_still_a_name() -> None:
    assert scores("zeppelin", index_of(known={"zeppelin"})) == {"airship": 1}


LETTERS = st.text("abcdeéß漢ж", min_size=4, max_size=10)


@settings(max_examples=300, deadline=None)
@given(single=st.sets(LETTERS, min_size=1, max_size=12), word=LETTERS, edits=st.integers(0, 3), data=st.data())
def test_the_name_that_is_meant_is_the_nearest_of_all(
    single: set[str], word: str, edits: int, data: st.DataObject
) -> None:
    titles = sorted({fold(one) for one in single})
    if data.draw(st.booleans()):
        word = data.draw(st.sampled_from(titles))
        for _ in range(edits):
            at, letter = data.draw(st.integers(0, len(word))), data.draw(st.sampled_from(["", *"abc漢"]))
            word = word[:at] + letter + word[at + data.draw(st.integers(0, 1)) :]
    index = index_of(*(Practice(id=f"-{number}", title=title) for number, title in enumerate(titles)))
    found = index._names_in((fold(word),))
    allowed = [
        (OSA.distance(fold(word), title), title)
        for title in titles
        if min(len(title), len(fold(word))) >= 5
        and OSA.distance(fold(word), title) <= min(_allowed_errors(title), _allowed_errors(fold(word)))
    ]
    if fold(word) in titles:
        assert [one.words for one in found] == [(fold(word),)]
    else:
        assert [one.words for one in found] == [(title,) for _, title in sorted(allowed)[:1]]


def test_another_name_spelt_right_is_not_taken_for_a_misspelt_one() -> None:
    practices = [Practice(id="one", title="Zeppelin"), Practice(id="two", title="Zeppelins")]
    assert by_row(index_of(*practices).called("zeppelins")) == {1: 1}


def test_a_name_of_several_words_must_be_spelt_right() -> None:
    assert scores("Secnd Chance Schools") == {}


def test_a_name_of_common_words_is_weak() -> None:
    rarity = {"second": 0.4, "chance": 0.5, "schools": 0.2, "zeppelin": 0.8}
    index = index_of(rarity=rarity)
    # The cube of the rarity of the rarest word.
    assert scores("second chance schools", index) == {"gr-2": 0.125}
    assert scores("zeppelin", index) == {"airship": 0.512}
    assert scores("zepelin", index) == {"airship": 0.9 * 0.512}
    assert scores("gr-2 or second chance schools", index) == {"gr-2": 1}


def test_a_practice_counts_as_called_by_its_strongest_name_once() -> None:
    index = index_of(rarity={"begleitung": 0.5, "qualifizierte": 0.6, "lehrzeit": 0.7})
    assert scores("Begleitung", index) == {"quabb": 0.125}
    assert scores("Begleitung, Begleitung", index) == {"quabb": 0.125}
    assert scores("qualifizierte Begleitung", index) == {"quabb": 0.216}
    assert scores("Lehrzeit, qualifizierte Begleitung", index) == {"quabb": 0.343}


def test_a_name_of_stop_words_says_nothing() -> None:
    index = index_of(Practice(id="x", title="The and"), ZEPPELIN, rarity={"the": 0, "and": 0})
    assert by_row(index.called("the and")) == {}
    assert by_row(index.called("the and zeppelin")) == {1: 1}
    assert index.called("the and").share == 0


def test_a_catalogue_of_long_titles_has_no_names() -> None:
    index = index_of(Practice(id="x", title="one two three four five six seven"))
    assert by_row(index.called("one two three four five six seven zeppelin")) == {}


def test_a_place_is_no_name():
    practice = Practice(id="two", title="Schools - Spain", original_title="Amt (JBA) Hamburg", country="ES")
    assert ("spain",) not in names(practice)
    assert ("hamburg",) in names(practice)
    assert ("hamburg",) not in names(practice.model_copy(update={"region": "Hamburg"}))


def test_the_share_of_a_name_is_that_of_the_rare_words_of_the_query():
    rarity = {"quabb": 1.0, "firms": 0.5, "pay": 1.0, "spring": 0.5, "board": 0.5}
    practices = [Practice(id="1", title="QuABB"), Practice(id="2", title="Spring board")]
    index = NameIndex.build(practices, SomeWords(rarity, known=rarity, rare=0.0))

    def share(query: str) -> float:
        return index.called(query).share

    assert share("quabb") == 1.0
    assert share("what is QuABB") == 1.0
    assert share("QuABB firms") == pytest.approx(1 / 1.5)
    assert share("QuABB pay firms") == pytest.approx(1 / 2.5)
    assert share("spring board") == pytest.approx(0.5**3)
    assert share("firms pay") == 0.0
    assert share("what is") == 0.0


def test_the_share_is_that_of_the_name_that_says_most_and_never_above_1() -> None:
    rarity = {"zeppelin": 1.0, "lehrzeit": 0.5, "stay": 0.5}
    index = index_of(QUABB, ZEPPELIN, rarity=rarity)
    assert index.called("Lehrzeit, Zeppelin, stay").share == pytest.approx(1 / 2)
    assert index.called("zepelin").share == pytest.approx(0.9)
    # A name counts by its own words, which may be rarer than what was typed for them.
    rare_name = NameIndex.build([ZEPPELIN], SomeWords({"zepelin": 0.25}))
    assert rare_name.called("zepelin").share == 1


QUERIES = (
    *("QuABB", "the Second-Chance schools", "gr-2", "Lehrzeit, VerA and zeppelin", "zepelin", "zepplien", "vea"),
    *("quabbs", "airship", "how to keep apprentices", "ecole 2e chance", ""),
)


def test_a_saved_index_calls_whom_it_called_and_has_the_same_bytes_twice(tmp_path: Path) -> None:
    practices = (*PRACTICES, Practice(id="é", title="École 2e Chance", original_title="Zeppelin"))
    words_known = SomeWords({"second": 0.4, "chance": 0.5, "schools": 0.2}, known={"quabbs"})
    index = NameIndex.build(practices, words_known)
    for name in ("first", "second"):
        NameIndex.build(practices, words_known).save(tmp_path / name)
    loaded = NameIndex.load(tmp_path / "first", words_known)
    for query in QUERIES:
        before, after = index.called(query), loaded.called(query)
        assert by_row(after) == by_row(before), query
        assert after.share == before.share, query
    assert by_row(loaded.called("zeppelin")) == {3: 1, 4: 1}
    assert by_row(loaded.called("second chance schools")) == pytest.approx({1: 0.125})
    assert by_row(loaded.called("quabbs")) == {}
    loaded.save(tmp_path / "third")
    first, second, third = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("first", "second", "third")
    )
    assert first == second == third


def test_an_index_without_names_is_saved_and_loaded_too(tmp_path: Path) -> None:
    index_of(Practice(id="x", title="one two three four five six seven")).save(tmp_path / "names")
    loaded = NameIndex.load(tmp_path / "names", SomeWords())
    assert by_row(loaded.called("one two zeppelin")) == {}


def test_an_index_without_one_of_its_files_is_refused(tmp_path: Path) -> None:
    index_of().save(tmp_path / "names")
    for path in sorted((tmp_path / "names").iterdir()):
        path.rename(tmp_path / "elsewhere")
        with pytest.raises(FileNotFoundError, match=path.name):
            NameIndex.load(tmp_path / "names", SomeWords())
        (tmp_path / "elsewhere").rename(path)
    assert scores("zepelin", NameIndex.load(tmp_path / "names", SomeWords())) == {"airship": 0.9}
