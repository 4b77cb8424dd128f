"""The retriever against brute force: order, ranks, filters, ties and the edges of a catalogue."""

import math
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.build import build_release
from indexer.calibration import Calibration, HitCalibration
from indexer.embedding_cache import EmbeddingCache
from indexer.fusion import LEXICAL_WEIGHT, NAME_WEIGHT
from indexer.linear_head import LinearHead
from indexer.names import names
from indexer.passages import lexical_text, practice_text, sentence_limits, window_limits
from indexer.practice import Practice
from indexer.release import load_release
from indexer.scoring import CONTEXT_WEIGHT, CONTEXTS_COUNTED, FULL_COVERAGE
from indexer.themes import Theme
from indexer.thesaurus import fold
from indexer.vectors import Allowed
from service.confidence import GOOD_FROM
from service.filters import NO_FILTERS, Filters
from service.retriever import Hit, Retriever, UnknownPracticeError
from tests.fakes import PRACTICES, VOCABULARY, WordEncoder, fake_spec, small_source

QUESTION = "apprentices quit their training early"
WORDS = (
    "school teacher workshop parents evening course language grant travel meeting advice trust phone visit plan "
    "week month young adult group company master exam repeat support morning village city office map"
)
WORST = ("worst-0", "worst-1", "worst-2")
ASKED = (
    QUESTION,
    "evening course",
    "school teacher workshop grant",
    "flour and yeast",
    "parents visit p007 and plan 3 and plan 30 in the village",
    "what does plan 54 do for the company",
    "Wie kann unsere Werkstatt den Eltern der jungen Leute einen evening course anbieten?",
)


def built(folder, practices, encoder, **options) -> Retriever:
    cache = EmbeddingCache(folder / "cache", encoder.spec.identity, encoder.spec.dim)
    release = build_release(
        small_source(practices), encoder, releases=folder / "releases", cache=cache, progress=lambda *_: None
    )
    return Retriever(release, **options)


def ask(retriever, encoder, text, *, top_k=10, filters=NO_FILTERS) -> list[Hit]:
    question = retriever.understand(text)
    embeddings = encoder.encode_queries(question.encoder_texts)
    return retriever.rank(question, embeddings, top_k=top_k, filters=filters)


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


def test_a_hit_holds_the_practice_and_its_place_in_the_catalogue(small, words):
    hits = ask(small, words, "apprentices")
    assert {hit.row: hit.practice for hit in hits} == dict(enumerate(PRACTICES))


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


def counting_searches(monkeypatch, retriever) -> list[int]:
    """Let a retriever note how many windows each of its searches asks for."""
    searches, vectors = [], retriever.release.parts.vectors
    found = type(vectors).search
    monkeypatch.setattr(
        type(vectors),
        "search",
        lambda self, row, count, allowed=None: searches.append(count) or found(self, row, count, allowed),
    )
    return searches


def test_a_remembered_question_is_not_searched_again_and_answered_alike(many, words, monkeypatch):
    remembering, searches = Retriever(many.release, remembered=8), counting_searches(monkeypatch, many)
    expected = ask(many, words, QUESTION, top_k=50)
    once = len(searches)

    assert [ask(remembering, words, QUESTION, top_k=50) for _ in range(3)] == [expected] * 3
    assert len(searches) == 2 * once


def test_another_question_filter_or_count_is_not_the_remembered_one(small, words, monkeypatch):
    remembering, searches = Retriever(small.release, remembered=100), counting_searches(monkeypatch, small)
    asked = [
        (QUESTION, {"top_k": 10}),
        (QUESTION + " today", {"top_k": 10}),
        (QUESTION, {"top_k": 2}),
        (QUESTION, {"top_k": 10, "filters": Filters(country=["DE"])}),
        (QUESTION, {"top_k": 10, "filters": Filters(country=["DE", "GR"])}),
        (QUESTION, {"top_k": 10, "filters": Filters(region=["DE"])}),
    ]
    expected = [ask(small, words, text, **options) for text, options in asked]
    once = len(searches)

    assert [ask(remembering, words, text, **options) for text, options in asked] == expected
    assert len(searches) == 2 * once


