"""The retriever against brute force: order, ranks, filters, ties and the edges of a catalogue."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.build import build_release
from indexer.embedding_cache import EmbeddingCache
from indexer.passages import practice_text, sentence_passages, window_passages
from indexer.practice import Practice
from indexer.release import load_release
from service.filters import NO_FILTERS, Filters
from service.retriever import SENTENCES_COUNTED, WINDOW_WEIGHT, Hit, Retriever, UnknownPracticeError
from tests.fakes import PRACTICES, WordEncoder, fake_spec, small_source

QUESTION = "apprentices quit their training early"
WORDS = (
    "school teacher workshop parents evening course language grant travel meeting advice trust phone visit plan "
    "week month young adult group company master exam repeat support morning village city office map"
)
WORST = ("worst-0", "worst-1", "worst-2")


def built(folder, practices, encoder, **options) -> Retriever:
    cache = EmbeddingCache(folder / "cache", encoder.spec.identity, encoder.spec.dim)
    release = build_release(
        small_source(practices), encoder, releases=folder / "releases", cache=cache, progress=lambda *_: None
    )
    return Retriever(release, **options)


def ask(retriever, encoder, text, *, top_k=10, filters=NO_FILTERS) -> list[Hit]:
    question = retriever.understand(text)
    embedding = encoder.encode_queries([question.encoder_text])[0]
    return retriever.search(question, embedding, top_k=top_k, filters=filters)


def ids(hits) -> list[str]:
    return [hit.practice.id for hit in hits]


def assert_well_formed(hits):
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    keys = [(-hit.score, hit.practice.id) for hit in hits]
    assert keys == sorted(keys)
    assert len(set(ids(hits))) == len(hits)


def generated_practices(*, most_sentences=4) -> list[Practice]:
    """Return 300 practices of which three, in Malta, share no word with the question."""
    rng = random.Random(20)
    practices = []
    for number in range(297):
        sentences = [
            " ".join(rng.choices(WORDS.split(), k=rng.randint(4, 12))) + "."
            for _ in range(rng.randint(1, most_sentences))
        ]
        practices.append(
            Practice(
                id=f"p{number:03}",
                title=f"Plan {number}: {QUESTION}",
                summary=sentences[0].capitalize(),
                description=" ".join(sentence.capitalize() for sentence in sentences[1:]) or None,
                country=rng.choice(("DE", "FR", "GR", None)),
            )
        )
    practices += [
        Practice(id=one, title="Qwerty bread", summary="Flour and yeast.", country="MT") for one in reversed(WORST)
    ]
    rng.shuffle(practices)
    return practices


@pytest.fixture(scope="module")
def words() -> WordEncoder:
    return WordEncoder(fake_spec(dim=512))


@pytest.fixture(scope="module")
def many(tmp_path_factory, words) -> Retriever:
    return built(tmp_path_factory.mktemp("many"), generated_practices(), words)


@pytest.fixture(scope="module")
def small(tmp_path_factory, words) -> Retriever:
    return built(tmp_path_factory.mktemp("small"), PRACTICES, words)


@pytest.mark.parametrize(
    ("question", "best"),
    [
        ("retired masters who mentor apprentices", "mentors"),
        ("a school for adults without certificate", "second-school"),
        ("phone pupils on the first day of absence", "absence-call"),
        ("youth workers who visit homes and squares", "street-work"),
    ],
)
def test_the_practice_that_says_the_same_comes_first(small, words, question, best):
    hits = ask(small, words, question)
    assert hits[0].practice.id == best
    assert_well_formed(hits)


def test_a_hit_names_the_sentence_that_answers_best(small, words):
    hit = ask(small, words, "they offer coffee and a course")[0]
    assert practice_text(hit.practice)[hit.sentence.start : hit.sentence.end] == (
        "They offer coffee first and a course later."
    )


def test_a_hit_holds_the_practice_of_the_catalogue(small, words):
    hits = ask(small, words, "apprentices")
    assert {hit.practice.id: hit.practice for hit in hits} == {practice.id: practice for practice in PRACTICES}


def test_ranks_count_from_1_and_scores_fall(many, words):
    hits = ask(many, words, f"{QUESTION} school teacher", top_k=100)
    assert len(hits) == 100
    assert_well_formed(hits)


def test_fewer_hits_are_the_beginning_of_more(many, words):
    longest = ask(many, words, "evening course for a young group", top_k=100)
    for top_k in (1, 2, 10, 99):
        assert ask(many, words, "evening course for a young group", top_k=top_k) == longest[:top_k]


def test_a_filter_finds_practices_that_are_the_worst_for_the_question(many, words):
    assert not set(WORST) & set(ids(ask(many, words, QUESTION, top_k=100)))
    hits = ask(many, words, QUESTION, top_k=10, filters=Filters(country=("MT",)))
    assert sorted(ids(hits)) == sorted(WORST)
    assert_well_formed(hits)


def test_a_filter_never_lets_another_practice_through(many, words):
    hits = ask(many, words, QUESTION, top_k=100, filters=Filters(country=("GR", "MT")))
    assert {hit.practice.country for hit in hits} <= {"GR", "MT"}
    expected = sum(practice.country in ("GR", "MT") for practice in many.release.parts.practices)
    assert len(hits) == min(100, expected)


def test_a_filter_that_matches_nothing_gives_no_hit(many, words):
    assert ask(many, words, QUESTION, filters=Filters(country=("SE",))) == []


@settings(max_examples=50)
@given(
    st.lists(st.sampled_from(("DE", "GR", "NL", "XX")), max_size=3),
    st.lists(st.sampled_from(("running", "ended", "unknown")), max_size=2),
    st.text(max_size=40),
)
def test_whatever_the_question_all_that_pass_are_found(small, words, countries, statuses, question):
    expected = {
        practice.id
        for practice in PRACTICES
        if (not countries or practice.country in countries) and (not statuses or practice.status in statuses)
    }
    hits = ask(small, words, question, top_k=100, filters=Filters(country=countries, status=statuses))
    assert set(ids(hits)) == expected
    assert_well_formed(hits)


def test_the_same_question_has_the_same_answer(many, words):
    again = Retriever(load_release(many.release.folder))
    first = ask(many, words, QUESTION, top_k=50)
    assert ask(many, words, QUESTION, top_k=50) == first
    assert ask(again, words, QUESTION, top_k=50) == first


def test_more_practices_asked_for_than_there_are_gives_all_of_them(small, words):
    hits = ask(small, words, "apprentices", top_k=100)
    assert sorted(ids(hits)) == sorted(practice.id for practice in PRACTICES)
    assert_well_formed(hits)


def equal_practices(count: int) -> list[Practice]:
    practices = [Practice(id=f"equal-{number:03}", title="The same evening course") for number in range(count)]
    random.Random(3).shuffle(practices)
    return practices


def test_equal_practices_are_ordered_by_id(tmp_path, words):
    retriever = built(tmp_path, [*equal_practices(7), *PRACTICES], words)
    in_order = [f"equal-{number:03}" for number in range(7)]
    embedding = words.encode_documents(["The same evening course"])[0]
    assert ids(ask(retriever, words, "The same evening course", top_k=7)) == in_order
    assert ids(retriever.similar(embedding, top_k=7)) == in_order
    assert ids(retriever.related("equal-003", top_k=6)) == [one for one in in_order if one != "equal-003"]


def test_equal_practices_are_ordered_by_id_however_many_there_are(tmp_path, words):
    practices = [Practice(id=f"equal-{number:03}", title="The same evening course") for number in reversed(range(150))]
    retriever = built(tmp_path, practices, words)
    assert ids(ask(retriever, words, "evening course", top_k=3)) == ["equal-000", "equal-001", "equal-002"]


def test_related_never_returns_the_seed(many):
    for practice in many.release.parts.practices[:40]:
        hits = many.related(practice.id, top_k=5)
        assert practice.id not in ids(hits)
        assert len(hits) == 5
        assert_well_formed(hits)


def test_related_returns_all_others_when_asked_for_more_than_there_are(small):
    for practice in PRACTICES:
        hits = small.related(practice.id, top_k=100)
        assert sorted(ids(hits)) == sorted(one.id for one in PRACTICES if one != practice)
        assert_well_formed(hits)


def test_related_puts_a_twin_first(tmp_path, words):
    twin = PRACTICES[0].model_copy(update={"id": "twin", "country": "AT"})
    retriever = built(tmp_path, [*PRACTICES, twin], words)
    assert ids(retriever.related("mentors", top_k=1)) == ["twin"]
    assert ids(retriever.related("twin", top_k=1)) == ["mentors"]


def test_a_catalogue_of_one_practice_has_nothing_related(tmp_path, words):
    retriever = built(tmp_path, PRACTICES[:1], words)
    assert retriever.related("mentors", top_k=5) == []
    assert ids(ask(retriever, words, "recipe for apple cake")) == ["mentors"]


def test_similar_finds_the_practice_that_a_text_describes(small, words):
    text = "Evening school\nAdults return to class and get a certificate."
    hits = small.similar(words.encode_documents([text])[0], top_k=2)
    assert ids(hits)[0] == "second-school"
    assert len(hits) == 2
    assert_well_formed(hits)


def test_a_practice_is_found_by_its_id(small):
    assert [small.practice(practice.id) for practice in PRACTICES] == list(PRACTICES)


@pytest.mark.parametrize("unknown", ["nobody", "", "Mentors", "mentors "])
def test_an_unknown_id_raises(small, unknown):
    message = f"^no practice with id '{unknown}' in this catalogue$"
    with pytest.raises(UnknownPracticeError, match=message):
        small.practice(unknown)
    with pytest.raises(UnknownPracticeError, match=message):
        small.related(unknown, top_k=5)


def test_a_question_is_understood_with_the_thesaurus_of_the_release(small):
    question = small.understand("Wie helfen wir Lehrlingen, die in der Berufsschule oft schulschwänzen?")
    assert question.language == "de"
    assert question.glosses == ("apprentices", "absence")


def test_shown_marks_the_rows_of_practices(small):
    assert small.shown([PRACTICES[3], PRACTICES[1]]).tolist() == [False, True, False, True]
    assert small.shown([]).tolist() == [False] * 4


def centred(rows, centroid):
    less = rows - centroid
    return less / np.maximum(np.linalg.norm(less, axis=1, keepdims=True), 1e-30)


def test_the_dense_leg_is_what_brute_force_over_all_passages_says(tmp_path, words):
    practices = generated_practices(most_sentences=9)[:100]
    retriever = built(tmp_path, practices, words, leg="dense")
    windows, sentences = {}, {}
    for practice in practices:
        text = practice_text(practice)
        for rows, passages in (
            (windows, window_passages(practice, max_tokens=words.spec.max_tokens, count_tokens=words.count_tokens)),
            (sentences, sentence_passages(practice)),
        ):
            rows[practice.id] = words.encode_documents([text[passage.start : passage.end] for passage in passages])
    assert max(map(len, windows.values())) > 1
    window_mean = np.concatenate(list(windows.values())).mean(axis=0)
    sentence_mean = np.concatenate(list(sentences.values())).mean(axis=0)

    for text in (QUESTION, "evening course", "school teacher workshop grant", "flour and yeast"):
        query = centred(words.encode_queries([text]), retriever.release.parts.query_centroid)[0]
        expected = {}
        for practice in practices:
            best = np.sort(centred(sentences[practice.id], sentence_mean) @ query)[-SENTENCES_COUNTED:].mean()
            window = (centred(windows[practice.id], window_mean) @ query).max()
            expected[practice.id] = (best + WINDOW_WEIGHT * window) / (1 + WINDOW_WEIGHT)
        hits = ask(retriever, words, text, top_k=100)
        scores = [hit.score for hit in hits]
        np.testing.assert_allclose(scores, sorted(expected.values(), reverse=True), atol=1e-3)
        np.testing.assert_allclose(scores, [expected[one] for one in ids(hits)], atol=1e-3)
        assert_well_formed(hits)


def test_the_lexical_leg_finds_what_has_a_word_of_the_question_and_nothing_else(tmp_path, words):
    retriever = built(tmp_path, PRACTICES, words, leg="lexical")
    assert ids(ask(retriever, words, "certificate")) == ["second-school"]
    assert set(ids(ask(retriever, words, "school coffee"))) == {"second-school", "absence-call", "street-work"}
    assert ids(ask(retriever, words, "school coffee"))[0] == "street-work"
    assert ids(ask(retriever, words, "school coffee", filters=Filters(country=("NL",)))) == ["absence-call"]
    assert ask(retriever, words, "zeppelin") == []


@pytest.mark.parametrize("leg", ["dense", "hybrid"])
def test_long_practices_do_not_crowd_out_the_others(tmp_path, words, leg):
    page = " ".join(f"Apprentices quit their training early in village {number}." for number in range(600))
    long = [Practice(id=f"long-{number}", title="Apprentices quit", description=page) for number in range(3)]
    short = [Practice(id=f"short-{number:02}", title=f"Bread {'bake ' * number}".strip()) for number in range(20)]
    retriever = built(tmp_path, [*long, *short], words, leg=leg)
    assert retriever.release.manifest.counts.windows > 600
    hits = ask(retriever, words, QUESTION, top_k=100)
    assert sorted(ids(hits)) == sorted(practice.id for practice in (*long, *short))
    assert_well_formed(hits)


def test_a_practice_without_a_sentence_does_not_break_the_search(tmp_path, words):
    retriever = built(tmp_path, [Practice(id="odd", title="\x1f"), *PRACTICES], words)
    assert ids(ask(retriever, words, "retired masters who mentor apprentices"))[0] == "mentors"
