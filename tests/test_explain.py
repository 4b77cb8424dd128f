"""Reasons: where they stand, what they name, and whether the score of a practice really hangs on them."""

import json
import random
from dataclasses import dataclass, replace

import numpy as np
import pytest

from indexer.build import build_release
from indexer.embedding_cache import EmbeddingCache
from indexer.passages import practice_text
from indexer.practice import Practice, field_values
from indexer.queries_once import QueriesOnce
from indexer.question import understand
from indexer.registry import DEFAULT_ENCODER
from indexer.shipped import shipped_path
from indexer.source import read_source
from indexer.themes import Theme
from service.explain import Explainer, Shared, countries_named, sentence_span, shared_themes, shared_values
from service.loading import load_encoder
from service.retriever import Retriever
from service.settings import Settings
from tests.fakes import PRACTICES, VOCABULARY, WordEncoder, fake_spec, small_source

LONG_QUESTION = (
    "We are a small town in the north with two schools and a river, and our budget is spent. "
    "Who can phone pupils on the first day of absence? "
    "And where can adults without a certificate return to class in the evening? "
    "A retired master should listen to each apprentice every week."
)
ANSWERED_PART = {
    "absence-call": "Who can phone pupils on the first day of absence?",
    "second-school": "And where can adults without a certificate return to class in the evening?",
    "mentors": "A retired master should listen to each apprentice every week.",
}
TARGET_GROUPS = {
    "apprentices": "Apprentices",
    "adults": "Adults",
    "vet-learners": "Learners in vocational schools",
    "neets": "Young people without work or school",
}
QUESTIONS = (
    "retired masters who mentor apprentices",
    "Second chance school",
    "Street work",
    "Absence follow-up",
    "coffee and a course for young people",
    "qwerty",
    LONG_QUESTION,
)


def built(folder, source, encoder):
    cache = EmbeddingCache(folder / "cache", encoder.spec.identity, encoder.spec.dim)
    return Retriever(
        build_release(source, encoder, releases=folder / "releases", cache=cache, progress=lambda *_: None)
    )


@pytest.fixture(scope="module")
def words():
    return WordEncoder(fake_spec(dim=1024))


@pytest.fixture(scope="module")
def small(tmp_path_factory, words):
    source = replace(small_source(), vocabulary=VOCABULARY | {"target_groups": TARGET_GROUPS})
    return built(tmp_path_factory.mktemp("small"), source, words)


def explained(retriever, encoder, text):
    """Return the hits of a question, best first, each with its explanation."""
    question = retriever.understand(text)
    embeddings = encoder.encode_queries(question.encoder_texts)
    explainer = Explainer(retriever, question, embeddings)
    hits = retriever.rank(question, embeddings, top_k=100)
    return list(zip(hits, explainer.explain(hits), strict=True))


def by_id(retriever, encoder, text):
    return {hit.practice.id: explanation for hit, explanation in explained(retriever, encoder, text)}


@pytest.mark.parametrize("text", QUESTIONS)
def test_both_texts_of_a_reason_stand_where_it_says(small, words, text):
    found = explained(small, words, text)
    assert len(found) == len(PRACTICES)
    for hit, explanation in found:
        sentence, answers = explanation.sentence, explanation.answers
        assert practice_text(hit.practice)[sentence.start : sentence.end] == sentence.text
        assert text[answers.start : answers.end] == answers.text
        assert sentence.text.endswith(".")


@pytest.mark.parametrize(
    ("text", "practice_id", "sentence"),
    [
        ("they offer coffee and a course", "street-work", "They offer coffee first and a course later."),
        ("who visits homes", "street-work", "They visit homes and squares."),
        ("phone pupils", "absence-call", "Schools phone pupils on the first day of absence."),
        ("a certificate for vocational schools", "second-school", "The certificate opens vocational schools."),
    ],
)
def test_the_sentence_of_a_reason_is_the_one_that_says_what_is_asked(small, words, text, practice_id, sentence):
    assert by_id(small, words, text)[practice_id].sentence.text == sentence


def test_a_title_is_never_a_reason_where_there_is_another_sentence(small, words):
    for practice in PRACTICES:
        sentence = by_id(small, words, practice.title)[practice.id].sentence
        assert sentence.text != practice.title
        assert sentence.start > len(practice.title)