def test_words_in_another_place_are_another_question_though_they_mean_the_same(small, words):
    remembering, plain = Retriever(small.release, remembered=100), Retriever(small.release)
    embedding = words.encode_queries([QUESTION])[0]
    for text in (QUESTION, "apprentices", QUESTION):
        question = small.understand(text)
        found, expected = (
            one.rank_part(question, question.whole, embedding, None, top_k=5) for one in (remembering, plain)
        )
        assert found == expected


def test_of_what_is_remembered_nothing_can_be_read_and_no_more_is_kept_than_was_asked_for(small, words):
    remembering = Retriever(small.release, remembered=3)
    for number in range(9):
        ask(remembering, words, f"{QUESTION} {number}")

    kept = remembering._kept
    assert len(kept) == 3
    assert all(isinstance(key, bytes) and len(key) == 16 for key in kept)
    assert len(Retriever(small.release, remembered=0)._kept) == 0
    other = Retriever(small.release, remembered=3)
    ask(other, words, f"{QUESTION} 8")
    assert not set(other._kept) & set(kept)  # each has a salt of its own


def test_a_retriever_over_another_release_searches_in_the_same_way(small, many, words, monkeypatch):
    over, searches = (
        Retriever(small.release, leg="dense", remembered=5).over(many.release),
        counting_searches(monkeypatch, many),
    )
    found = [ask(over, words, QUESTION, top_k=5) for _ in range(2)]

    assert found == [ask(Retriever(many.release, leg="dense"), words, QUESTION, top_k=5)] * 2
    assert len(searches) == 2


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
    text = "The same evening course"
    embedding = words.encode_documents([text])[0]
    assert ids(ask(retriever, words, text, top_k=7)) == in_order
    assert ids(retriever.similar(text, embedding, top_k=7)) == in_order


@pytest.mark.parametrize("leg", ["hybrid", "dense", "lexical"])
def test_equal_practices_are_ordered_by_id_however_many_there_are(tmp_path, words, leg):
    practices = [Practice(id=f"equal-{number:03}", title="The same evening course") for number in reversed(range(150))]
    retriever = built(tmp_path, practices, words, leg=leg)
    assert ids(ask(retriever, words, "evening course", top_k=3)) == ["equal-000", "equal-001", "equal-002"]


def test_a_catalogue_of_one_practice_answers_with_it(tmp_path, words):
    retriever = built(tmp_path, PRACTICES[:1], words)
    assert ids(ask(retriever, words, "recipe for apple cake")) == ["mentors"]


def test_similar_finds_the_practice_that_a_text_describes(small, words):
    text = "Evening school\nAdults return to class and get a certificate."
    hits = small.similar(text, words.encode_documents([text])[0], top_k=2)
    assert ids(hits)[0] == "second-school"
    assert len(hits) == 2
    assert_well_formed(hits)


def test_a_practice_is_found_by_its_id(small):
    assert [small.practice(practice.id) for practice in PRACTICES] == list(PRACTICES)
    assert [small.row(practice.id) for practice in PRACTICES] == [0, 1, 2, 3]


@pytest.mark.parametrize("unknown", ["nobody", "", "Mentors", "mentors "])
def test_an_unknown_id_raises(small, unknown):
    message = f"^no practice with id '{unknown}' in this catalogue$"
    with pytest.raises(UnknownPracticeError, match=message):
        small.practice(unknown)
    with pytest.raises(UnknownPracticeError, match=message):
        small.row(unknown)


def test_a_question_is_understood_with_the_thesaurus_of_the_release(small):
    question = small.understand("Wie helfen wir Lehrlingen, die in der Berufsschule oft schulschwänzen?")
    assert question.language == "de"
    assert question.glosses == ("apprentices", "absence")


def centred(rows, centroid):
    less = rows - centroid
    return less / np.maximum(np.linalg.norm(less, axis=-1, keepdims=True), 1e-30)


