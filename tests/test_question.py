"""What is known of a query: its language, its parts in order without losing a word, and the glosses of each part."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.passages import split_sentences
from indexer.question import MAX_PARTS, SHORT_QUERY_WORDS, Part, Question, understand
from tests.fakes import THESAURUS

ENGLISH = (
    "Many of our apprentices quit before the second year begins.",
    "Their parents seldom know what the workshop expects of them.",
    "We look for retired masters who could visit them every week.",
)
GERMAN = (
    "In unserer Stadt brechen sehr viele Lehrlinge ihre Ausbildung schon im ersten Jahr wieder ab.",
    "Die Betriebe wissen oft nicht, was sie dagegen tun sollen.",
    "Andere Jugendliche sind Schulschwänzer und kommen fast gar nicht mehr in den Unterricht.",
)
TEXTS = st.lists(
    st.tuples(st.text("abcdéж ", min_size=1, max_size=40), st.sampled_from([". ", "! ", "\n", "\r\n\r\n", " "])),
    max_size=120,
).map(lambda pairs: "".join(text + gap for text, gap in pairs))


def texts_of(question: Question) -> list[str]:
    return [part.text for part in question.parts]


def sentences(count: int) -> list[str]:
    return [f"Sentence number {number} of the text is about apprentices." for number in range(count)]


def test_a_short_query_has_no_parts_however_many_sentences_it_has() -> None:
    query = "Apprentices quit. Why? Who helps them? Nobody does."
    question = understand(query, {})
    assert question.parts == ()
    assert question.whole == Part(0, len(query), query, ())
    assert question.encoder_texts == (query,)


def test_a_query_of_one_long_sentence_has_no_parts() -> None:
    query = " ".join(["apprentices"] * 60)
    assert understand(query, {}).parts == ()
    assert understand(query + ".", {}).encoder_texts == (query + ".",)


def test_a_query_has_parts_from_thirty_words_on() -> None:
    assert SHORT_QUERY_WORDS == 30
    just_short = "Apprentices quit early. " + " ".join(["word"] * 26)
    assert len(just_short.split()) == 29
    assert understand(just_short, {}).parts == ()
    assert texts_of(understand(just_short + " word", {})) == ["Apprentices quit early.", " ".join(["word"] * 27)]


@pytest.mark.parametrize("gap", [" ", "\n", "\n\n  "])
def test_the_parts_of_a_long_query_are_its_sentences_with_their_places(gap: str) -> None:
    query = gap.join(ENGLISH)
    question = understand(query, {})
    assert question.language == "en"
    assert texts_of(question) == list(ENGLISH)
    assert [(part.start, part.end) for part in question.parts] == [
        (query.index(sentence), query.index(sentence) + len(sentence)) for sentence in ENGLISH
    ]


def test_the_sentences_are_those_of_the_language_of_the_query() -> None:
    query = " ".join([*GERMAN, "Das gilt z. B. für Azubis am 3. Mai und danach."])
    assert texts_of(understand(query, {}))[-1] == "Das gilt z. B. für Azubis am 3. Mai und danach."


def test_as_many_sentences_as_there_may_be_parts_are_one_part_each() -> None:
    many = sentences(MAX_PARTS)
    assert MAX_PARTS == 16
    assert texts_of(understand(" ".join(many), {})) == many


def test_of_more_sentences_neighbours_share_a_part_and_none_is_lost() -> None:
    many = sentences(2 * MAX_PARTS)
    parts = texts_of(understand(" ".join(many), {}))
    assert parts == [f"{one} {other}" for one, other in zip(many[::2], many[1::2], strict=True)]


def test_a_very_long_sentence_has_a_part_of_its_own() -> None:
    long = "The longest sentence " + "goes on and on " * 2_000 + "until here."
    many = [*sentences(20), long, *sentences(20)]
    parts = texts_of(understand(" ".join(many), {}))
    assert " ".join(parts) == " ".join(many)
    assert parts == [" ".join(many[:20]), long, " ".join(many[21:])]


@settings(derandomize=True, deadline=None)
@given(TEXTS)
def test_parts_are_at_most_sixteen_in_order_and_hold_every_sentence_whole(query: str) -> None:
    question = understand(query, {})
    assert len(question.parts) <= MAX_PARTS
    assert len(question.parts) != 1
    assert question.parts == () or len(query.split()) >= SHORT_QUERY_WORDS
    for part in question.parts:
        assert part.text == query[part.start : part.end] == part.text.strip()
    assert all(part.end <= following.start for part, following in pairwise(question.parts))
    if question.parts:
        covered = {place for part in question.parts for place in range(part.start, part.end)}
        assert "".join(one for place, one in enumerate(query) if place not in covered).strip() == ""
        for start, end in split_sentences(query, question.language or "en"):
            assert sum(part.start <= start and end <= part.end for part in question.parts) == 1


def test_the_glosses_are_of_the_concepts_that_each_part_names() -> None:
    question = understand(" ".join(GERMAN), THESAURUS)
    assert question.language == "de"
    assert [part.glosses for part in question.parts] == [("apprentices",), (), ("absence",)]
    assert question.whole.glosses == question.glosses == ("apprentices", "absence")


def test_the_texts_to_encode_are_the_whole_query_then_its_parts_each_with_its_glosses() -> None:
    query = " ".join(GERMAN)
    assert understand(query, THESAURUS).encoder_texts == (
        f"{query} (apprentices; absence)",
        f"{GERMAN[0]} (apprentices)",
        GERMAN[1],
        f"{GERMAN[2]} (absence)",
    )


def test_a_short_query_is_encoded_with_its_glosses() -> None:
    question = understand("Wie helfen wir den Lehrlingen in der Berufsschule?", THESAURUS)
    assert question.encoder_texts == ("Wie helfen wir den Lehrlingen in der Berufsschule? (apprentices)",)
    assert question.text == "Wie helfen wir den Lehrlingen in der Berufsschule?"


@pytest.mark.parametrize(
    "typed",
    [
        "Qui aide les élèves ?",
        "Qui aide les e\u0301le\u0300ves ?",
        "  Qui\taide \n\n les éle\u0300ves ?\r\n",
        "Qui\u00a0aide les\u2003élèves\u2028?",
    ],
)
def test_however_a_query_is_typed_it_is_encoded_alike_and_kept_as_it_is(typed: str) -> None:
    question = understand(typed, {})
    assert question.encoder_texts == ("Qui aide les élèves ?",)
    assert question.text == question.whole.text == typed
    assert (question.whole.start, question.whole.end) == (0, len(typed))


def test_each_part_is_encoded_composed_and_with_single_blanks_before_its_glosses() -> None:
    query = "\n".join(GERMAN).replace("Schulschwänzer", "Schulschwa\u0308nzer").replace("sehr viele", "sehr  viele")
    question = understand(query, THESAURUS)
    assert question.encoder_texts == (
        f"{' '.join(GERMAN)} (apprentices; absence)",
        f"{GERMAN[0]} (apprentices)",
        GERMAN[1],
        f"{GERMAN[2]} (absence)",
    )
    assert [part.text for part in question.parts] == query.split("\n")


@pytest.mark.parametrize("query", ["", " ", "\n\t "])
def test_a_query_of_white_space_is_encoded_as_nothing(query: str) -> None:
    assert understand(query, THESAURUS).encoder_texts == ("",)


def test_the_words_of_another_language_have_no_glosses() -> None:
    question = understand("Where do the Lehrling programmes help young people to stay?", THESAURUS)
    assert question.language == "en"
    assert question.glosses == ()


@pytest.mark.parametrize("query", ["", " ", "?!", "12345 67890", "qwrtz xkcd vvvv"])
def test_a_query_that_says_nothing_has_no_language_and_no_glosses(query: str) -> None:
    assert understand(query, THESAURUS) == Question(query, None, Part(0, len(query), query, ()), ())


def test_a_long_query_without_a_language_is_split_all_the_same() -> None:
    query = "123 456. " * 20
    question = understand(query, THESAURUS)
    assert question.language is None
    assert " ".join(texts_of(question)) == query.strip()
    assert len(question.parts) == MAX_PARTS