def test_a_practice_that_has_only_a_title_is_there_for_its_title(tmp_path, words):
    retriever = built(tmp_path, small_source([*PRACTICES, Practice(id="bare", title="Summer camp")]), words)
    sentence = by_id(retriever, words, "a camp in summer")["bare"].sentence
    assert (sentence.text, sentence.start, sentence.end) == ("Summer camp", 0, 11)


def test_a_hit_answers_its_part_of_a_long_question(small, words):
    found = by_id(small, words, LONG_QUESTION)
    assert {name: found[name].answers.text for name in ANSWERED_PART} == ANSWERED_PART


def test_a_hit_answers_the_whole_of_a_short_question(small, words):
    text = "Who visits homes? Who offers coffee?"
    for explanation in by_id(small, words, text).values():
        assert (explanation.answers.text, explanation.answers.start, explanation.answers.end) == (text, 0, len(text))


@pytest.mark.parametrize("subject", ["Youth workers visit squares.", "A nurse phones parents."])
def test_of_two_sentences_that_answer_a_part_the_one_counts_that_the_whole_is_about(tmp_path, words, subject):
    both = "Youth workers visit squares. A nurse phones parents."
    retriever = built(tmp_path, small_source([*PRACTICES, Practice(id="both", title="Both", description=both)]), words)
    text = f"{both} {subject} {subject} {subject} We ask for it again: {subject} And we repeat once more: {subject}"
    assert retriever.understand(text).parts
    assert by_id(retriever, words, text)["both"].sentence.text == subject


def test_a_span_is_cut_out_of_the_text_of_its_practice(small):
    at = small.release.parts.sentences.span(3).start + 2
    span = sentence_span(small.release.parts, PRACTICES[3], at)
    assert (span.text, span.start) == ("They visit homes and squares.", practice_text(PRACTICES[3]).index("They visit"))


@pytest.mark.parametrize("text", QUESTIONS)
def test_what_is_shared_belongs_to_the_practice(small, words, text):
    for hit, explanation in explained(small, words, text):
        for shared in explanation.shared:
            assert shared.value in field_values(hit.practice, shared.field)


def test_a_hit_shares_the_themes_that_the_question_is_about(small, words):
    found = by_id(small, words, "mentoring for apprentices")
    assert found["mentors"].shared == (
        Shared("approaches", "mentoring", "Mentoring"),
        Shared("target_groups", "apprentices", "Apprentices"),
    )
    assert found["street-work"].shared == (Shared("approaches", "mentoring", "Mentoring"),)
    assert found["absence-call"].shared == ()


def test_themes_that_a_practice_does_not_have_are_not_shared():
    mentoring, adults = Theme("approaches", "mentoring", "Mentoring"), Theme("target_groups", "adults", "Adults")
    wrong_field = Theme("target_groups", "mentoring", "Mentoring")
    assert shared_themes(PRACTICES[0], [adults, wrong_field, mentoring]) == [
        Shared("approaches", "mentoring", "Mentoring")
    ]


def test_two_practices_share_the_values_that_both_have():
    mentors, second_school, _, street_work = PRACTICES
    mentoring, germany = Shared("approaches", "mentoring", "Mentoring"), Shared("country", "DE", "Germany")
    assert shared_values(mentors, street_work, VOCABULARY) == (mentoring, germany)
    assert shared_values(mentors, street_work, {}) == (Shared("approaches", "mentoring", "mentoring"), germany)
    assert shared_values(mentors, second_school, VOCABULARY) == ()
    bare = Practice(id="bare", title="Bare")
    assert shared_values(bare, bare, VOCABULARY) == ()


def test_a_hit_shares_the_country_that_the_question_names(small, words):
    found = by_id(small, words, "Which schools in Germany look for young people?")
    assert Shared("country", "DE", "Germany") in found["mentors"].shared
    assert Shared("country", "DE", "Germany") in found["street-work"].shared
    assert "country" not in {shared.field for shared in found["absence-call"].shared}