class Oracle:
    """The scores that practices must have, one practice at a time over all of a catalogue in English."""

    def __init__(self, retriever, encoder):
        parts = retriever.release.parts
        self.parts, self.spread = parts, retriever.release.manifest.calibration.spread
        self.windows, self.sentences, self.contexts = [], [], []
        for practice in parts.practices:
            text, count, limit = practice_text(practice), encoder.count_tokens, encoder.spec.max_tokens
            windows = window_limits(practice, max_tokens=limit, count_tokens=count)
            sentences = sentence_limits(practice)
            self.windows.append(encoder.encode_documents([text[start:end] for start, end in windows]))
            rows = encoder.encode_documents([text[start:end] for start, end in sentences])
            self.sentences.append(rows)
            around = [rows[max(0, at - 1) : at + 2].sum(axis=0) for at in range(len(rows))]
            self.contexts.append(centred(np.stack(around), 0))
        self.window_mean, self.sentence_mean, self.context_mean = (
            np.concatenate(rows).mean(axis=0) for rows in (self.windows, self.sentences, self.contexts)
        )
        self.terms = [parts.lexical.terms(lexical_text(one, VOCABULARY), "en") for one in parts.practices]

    def dense(self, query):
        return [
            CONTEXT_WEIGHT * np.sort(centred(contexts, self.context_mean) @ query)[-CONTEXTS_COUNTED:].mean()
            + (1 - CONTEXT_WEIGHT) * (centred(windows, self.window_mean) @ query).max()
            for windows, contexts in zip(self.windows, self.contexts, strict=True)
        ]

    def bm25(self, query_terms):
        size, length = len(self.terms), sum(map(len, self.terms)) / len(self.terms)
        scores = []
        for terms in self.terms:
            counts, norm = Counter(terms), 1.5 * (0.25 + 0.75 * len(terms) / length)
            scores.append(
                sum(math.log1p(self._odds(term, size)) * counts[term] / (counts[term] + norm) for term in query_terms)
            )
        return scores

    def words(self, question):
        """Return what the words of a question without glosses say, if in another language by their coverage."""
        terms, size = self.parts.lexical.terms(question.text, question.language), len(self.terms)
        scores = self.bm25(terms)
        if question.language == "en":
            return scores
        best = set(self.terms[int(np.argmax(scores))])
        weights = {term: self._rarity(term, size) for term in terms}
        covered = sum(weight for term, weight in weights.items() if term in best) / sum(weights.values())
        return [min(1, covered / FULL_COVERAGE) ** 2 * score for score in scores]

    def names(self, text):
        """Return the scores of the names that are spelt right."""
        words, size = f" {' '.join(fold(text).split())} ", len(self.terms)
        scores = []
        for practice in self.parts.practices:
            called = [name for name in names(practice) if f" {' '.join(name)} " in words]
            stems = [self.parts.lexical.terms(" ".join(name), "en") for name in called]
            rarest = [max((self._rarity(stem, size) for stem in stems_of), default=0) for stems_of in stems]
            scores.append(max(rarest, default=0) ** 3)
        return scores

    def fused(self, dense, words, called):
        return {
            practice.id: meaning + self.spread * (LEXICAL_WEIGHT * math.log1p(word) + NAME_WEIGHT * name)
            for practice, meaning, word, name in zip(self.parts.practices, dense, words, called, strict=True)
        }

    def _odds(self, term, size):
        found = sum(term in terms for terms in self.terms)
        return (size - found + 0.5) / (found + 0.5)

    def _rarity(self, term, size):
        most = (size - 0.5) / 1.5
        return math.log1p(min(self._odds(term, size), most)) / math.log1p(most)


def assert_scores(hits, expected):
    """Assert that the hits are the best of all practices with their scores."""
    scores = [hit.score for hit in hits]
    np.testing.assert_allclose(scores, sorted(expected.values(), reverse=True)[: len(hits)], atol=1e-3)
    np.testing.assert_allclose(scores, [expected[one] for one in ids(hits)], atol=1e-3)
    assert_well_formed(hits)


@pytest.fixture(scope="module")
def hundred() -> list[Practice]:
    """Return as many practices as each leg puts forward, some of them long."""
    return generated_practices(most_sentences=9)[:100]


@pytest.fixture(scope="module")
def hybrid(tmp_path_factory, words, hundred) -> Retriever:
    return built(tmp_path_factory.mktemp("hybrid"), hundred, words)


@pytest.fixture(scope="module")
def oracle(hybrid, words) -> Oracle:
    found = Oracle(hybrid, words)
    assert max(map(len, found.windows)) > 1
    assert max(map(len, found.contexts)) > CONTEXTS_COUNTED
    return found


