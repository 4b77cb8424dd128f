"""The names that a query calls practices by, on small catalogues by hand: spelt right, misspelt, and no names."""

from collections.abc import Collection, Mapping

import pytest

from indexer.names import NameIndex, names
from indexer.practice import Practice

QUABB = Practice(id="quabb", title="QuABB (Qualifizierte Begleitung)", original_title="Lehrzeit – Begleitung")
SCHOOLS = Practice(id="gr-2", title="Second Chance Schools")
VERA = Practice(id="vera-de", title="VerA: advice by retired experts")
ZEPPELIN = Practice(id="airship", title="Zeppelin")
PRACTICES = (QUABB, SCHOOLS, VERA, ZEPPELIN)


def index_of(*practices: Practice, rarity: Mapping[str, float] | None = None, known: Collection[str] = ()) -> NameIndex:
    """Return an index in which every word is as rare as can be and unknown unless the test says otherwise."""
    return NameIndex(practices or PRACTICES, lambda word: (rarity or {}).get(word, 1.0), known.__contains__)


def scores(query: str, index: NameIndex | None = None) -> dict[str, float]:
    """Return the scores above 0 by practice id."""
    found = (index or index_of()).scores(query)
    return {
        practice.id: pytest.approx(float(score)) for practice, score in zip(PRACTICES, found, strict=True) if score > 0
    }


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


def test_there_is_one_score_a_practice_in_catalogue_order() -> None:
    found = index_of().scores("VerA")
    assert found.tolist() == [0, 0, 1, 0]
    assert found.dtype.name == "float32"


def test_practices_of_one_name_are_all_called_by_it() -> None:
    twins = [Practice(id=f"twin-{number}", title="Zeppelin") for number in range(3)]
    assert index_of(*twins, SCHOOLS).scores("a zeppelin").tolist() == [1, 1, 1, 0]


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
    assert index_of(zepelin).scores("zappelin").tolist() == [0]
    # The shorter name is as near and comes first in the alphabet, but only the longer one may have two errors.
    longer = Practice(id="eight", title="Zuppelun")
    assert index_of(zepelin, longer).scores("zappelin").tolist() == pytest.approx([0, 0.8])


def test_of_two_names_the_nearer_one_is_meant() -> None:
    near, far = Practice(id="near", title="Zeppelina"), Practice(id="far", title="Zappelino")
    assert index_of(far, near).scores("zeppelinn").tolist() == pytest.approx([0, 0.9])


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


def test_another_name_spelt_right_is_not_taken_for_a_misspelt_one() -> None:
    practices = [Practice(id="one", title="Zeppelin"), Practice(id="two", title="Zeppelins")]
    assert index_of(*practices).scores("zeppelins").tolist() == [0, 1]


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
    index = index_of(Practice(id="x", title="The and"), rarity={"the": 0, "and": 0})
    assert index.scores("the and").tolist() == [0]


def test_a_catalogue_of_long_titles_has_no_names() -> None:
    index = index_of(Practice(id="x", title="one two three four five six seven"))
    assert index.scores("one two three four five six seven zeppelin").tolist() == [0]


def test_a_place_is_no_name():
    practice = Practice(id="two", title="Schools - Spain", original_title="Amt (JBA) Hamburg", country="ES")
    assert ("spain",) not in names(practice)
    assert ("hamburg",) in names(practice)
    assert ("hamburg",) not in names(practice.model_copy(update={"region": "Hamburg"}))


def test_the_share_of_a_name_is_that_of_the_rare_words_of_the_query():
    rarity = {"quabb": 1.0, "firms": 0.5, "pay": 1.0, "spring": 0.5, "board": 0.5}
    practices = [Practice(id="1", title="QuABB"), Practice(id="2", title="Spring board")]
    index = NameIndex(practices, lambda word: rarity.get(word, 0.0), lambda word: word in rarity)
    assert index.share("quabb") == 1.0
    assert index.share("what is QuABB") == 1.0
    assert index.share("QuABB firms") == pytest.approx(1 / 1.5)
    assert index.share("QuABB pay firms") == pytest.approx(1 / 2.5)
    assert index.share("spring board") == pytest.approx(0.5**3)
    assert index.share("firms pay") == 0.0
    assert index.share("what is") == 0.0