CODES = {"AT", "DE", "ES", "EU", "FI", "FR", "GB", "GR", "HR", "IE", "NL", "PL", "PT", "RO", "SI", "SK"}


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("How does Germany keep apprentices in school?", "en", {"DE"}),
        ("What do Austria, FRANCE and the Netherlands do for young apprentices?", "en", {"AT", "FR", "NL"}),
        ("Germany's apprentices and the schools of Ireland", "en", {"DE", "IE"}),
        ("Wie hält man Lehrlinge in Deutschland in der Ausbildung?", "de", {"DE"}),
        ("Was tun Deutschlands Schulen und die Schulen in Österreich für Lehrlinge?", "de", {"DE", "AT"}),
        ("Τι κάνουν τα σχολεία στην Ελλάδα για τους μαθητές που φεύγουν;", "el", {"GR"}),
        ("Τα σχολεία της Γερμανίας και οι μαθητές που φεύγουν νωρίς", "el", {"DE"}),
        ("Jak się pomaga uczniom w Austrii i we Francji?", "pl", {"AT", "FR"}),
        ("Što rade škole u Hrvatskoj s učenicima koji odustaju?", "hr", {"HR"}),
        ("Ako pomáhajú učňom na Slovensku dokončiť školu?", "sk", {"SK"}),
        ("Miten Alankomaissa autetaan opiskelijoita?", "fi", {"NL"}),
        ("Wie hilft man Lehrlingen in Germany und in France?", "de", {"DE", "FR"}),
    ],
)
def test_countries_are_found_by_their_names_in_the_language_of_the_question_and_in_english(text, language, expected):
    question = understand(text, {})
    assert question.language == language
    assert countries_named(question, CODES) == expected


@pytest.mark.parametrize(
    "text",
    [
        "What do schools in Australia do against early leaving?",
        "Jak się pomaga uczniom w Australii, kiedy nie chodzą do szkoły?",
        "Romani children who leave school early, who helps them?",
        "¿Qué hacen los australianos con los aprendices que abandonan la escuela?",
        "Who helps women in the polar region who germinate seeds?",
        "123",
    ],
)
def test_other_words_that_begin_like_a_country_are_none(text):
    assert countries_named(understand(text, {}), CODES) == set()


def test_a_country_without_a_practice_is_not_looked_for():
    question = understand("How do Spain and Germany keep apprentices?", {})
    assert countries_named(question, {"DE"}) == {"DE"}
    assert countries_named(question, set()) == set()


# Faithfulness: the sentence that a reason names is taken out, the release built again, and the practice scored again.


@dataclass(frozen=True)
class Case:
    """A question, its best practice, the sentence that its reason names, and the others that tell something of it."""

    text: str
    practice: Practice
    score: float
    named: str
    others: tuple[str, ...]


def best_cases(retriever, encoder, texts):
    """Return the cases of the questions, one a practice, where there is more than one sentence to choose from."""
    cases = {}
    for text in texts:
        hit, explanation = explained(retriever, encoder, text)[0]
        parts = retriever.release.parts
        sentences = [
            sentence_span(parts, hit.practice, int(at)).text for at in retriever.scorer.telling_sentences(hit.row)
        ]
        named = explanation.sentence.text
        others = tuple(one for one in sentences if one != named)
        if others and named in sentences and hit.practice.id not in cases:
            cases[hit.practice.id] = Case(text, hit.practice, hit.score, named, others)
    return list(cases.values())


def without(practice, sentence):
    """Return a practice that does not say a sentence."""

    def cut(text):
        return (text or "").replace(sentence, "").strip() or None

    results = [result.model_copy(update={"text": cut(result.text)}) for result in practice.results]
    changed = practice.model_copy(
        update={
            "summary": cut(practice.summary),
            "description": cut(practice.description),
            "results": tuple(result for result in results if result.text),
        }
    )
    assert sentence not in practice_text(changed).removeprefix(practice.title)
    return changed


def falls(folder, source, encoder, cases, removed):
    """Return how far the score of each case's practice falls when its removed sentence is gone from the catalogue.

    All cases are of different practices, so that one catalogue can hold all of the changes.
    """
    changed = {case.practice.id: without(case.practice, gone) for case, gone in zip(cases, removed, strict=True)}
    practices = [changed.get(practice.id, practice) for practice in source.practices]
    retriever = built(folder, replace(source, practices=practices), encoder)
    found = []
    for case in cases:
        question = retriever.understand(case.text)
        hits = retriever.rank(question, encoder.encode_queries(question.encoder_texts), top_k=len(practices))
        found.append(case.score - next(hit.score for hit in hits if hit.practice.id == case.practice.id))
    return np.array(found)


