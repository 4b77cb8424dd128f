"""The raw scores of practices against brute force over passages that are laid out by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.description import Description
from indexer.encoder import unit_rows
from indexer.facets import FacetColumns
from indexer.lexical import LexicalIndex
from indexer.names import NOBODY, Called, NameIndex
from indexer.parts import Parts
from indexer.passages import Passages, lexical_text
from indexer.practice import Practice
from indexer.question import Part, Question, understand
from indexer.scoring import CONTEXT_WEIGHT, CONTEXTS_COUNTED, FULL_COVERAGE, Scorer, called_at
from indexer.stored_rows import StoredRows
from indexer.vectors import VectorIndex
from tests.fakes import PRACTICES, THESAURUS, VOCABULARY, practice_table

DIM = 16
WINDOWS = (3, 1, 2, 1)
SENTENCES = (5, 1, 2, 3)
"""How many passages each of the four practices has."""

TELLING = (False, True, True, False, True, True, False, True, False, True, True)


def random_rows(count: int, seed: int) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32))


WINDOW_ROWS = random_rows(sum(WINDOWS), 1)
CONTEXT_ROWS = random_rows(sum(SENTENCES), 2).astype(np.float16)
CENTROID = 0.3 * random_rows(1, 3)[0]
QUERIES = random_rows(20, 4)


def passages(counts: tuple[int, ...]) -> Passages:
    return Passages.of_practices([(number, number + 1) for number in range(count)] for count in counts)


def stored(path: Path, rows: np.ndarray) -> StoredRows:
    np.save(path, rows)
    return StoredRows.load(path)


def parts_of(
    folder: Path,
    practices: tuple[Practice, ...] = PRACTICES,
    windows: tuple[int, ...] = WINDOWS,
    sentences: tuple[int, ...] = SENTENCES,
    language: str = "en",
) -> Parts:
    lexical = LexicalIndex.build([lexical_text(practice, VOCABULARY) for practice in practices], language)
    return Parts(
        practices=practice_table(folder, practices),
        facets=FacetColumns.build(practices),
        names=NameIndex.build(practices, lexical),
        windows=passages(windows),
        vectors=VectorIndex.build(WINDOW_ROWS[: sum(windows)], folder / "vectors"),
        sentences=passages(sentences),
        sentence_embeddings=stored(folder / "sentences.npy", random_rows(sum(sentences), 5).astype(np.float16)),
        context_embeddings=stored(folder / "contexts.npy", CONTEXT_ROWS[: sum(sentences)]),
        is_telling=np.array(TELLING[: sum(sentences)]),
        document_centroid=random_rows(1, 6)[0],
        query_centroid=CENTROID,
        lexical=lexical,
        vocabulary=VOCABULARY,
        thesaurus=THESAURUS,
        theme_embeddings=random_rows(5, 7),
        layout=np.zeros((len(practices), 2), dtype=np.float32),
        changed_at=np.zeros(len(practices), dtype=np.int64),
        description=Description(),
    )


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return Scorer(parts_of(tmp_path_factory.mktemp("parts")))


def dense_by_hand(query: np.ndarray) -> list[float]:
    """Return the likeness of all four practices, one passage at a time in double precision."""
    found, window, sentence = [], 0, 0
    for windows, sentences in zip(WINDOWS, SENTENCES, strict=True):
        by_window = [float(WINDOW_ROWS[window + at].astype(float) @ query) for at in range(windows)]
        by_context = sorted(float(CONTEXT_ROWS[sentence + at].astype(float) @ query) for at in range(sentences))
        best = by_context[-CONTEXTS_COUNTED:]
        found.append(CONTEXT_WEIGHT * sum(best) / len(best) + (1 - CONTEXT_WEIGHT) * max(by_window))
        window, sentence = window + windows, sentence + sentences
    return found


@pytest.mark.parametrize("query", QUERIES)
def test_meaning_is_what_brute_force_over_all_passages_says(scorer: Scorer, query: np.ndarray) -> None:
    found = scorer.dense(np.arange(4), query)
    assert found.tolist() == pytest.approx(dense_by_hand(query), abs=1e-6)
    assert found.dtype == np.float32


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 3), max_size=6))
def test_practices_are_scored_alike_in_any_order_and_company(scorer: Scorer, rows: list[int]) -> None:
    expected = dense_by_hand(QUERIES[0])
    found = scorer.dense(np.array(rows, dtype=np.int64), QUERIES[0])
    assert found.tolist() == pytest.approx([expected[row] for row in rows], abs=1e-6)


def test_meaning_is_six_tenths_of_the_two_best_contexts_and_four_tenths_of_the_best_window(tmp_path: Path) -> None:
    assert (CONTEXT_WEIGHT, CONTEXTS_COUNTED) == (0.6, 2)
    query = np.eye(DIM, dtype=np.float32)[0]
    cosines = {"windows": [0.5, 0.25, 0.125], "contexts": [0.0, 1.0, 0.5, -1.0, 0.25], "single": [-0.5]}
    practices = PRACTICES[:2]
    made = parts_of(tmp_path, practices, (3, 1), (5, 1))
    windows, contexts = np.zeros((4, DIM), dtype=np.float32), np.zeros((6, DIM), dtype=np.float16)
    windows[:, 0] = [*cosines["windows"], 0.75]
    contexts[:, 0] = [*cosines["contexts"], *cosines["single"]]
    vectors = VectorIndex.build(windows, tmp_path / "other")
    scorer = Scorer(replace(made, vectors=vectors, context_embeddings=stored(tmp_path / "other.npy", contexts)))
    # .6 * (1 + .5) / 2 + .4 * .5, and for the practice of one sentence .6 * -.5 + .4 * .75
    assert scorer.dense(np.array([0, 1]), query).tolist() == pytest.approx([0.65, 0.0])


def test_many_questions_are_scored_as_each_by_itself(scorer: Scorer) -> None:
    rows, many = np.array([3, 0, 2]), np.tile(np.stack(QUERIES), (40, 1))  # more than are compared at once
    found = [*scorer.dense_of_many(rows, many)]
    assert len(found) == len(many) > 64
    for query, scores in zip(many, found, strict=True):
        assert scores.tolist() == pytest.approx(scorer.dense(rows, query).tolist(), abs=1e-6)


def test_no_practice_has_no_meaning(scorer: Scorer) -> None:
    assert scorer.dense(np.empty(0, dtype=np.int64), QUERIES[0]).tolist() == []


def test_what_all_queries_share_is_taken_off_a_query(scorer: Scorer) -> None:
    for query in QUERIES[:3]:
        less = query.astype(float) - CENTROID
        assert scorer.centred(query).tolist() == pytest.approx((less / np.sqrt((less**2).sum())).tolist(), abs=1e-6)
    assert scorer.centred(CENTROID).tolist() == [0] * DIM


@pytest.mark.parametrize(("row", "telling"), [(0, [1, 2, 4]), (1, [5]), (2, [7]), (3, [9, 10])])
def test_telling_sentences_are_places_among_all_sentences(scorer: Scorer, row: int, telling: list[int]) -> None:
    assert scorer.telling_sentences(row).tolist() == telling


def test_the_first_window_says_what_a_practice_is_about(scorer: Scorer) -> None:
    for rows in ([0, 1, 2, 3], [2], [3, 0, 3]):
        firsts = [[0, 3, 4, 6][row] for row in rows]
        assert scorer.first_windows(np.array(rows)).tolist() == WINDOW_ROWS[firsts].tolist()


def part(text: str, *glosses: str) -> Part:
    return Part(0, len(text), text, glosses)


def question(language: str | None, whole: Part) -> Question:
    return Question(whole.text, language, whole, ())


def bm25(*terms: str) -> np.ndarray:
    """Return the BM25 of all practices for stemmed words."""
    texts = [lexical_text(practice, VOCABULARY) for practice in PRACTICES]
    return LexicalIndex.build(texts, "en").scores(terms).astype(float)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("the certificate", ["certif"]),
        ("certificate and certificates", ["certif", "certif"]),
        ("certificate, master, zeppelin, airship, balloon", ["certif", "master"]),
    ],
)
def test_words_are_scored_by_bm25(scorer: Scorer, text: str, terms: list[str]) -> None:
    found = scorer.words(question("en", part(text)), part(text))
    assert found.tolist() == pytest.approx(bm25(*terms).tolist(), abs=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize("language", ["de", None])
@pytest.mark.parametrize(
    ("text", "terms", "share"),
    [
        # Each of these words is in one practice or in none, so that all weigh the same.
        ("certificate", ["certif"], 1),
        ("certificate, master", ["certif", "master"], 1),  # the best text has one of two: half is enough
        ("certificate, zeppelin, airship", ["certif"], (2 / 3) ** 2),  # one of three
        ("certificate, zeppelin, airship, balloon", ["certif"], (1 / 2) ** 2),  # one of four
        ("certificate, master, zeppelin, airship, balloon", ["certif", "master"], (2 / 5) ** 2),  # one of five in each
    ],
)
def test_the_words_of_another_language_count_by_the_square_of_their_coverage(
    scorer: Scorer, language: str | None, text: str, terms: list[str], share: float
) -> None:
    assert FULL_COVERAGE == 0.5
    found = scorer.words(question(language, part(text)), part(text))
    assert found.tolist() == pytest.approx((share * bm25(*terms)).tolist(), abs=1e-6)


def test_the_glosses_of_another_language_count_in_full(scorer: Scorer) -> None:
    asked = part("Lehrlinge im Museum ohne Coffee und Zeppelin", "apprentices", "absence")
    # Of lehrling, museum, coffe and zeppelin the best text has one in four; the glosses are not held against that.
    expected = bm25("apprentic", "absenc") + (1 / 2) ** 2 * bm25("coffe")
    assert scorer.words(question("de", asked), asked).tolist() == pytest.approx(expected.tolist(), abs=1e-6)


def test_in_the_language_of_the_catalogue_glosses_say_nothing_new(scorer: Scorer, tmp_path: Path) -> None:
    asked = part("coffee", "apprentices")
    assert scorer.words(question("en", asked), asked).tolist() == pytest.approx(bm25("coffe").tolist())
    german = Scorer(parts_of(tmp_path, language="de"))
    assert german.words(question("de", part("x", "apprentices")), part("x", "apprentices")).tolist() == [0] * 4


def test_the_stop_words_of_the_question_are_not_looked_for(scorer: Scorer) -> None:
    with_stop_words, without = part("les absences dans une coffee"), part("absences coffee")
    assert scorer.words(question("fr", with_stop_words), with_stop_words).tolist() == pytest.approx(
        scorer.words(question("fr", without), without).tolist()
    )


def test_words_that_nobody_says_score_nothing(scorer: Scorer) -> None:
    for text in ("zeppelin", "", "the of and"):
        assert scorer.words(question("en", part(text)), part(text)).tolist() == [0, 0, 0, 0]


def test_a_german_question_finds_by_its_glosses_what_its_words_do_not(scorer: Scorer) -> None:
    asked = understand("Wie helfen wir Schulschwänzern, die lieber schlafen?", THESAURUS)
    assert asked.whole.glosses == ("absence",)
    found = scorer.words(asked, asked.whole)
    assert [score > 0 for score in found] == [False, False, True, False]
    in_english = part("absence")
    assert found.tolist() == pytest.approx(scorer.words(question("en", in_english), in_english).tolist())


def test_the_words_of_a_part_are_its_own_and_not_those_of_the_question(scorer: Scorer) -> None:
    whole = part("Retired masters meet apprentices. Coffee comes first.")
    first, second = part("Retired masters meet apprentices."), part("Coffee comes first.")
    asked = Question(whole.text, "en", whole, (first, second))
    assert int(scorer.words(asked, first).argmax()) == 0
    assert int(scorer.words(asked, second).argmax()) == 3
    assert scorer.words(asked, second)[0] == 0


def by_row(called: Called) -> dict[int, float]:
    return dict(zip(called.rows.tolist(), called.scores.tolist(), strict=True))


def test_a_practice_is_called_by_its_name_as_strongly_as_the_catalogue_makes_it_rare(scorer: Scorer) -> None:
    # 'mentors' is a name and, stemmed, in the texts of two practices of four: 'mentor' and the label 'Mentoring'.
    rarity = np.log(1 + 2.5 / 2.5) / np.log(1 + 3.5 / 1.5)
    assert by_row(scorer.names(part("what does Senior Mentors do"))) == pytest.approx({0: 1})
    assert by_row(scorer.names(part("mentors"))) == pytest.approx({0: rarity**3})
    assert by_row(scorer.names(part("street work and second-school"))) == pytest.approx({1: 1, 3: 1})
    assert by_row(scorer.names(part("who helps"))) == {}


def test_a_misspelt_name_is_recognised_unless_the_catalogue_knows_the_word(tmp_path: Path) -> None:
    zeppelin = PRACTICES[3].model_copy(update={"title": "Zeppelin", "original_title": "Coffees"})
    scorer = Scorer(parts_of(tmp_path, (*PRACTICES[:3], zeppelin)))
    assert by_row(scorer.names(part("the zepelin"))) == pytest.approx({3: 0.9})
    assert by_row(scorer.names(part("offers coffee"))) == {}
    assert by_row(scorer.names(part("coffees"))) == pytest.approx({3: 1})


def test_a_name_has_its_share_of_the_rare_words_of_a_part(scorer: Scorer) -> None:
    assert scorer.names(part("the second-school")).share == pytest.approx(1)
    # 'school' is in the texts of three practices of four; 'second' is in one and the others in none, as rare as can be.
    school = np.log(1 + 1.5 / 3.5) / np.log(1 + 3.5 / 1.5)
    assert scorer.names(part("second-school, zeppelin, airship")).share == pytest.approx((1 + school) / (3 + school))
    assert scorer.names(part("who helps")).share == 0


CALLED = Called(np.array([1, 4, 6]), np.array([0.5, 1, 0.25], dtype=np.float32), 0.5)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([0, 1, 2, 4], [0, 0.5, 0, 1]),
        ([1, 4, 6], [0.5, 1, 0.25]),
        ([6], [0.25]),
        ([0, 2, 3, 5, 7], [0, 0, 0, 0, 0]),
        ([], []),
    ],
)
def test_each_row_has_the_score_of_its_name_or_none(rows: list[int], expected: list[float]) -> None:
    found = called_at(np.array(rows, dtype=np.int64), CALLED)
    assert found.tolist() == expected
    assert found.dtype == np.float32


def test_where_nobody_is_called_no_row_has_a_score() -> None:
    assert called_at(np.array([0, 3, 9]), NOBODY).tolist() == [0, 0, 0]
    assert called_at(np.empty(0, dtype=np.int64), NOBODY).tolist() == []