@pytest.mark.parametrize("text", ASKED)
def test_the_dense_leg_is_what_brute_force_over_all_passages_says(hybrid, oracle, words, text):
    retriever = Retriever(hybrid.release, leg="dense")
    query = centred(words.encode_queries([text])[0], oracle.parts.query_centroid)
    expected = dict(zip((one.id for one in oracle.parts.practices), oracle.dense(query), strict=True))
    hits = ask(retriever, words, text, top_k=100)
    assert len(hits) == 100
    assert_scores(hits, expected)


@pytest.mark.parametrize("text", ASKED)
def test_the_hybrid_is_meaning_and_words_and_names_by_brute_force(hybrid, oracle, words, text):
    query = centred(words.encode_queries([text])[0], oracle.parts.query_centroid)
    expected = oracle.fused(oracle.dense(query), oracle.words(hybrid.understand(text)), oracle.names(text))
    hits = ask(hybrid, words, text, top_k=100)
    assert len(hits) == 100
    assert_scores(hits, expected)
    greek = ask(hybrid, words, text, top_k=100, filters=Filters(country=("GR",)))
    kept = {one.id: expected[one.id] for one in oracle.parts.practices if one.country == "GR"}
    assert set(ids(greek)) == set(kept)
    assert_scores(greek, kept)


def test_the_questions_have_names_and_words_in_full_and_in_part(hybrid, oracle):
    questions = [hybrid.understand(text) for text in ASKED]
    assert [one.language for one in questions] == [*["en"] * 6, "de"]
    assert [max(oracle.names(one.text)) > 0 for one in questions] == [True, False, False, False, True, True, False]
    by_words = [max(oracle.bm25(oracle.parts.lexical.terms(one.text, one.language))) for one in questions]
    shares = [max(oracle.words(one)) / most for one, most in zip(questions, by_words, strict=True)]
    assert shares[:-1] == [1] * 6
    assert 0 < shares[-1] < 0.5


@pytest.mark.parametrize("text", ["Evening school\nParents meet a master every week.", QUESTION, "flour and yeast"])
def test_what_is_similar_to_a_text_is_what_brute_force_says(hybrid, oracle, words, text):
    embedding = words.encode_documents([text])[0]
    dense = oracle.dense(centred(embedding, oracle.sentence_mean))
    expected = oracle.fused(dense, oracle.bm25(oracle.parts.lexical.terms(text, "en")), [0] * 100)
    hits = hybrid.similar(text, embedding, top_k=30)
    assert len(hits) == 30
    assert_scores(hits, expected)


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


def test_a_practice_that_is_named_is_found_though_others_are_nearer_and_others_have_more_words(tmp_path):
    codes = tuple(VOCABULARY["approaches"])
    labelled = [
        Practice(id=f"b-{number}", title=f"Bread with seeds {number}", approaches=codes) for number in range(120)
    ]
    near = [
        Practice(id=f"t-{number}", title=f"Tools like hammers, like saws, like nails {number}") for number in range(150)
    ]
    airship = Practice(id="airship", title="Zeppelin", summary="Flour, yeast, bread and tools.", country="MT")
    words = WordEncoder()  # more dimensions, so that no two words share one
    retriever = built(tmp_path, [*labelled, *near, airship], words)
    query = "mentoring, outreach, health support and second-chance education like"
    assert "airship" not in ids(ask(retriever, words, query, top_k=100))
    for name in ("Zeppelin", "zepelin"):
        assert ids(ask(retriever, words, f"{query} {name}", top_k=1)) == ["airship"]
    assert "airship" not in ids(ask(retriever, words, f"{query} zepelin", top_k=100, filters=Filters(effect=("none",))))
    assert ids(ask(retriever, words, f"{query} zepelin", filters=Filters(country=("MT",)))) == ["airship"]


PROBLEM = (
    "Retired masters in our town would like to mentor apprentices who think of quitting. "
    "We also know a few adults without a certificate who want to return to class in the evening. "
    "And nobody has time to phone pupils on the first day of absence."
)


def test_a_part_of_a_question_is_answered_as_if_it_were_asked_alone(small, words):
    question = small.understand(PROBLEM)
    embeddings = words.encode_queries(question.encoder_texts)
    answers = [
        small.rank_part(question, part, embedding, None, top_k=3)
        for part, embedding in zip(question.parts, embeddings[1:], strict=True)
    ]
    assert [ids(hits)[0] for hits in answers] == ["mentors", "second-school", "absence-call"]
    assert answers == [ask(small, words, part.text, top_k=3) for part in question.parts]


