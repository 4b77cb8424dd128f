"""A question becomes topics in words of the release; whatever is a person's own is none of them."""

from pathlib import Path

import pytest

from indexer.build import build_release
from indexer.practice import Practice
from service.filters import Filters
from service.redaction import FEWEST, Asked, Topic, spelt, topics_of
from service.retriever import Retriever
from tests.fakes import PRACTICES, WordEncoder, small_source
from tests.site import OTHERS

CATALOGUE = (*PRACTICES, *OTHERS)  # seven workshops share their words, no others are shared by five practices


@pytest.fixture
def workshops(tmp_path: Path, encoder: WordEncoder, cache) -> Retriever:
    source = small_source(CATALOGUE)
    return Retriever(build_release(source, encoder, releases=tmp_path / "more", cache=cache, progress=lambda *_: None))


def asked(retriever: Retriever, query: str, filters: Filters | None = None, verdict="good") -> Asked:
    question = retriever.understand(query)
    embeddings = WordEncoder().encode_queries(question.encoder_texts)
    return Asked(retriever, question, embeddings, filters or Filters(), verdict)


def values(one: Asked, kind: str) -> list[str]:
    return [topic.value for topic in topics_of(one) if topic.kind == kind]


def words(one: Asked) -> list[str]:
    """Return the words as they would be written down."""
    found = (spelt(topic, one.retriever) for topic in topics_of(one) if topic.kind == "word")
    return [topic.value for topic in found if topic is not None]


def test_every_topic_has_the_verdict_of_the_answer(workshops: Retriever) -> None:
    found = list(topics_of(asked(workshops, "Who repairs bicycles with pupils?", verdict="weak")))

    assert {topic.verdict for topic in found} == {"weak"}
    assert found[:2] == [Topic("all", "questions", "weak"), Topic("language", "en", "weak")]
    assert {topic.verdict for topic in topics_of(asked(workshops, "bicycles", verdict=None))} == {"unknown"}


def test_a_question_in_no_language_has_an_unknown_one(workshops: Retriever) -> None:
    assert values(asked(workshops, "?!"), "language") == ["unknown"]


def test_themes_are_labels_of_the_vocabulary(workshops: Retriever) -> None:
    assert values(asked(workshops, "mentoring by retired masters"), "approaches")[0] == "Mentoring"


def test_concepts_are_glosses_of_the_thesaurus(workshops: Retriever) -> None:
    question = "Was hilft Lehrlingen, die nicht mehr in die Schule wollen, gegen Schulschwänzen?"

    assert values(asked(workshops, question), "concept") == ["apprentices", "absence"]


def test_of_filters_only_values_that_a_practice_has_are_told(workshops: Retriever) -> None:
    filters = Filters(country=("DE", "Zuzanna", "DE"), approaches=("outreach", "zuzanna@nowak.example"))

    assert values(asked(workshops, "bicycles", filters), "filter") == ["country=DE", "approaches=outreach"]


def test_words_are_those_that_five_practices_have_spelt_as_there(workshops: Retriever) -> None:
    assert words(asked(workshops, "A WORKSHOP where a pupil repairs a bicycle")) == [
        "workshop",
        "pupils",
        "repair",
        "bicycles",
    ]


def test_a_word_of_fewer_practices_is_left_out(workshops: Retriever) -> None:
    one = asked(workshops, "Monday mentors repair")

    assert values(one, "word") == ["monday", "mentor", "repair"]
    assert words(one) == ["repair"]


def test_a_word_of_four_practices_is_left_out_and_one_of_five_is_not(tmp_path: Path, encoder, cache) -> None:
    practices = [Practice(id=f"p{at}", title="lantern walk" if at < FEWEST else "walk") for at in range(FEWEST + 1)]
    four = [*practices[1:]]
    for number, (some, expected) in enumerate(((practices, ["walk", "lantern"]), (four, ["walk"]))):
        folder = tmp_path / str(number)
        release = build_release(small_source(some), encoder, releases=folder, cache=cache, progress=lambda *_: None)
        assert words(asked(Retriever(release), "walk with a lantern")) == expected


@pytest.mark.parametrize(
    "personal",
    [
        "Zuzanna",
        "zuzanna",
        "Zuzanna Nowak-Kowalska",
        "workshop@nowak.example",
        "<pupils.market@nowak.example>,",
        "https://repair.example/bicycles?pupils",
        "www.workshop.example",
        "+48-601-234-567",
        "(0048)/601/234567",
        "workshop7",
        "//workshop/repair",
    ],
)
def test_what_is_a_persons_own_is_no_topic(workshops: Retriever, personal: str) -> None:
    with_it = asked(workshops, f"Which workshop helps {personal} to repair bicycles?")
    without = asked(workshops, "Which workshop helps to repair bicycles?")

    assert values(with_it, "word") == values(without, "word")
    told = " ".join(f"{topic.kind} {topic.value}" for topic in topics_of(with_it)).lower()
    assert not any(part in told for part in ("zuzanna", "nowak", "601", "workshop7", "example", "market"))


def test_a_word_that_the_index_has_only_in_pieces_is_left_out(tmp_path: Path, encoder, cache) -> None:
    practices = [
        Practice(id=f"p{at}", title="Иванова пътека до училище", language="bg", country="BG") for at in range(6)
    ]
    release = build_release(
        small_source(practices), encoder, releases=tmp_path / "r", cache=cache, progress=lambda *_: None
    )
    retriever = Retriever(release)

    assert retriever.release.parts.lexical.language == "bg"
    assert retriever.release.parts.lexical.knows("иван")
    assert values(asked(retriever, "Иванова пътека"), "word") == []


def test_a_word_is_looked_up_once_and_only_the_first_hundred_are(workshops: Retriever) -> None:
    others = " ".join(f"{one}{other}" for one in "abcdefghi" for other in "klmnopqrstu")  # 99 words of no practice

    assert values(asked(workshops, "repair Repair repairs"), "word") == ["repair"]
    assert values(asked(workshops, f"{others} {others} repair bicycles"), "word") == ["repair"]