GARDENS = (
    Practice(
        id="garden",
        title="Garden",
        description=(
            "Pupils grow tomatoes behind the gym. A cook teaches them to prepare soup. "
            "On Fridays their families come for dinner. Nobody asks for school reports."
        ),
    ),
    Practice(
        id="garage",
        title="Garage",
        summary="Girls repair old bicycles with a mechanic.",
        description="The bicycles are given to refugees. Each girl receives a certificate. An aunt may come along.",
    ),
    Practice(
        id="radio",
        title="Radio",
        summary="Teenagers broadcast news in five languages.",
        description="A journalist corrects their scripts. Listeners vote for songs. The studio opens at noon.",
    ),
    Practice(
        id="hotel",
        title="Hotel",
        description=(
            "Trainees live together in an empty hotel. A warden wakes everyone at six. "
            "They serve guests at weekends. Debts are settled with a lawyer."
        ),
    ),
    *PRACTICES,
)
GARDEN_QUESTIONS = (
    "a cook who teaches pupils to prepare soup",
    "girls repair bicycles with a mechanic",
    "listeners vote for songs",
    "a lawyer helps when debts are settled",
    "phone pupils on the first day of absence",
    "adults return to class in the evening",
    "the master listens and gives advice to apprentices",
    "they offer coffee and a course to young people",
)


def test_the_score_hangs_on_the_named_sentence_more_than_on_any_other(tmp_path, words):
    source = small_source(GARDENS)
    cases = best_cases(built(tmp_path, source, words), words, GARDEN_QUESTIONS)
    assert [case.practice.id for case in cases] == [
        "garden",
        "garage",
        "radio",
        "hotel",
        "absence-call",
        "second-school",
        "mentors",
        "street-work",
    ]
    named = falls(tmp_path, source, words, cases, [case.named for case in cases])
    rounds = max(len(case.others) for case in cases)
    others = np.stack(
        [
            falls(tmp_path, source, words, cases, [case.others[at % len(case.others)] for case in cases])
            for at in range(rounds)
        ]
    )
    assert (named > 0).all()
    assert (named > others.mean(axis=0)).all()
    assert named.mean() > 2 * others.mean()


def read_shipped():
    """Return the shipped source without judgements and roles: a build fits nothing then, and scores are the same."""
    source = read_source(shipped_path("data/catalogue/practices.jsonl"))
    return replace(source, probes=[probe.model_copy(update={"relevant": None}) for probe in source.probes], roles=())


def assert_named_sentences_carry_the_score(folder, source, encoder):
    """Assert it on 20 of our judged questions with different best practices, each against one other sentence."""
    lines = shipped_path("data/qrels/queries.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [one["text"] for one in map(json.loads, lines) if one["kind"] == "need"]
    cases = random.Random(1).sample(best_cases(built(folder, source, encoder), encoder, texts), 20)

    named = falls(folder, source, encoder, cases, [case.named for case in cases])
    rng = random.Random(2)
    others = falls(folder, source, encoder, cases, [rng.choice(case.others) for case in cases])

    assert np.mean(named > others) >= 0.8
    assert named.mean() > others.mean()


def test_named_sentences_carry_the_score_on_our_catalogue_by_words(tmp_path):
    source = read_shipped()
    few_probes = replace(source, probes=source.probes[::20])
    assert_named_sentences_carry_the_score(tmp_path, few_probes, WordEncoder(fake_spec(dim=256)))


@pytest.mark.model
def test_named_sentences_carry_the_score_on_our_catalogue(tmp_path):
    inner = load_encoder(DEFAULT_ENCODER, Settings())
    encoder = QueriesOnce(inner, EmbeddingCache(tmp_path, inner.spec.identity, inner.spec.dim).of_queries())
    assert_named_sentences_carry_the_score(tmp_path, read_shipped(), encoder)


def test_of_two_countries_of_which_one_is_called_like_the_beginning_of_the_other_the_whole_name_counts():
    question = understand("Which schools in Guinea-Bissau and in Guinea itself keep apprentices?", {})
    assert countries_named(question, {"GN", "GW"}) == {"GN", "GW"}
    assert countries_named(understand("Schools in Guinea-Bissau keep apprentices, and how?", {}), {"GN", "GW"}) == {
        "GW"
    }