def test_a_long_question_is_ranked_by_all_of_it(small, words):
    question = small.understand(PROBLEM)
    embeddings = words.encode_queries(question.encoder_texts)
    assert len(embeddings) == 4
    hits = small.rank(question, embeddings, top_k=4)
    assert hits == small.rank_part(question, question.whole, embeddings[0], None, top_k=4)
    assert ids(hits)[3] == "street-work"


def test_a_part_is_filtered_too(small, words):
    question = small.understand(PROBLEM)
    embeddings = words.encode_queries(question.encoder_texts)
    german = Filters(country=("DE",))
    hits = small.rank_part(question, question.parts[1], embeddings[2], None, top_k=5, filters=german)
    assert sorted(ids(hits)) == ["mentors", "street-work"]


def test_like_finds_only_what_is_allowed(hybrid, words):
    text = "evening course"
    embedding = words.encode_documents([text])[0]
    all_hits = hybrid.like(text, embedding, top_k=100)
    allowed = np.arange(100) % 7 == 3
    hits = hybrid.like(text, embedding, top_k=100, allowed=Allowed(allowed, {}))
    assert [(hit.row, hit.score) for hit in hits] == [(hit.row, hit.score) for hit in all_hits if hit.row % 7 == 3]
    assert len(hits) == allowed.sum()
    assert hybrid.like(text, embedding, top_k=5, allowed=Allowed(np.zeros(100, dtype=np.bool_), {})) == []


def test_without_calibration_nothing_is_said_of_confidence_topic_and_verdict(small, words):
    question = small.understand("apprentices quit")
    embeddings = words.encode_queries(question.encoder_texts)
    hits = small.rank(question, embeddings, top_k=4)
    assert [hit.confidence for hit in hits] == [None] * 4
    assert small.topic(question, embeddings) is None
    assert small.verdict(small.topic(question, embeddings), hits) is None


def calibrated(retriever, *, topic: float, hit: HitCalibration, spread: float = 0.1) -> Retriever:
    """Return a retriever that takes every question to be on the topic with the log-odds `topic`."""
    release = retriever.release
    weights = np.zeros((1, release.parts.vectors.dim + 1), dtype=np.float32)
    weights[0, -1] = topic
    return Retriever(
        replace(
            release,
            parts=replace(release.parts, topic_head=LinearHead(weights)),
            manifest=replace(release.manifest, calibration=Calibration(spread=spread, hit=hit)),
        )
    )


def test_confidence_is_the_logistic_of_the_score_in_spreads_and_of_the_topic(small, words):
    retriever = calibrated(small, topic=2.0, hit=HitCalibration(bias=-3.0, score=0.5, topic=0.25))
    hits = ask(retriever, words, "phone pupils on the first day of absence")
    expected = [1 / (1 + math.exp(3.0 - 0.5 * hit.score / 0.1 - 0.25 * 2.0)) for hit in hits]
    assert [hit.confidence for hit in hits] == pytest.approx(expected, abs=1e-6)
    assert len(set(expected)) == 4
    assert ask(retriever, words, "absence", filters=Filters(country=("SE",))) == []


def test_the_confidence_of_a_part_depends_on_the_topic_that_is_given(small, words):
    retriever = calibrated(small, topic=2.0, hit=HitCalibration(bias=-3.0, score=0.5, topic=0.25))
    question = retriever.understand("pupils who are often sick")
    embedding = words.encode_queries(question.encoder_texts)[0]
    for topic in (-2.0, 1.0):
        hit = retriever.rank_part(question, question.whole, embedding, topic, top_k=1)[0]
        assert hit.confidence == pytest.approx(1 / (1 + math.exp(3.0 - 0.5 * hit.score / 0.1 - 0.25 * topic)), abs=1e-6)
    assert retriever.rank_part(question, question.whole, embedding, None, top_k=1)[0].confidence is None


def test_what_is_similar_to_a_text_has_no_confidence(small, words):
    retriever = calibrated(small, topic=2.0, hit=HitCalibration(bias=0.0, score=1.0, topic=1.0))
    hits = retriever.similar("Evening school", words.encode_documents(["Evening school"])[0], top_k=4)
    assert [hit.confidence for hit in hits] == [None] * 4


@pytest.mark.parametrize(
    ("topic", "bias", "verdict"),
    [
        (-3.0, 9.0, "none"),  # a probability of .05 to be on the topic
        (0.0, 9.0, "weak"),  # .5
        (3.0, 9.0, "good"),  # .95, and the best hit is sure
        (3.0, -9.0, "weak"),  # .95, but no hit is likely
    ],
)
def test_the_verdict_is_of_the_topic_and_of_the_best_hit(small, words, topic, bias, verdict):
    retriever = calibrated(small, topic=topic, hit=HitCalibration(bias=bias, score=0.01, topic=0.0))
    question = retriever.understand("pupils who are often sick")
    embeddings = words.encode_queries(question.encoder_texts)
    hits = retriever.rank(question, embeddings, top_k=3)
    assert retriever.topic(question, embeddings) == pytest.approx(topic)
    assert retriever.verdict(retriever.topic(question, embeddings), hits) == verdict


def test_a_question_that_names_a_practice_is_on_the_topic(small, words):
    retriever = calibrated(small, topic=-5.0, hit=HitCalibration(bias=9.0, score=0.01, topic=0.0))
    question = retriever.understand("what is street work")
    embeddings = words.encode_queries(question.encoder_texts)
    assert retriever.topic(question, embeddings) == pytest.approx(math.log(GOOD_FROM / (1 - GOOD_FROM)))
    assert retriever.topic(retriever.understand("what is work"), embeddings) == pytest.approx(-5)


def themed(retriever, likeness: list[float]) -> Retriever:
    """Return a retriever of three approaches and two target groups with these cosines to the first dimension."""
    vocabulary = {
        "target_groups": {"adults": "Adults", "neets": "Young people without work"},
        "approaches": {"coaching": "Coaching", "mentoring": "Mentoring", "outreach": "Outreach"},
        "levels": {"primary": "Primary school"},
    }
    parts = retriever.release.parts
    embeddings = np.zeros((5, parts.vectors.dim), dtype=np.float32)
    embeddings[:, 0] = likeness
    changed = replace(
        parts, vocabulary=vocabulary, theme_embeddings=embeddings, query_centroid=np.zeros_like(parts.query_centroid)
    )
    return Retriever(replace(retriever.release, parts=changed))


@pytest.mark.parametrize(
    ("likeness", "codes"),
    [
        # Coaching, mentoring, outreach, adults, neets; the second of a field counts from .85 of its first.
        ([0.5, 0.9, 0.8, 0.3, 0.2], ["mentoring", "outreach", "adults"]),
        ([0.9, 0.9, 0.9, 0.1, 0.09], ["coaching", "mentoring", "adults", "neets"]),
        ([0.2, 0.1, 0.1, 0.7, 0.8], ["neets", "adults", "coaching"]),
        ([-0.3, -0.2, -0.1, 0.4, -0.4], ["adults"]),
    ],
)
def test_the_nearest_themes_are_one_or_two_of_each_field(small, likeness, codes):
    retriever = themed(small, likeness)
    embeddings = np.eye(2, retriever.release.parts.vectors.dim, dtype=np.float32)
    assert [theme.code for theme in retriever.nearest_themes(embeddings)] == codes


def test_a_theme_has_the_label_that_people_read(small):
    embedding = np.eye(1, small.release.parts.vectors.dim, dtype=np.float32)
    assert themed(small, [0.1, 0.5, 0.1, -0.1, -0.1]).nearest_themes(embedding) == [
        Theme("approaches", "mentoring", "Mentoring")
    ]


def test_a_question_is_near_the_themes_of_the_practices_that_answer_it(small, words):
    embeddings = words.encode_queries(["youth workers visit homes and squares"])
    assert small.nearest_themes(embeddings)[0] == Theme("approaches", "outreach", "Outreach")


def test_a_catalogue_without_vocabulary_has_no_themes(small, words):
    parts = replace(small.release.parts, vocabulary={}, theme_embeddings=np.empty((0, 512), dtype=np.float32))
    retriever = Retriever(replace(small.release, parts=parts))
    assert retriever.nearest_themes(words.encode_queries(["mentors"])) == []
