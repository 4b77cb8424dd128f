"""Word search against BM25 by hand: stems, stop words and 4-grams, repeated terms, rarity, and save and load."""

import json
import math
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.lexical import LexicalIndex

TEXTS = (
    "Mentors advise apprentices.",
    "Apprentices visit a workshop, apprentices visit a village.",
    "The village bakes bread.",
    "Bread and bread and bread again.",
    "!",
)
STEMS = (
    ("mentor", "advis", "apprentic"),
    ("apprentic", "visit", "workshop", "apprentic", "visit", "villag"),
    ("villag", "bake", "bread"),
    ("bread", "bread", "bread"),
    ("no word",),  # such a text counts as one of a word that nobody asks for
)
"""The terms of `TEXTS` by hand."""

K1, B = 1.5, 0.75  # of bm25s, the usual values


def idf(texts_with_term: int, texts: int) -> float:
    return math.log(1 + (texts - texts_with_term + 0.5) / (texts_with_term + 0.5))


def bm25(documents: tuple[tuple[str, ...], ...], query: list[str]) -> list[float]:
    """Return the scores of Lucene's BM25, term by term (Kamphuis et al., 2020)."""
    mean_length = sum(map(len, documents)) / len(documents)
    scores = []
    for document in documents:
        counts, norm = Counter(document), K1 * (1 - B + B * len(document) / mean_length)
        scores.append(
            sum(
                idf(sum(term in one for one in documents), len(documents)) * counts[term] / (counts[term] + norm)
                for term in query
            )
        )
    return scores


def best_first(scores: np.ndarray) -> list[int]:
    return [int(row) for row in np.argsort(-scores, kind="stable") if scores[row] > 0]


@pytest.fixture(scope="module")
def index() -> LexicalIndex:
    return LexicalIndex.build(TEXTS, "en")


@pytest.mark.parametrize(
    ("query", "order"),
    [
        (["bread"], [3, 2]),  # three times in three words, against once
        (["apprentic"], [1, 0]),  # twice in six words, against once in three
        (["villag"], [2, 1]),  # once each, the shorter text first
        (["workshop"], [1]),
        (["villag", "mentor"], [0, 2, 1]),  # a word of one text is rarer than a word of two
        (["zeppelin"], []),
        ([], []),
    ],
)
def test_scores_are_those_of_bm25_by_hand(index: LexicalIndex, query: list[str], order: list[int]) -> None:
    scores = index.scores(query)
    assert best_first(scores) == order
    assert scores.tolist() == pytest.approx(bm25(STEMS, query), abs=1e-6)
    assert (scores.shape, scores.dtype) == ((5,), np.float32)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.lists(st.sampled_from([*{term for stems in STEMS[:4] for term in stems}, "zeppelin"]), max_size=8))
def test_scores_are_those_of_bm25_for_any_query(index: LexicalIndex, query: list[str]) -> None:
    assert index.scores(query).tolist() == pytest.approx(bm25(STEMS, query), abs=1e-5)


def test_a_word_that_is_said_twice_counts_twice(index: LexicalIndex) -> None:
    assert index.terms("bread, village, Bread", "en") == ["bread", "villag", "bread"]
    once, twice = index.scores(["bread"]), index.scores(["bread", "bread"])
    assert twice.tolist() == pytest.approx((2 * once).tolist())
    assert best_first(index.scores(["mentor", "villag"])) == [0, 2, 1]
    assert best_first(index.scores(["mentor", "villag", "villag"])) == [2, 0, 1]
    thrice = index.scores(["bread", "zeppelin", "bread", "mentor", "bread"])
    assert thrice.tolist() == pytest.approx((3 * once + index.scores(["mentor"])).tolist())


def test_scores_of_one_question_are_not_those_of_the_next(index: LexicalIndex) -> None:
    first = index.scores(["bread"])
    kept = first.tolist()
    first += 7
    assert index.scores(["bread"]).tolist() == kept
    assert index.scores([]).tolist() == [0] * 5


def test_a_word_that_is_not_known_changes_nothing(index: LexicalIndex) -> None:
    assert index.scores(["zeppelin", "bread", "airship"]).tolist() == index.scores(["bread"]).tolist()


def test_a_text_without_a_word_is_never_found(index: LexicalIndex) -> None:
    assert index.size == len(TEXTS)
    assert index.scores([term for stems in STEMS for term in stems])[4] == 0


def test_texts_without_any_word_are_an_index_too() -> None:
    empty = LexicalIndex.build(["", "..."], "en")
    assert empty.size == 2
    assert empty.scores(empty.terms("apprentices", "en")).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ("Mentoring", "mentors", "MENTORED")),
        ("de", ("Ausbildung", "ausbildungen", "AUSBILDUNGEN")),
        ("fr", ("élève", "Élèves", "eleves")),
        ("es", ("alumno", "alumnos", "Alumnas")),
    ],
)
def test_the_forms_of_a_word_have_one_stem_without_case_and_accents(language: str, texts: tuple[str, ...]) -> None:
    index = LexicalIndex.build(texts, language)
    assert index.language == language
    assert len({tuple(index.terms(text, language)) for text in texts}) == 1
    assert index.scores(index.terms(texts[0], language)).min() > 0


def test_stop_words_of_the_catalogue_and_of_the_question_are_left_out(index: LexicalIndex) -> None:
    assert index.terms("The mentors and the village", "en") == ["mentor", "villag"]
    assert index.terms("Die Werkstatt und der mentor", "de") == ["werkstatt", "mentor"]
    assert index.terms("und the mentor", None) == ["und", "mentor"]
    assert index.terms("the", "de") == index.terms("", "en") == index.terms("?!", None) == []


def test_a_stop_word_is_left_out_whatever_its_case_and_accents() -> None:
    german = LexicalIndex.build(["Lehrlinge bleiben für immer"], "de")
    assert german.terms("Für FÜR fur Lehrlinge", "de") == ["lehrling"]


@pytest.mark.parametrize(
    ("word", "grams"),
    [
        ("škola", ["_sko", "skol", "kola", "ola_"]),
        ("Žiak", ["_zia", "ziak", "iak_"]),
        ("dom", ["_dom", "dom_"]),
        ("aj", ["_aj_"]),
        ("a", ["_a_"]),
        ("nový dom", ["_nov", "novy", "ovy_", "_dom", "dom_"]),
    ],
)
def test_a_language_without_stemmer_has_runs_of_four_characters(word: str, grams: list[str]) -> None:
    assert LexicalIndex.build(["škola"], "sk").terms(word, "sk") == grams


def test_runs_of_characters_find_another_form_of_a_word() -> None:
    slovak = LexicalIndex.build(["Mentor pomáha žiakom.", "Škola učí večer.", "Pekár pečie chlieb."], "sk")
    assert best_first(slovak.scores(slovak.terms("školy", "sk"))) == [1]
    assert best_first(slovak.scores(slovak.terms("žiak", "sk"))) == [0]
    assert best_first(slovak.scores(slovak.terms("mentorka", "sk"))) == [0]
    assert best_first(slovak.scores(slovak.terms("vzducholoď", "sk"))) == []


def test_rarity_is_the_idf_over_that_of_a_term_of_one_text(index: LexicalIndex) -> None:
    # log(1 + 4.5 / 1.5) = log 4 for one of five texts, log(1 + 3.5 / 2.5) = log 2.4 for two.
    assert index.rarity("workshop") == pytest.approx(1)
    assert index.rarity("zeppelin") == pytest.approx(1)
    assert index.rarity("bread") == index.rarity("apprentic") == pytest.approx(math.log(2.4) / math.log(4))


def test_rarity_falls_with_every_text_that_has_the_term_and_stays_above_0() -> None:
    words = ("one", "two", "three", "four")
    index = LexicalIndex.build([" ".join(f"w{number}" for number in range(row, 4)) for row in range(4)], "xx")
    # Text 0 has w0 to w3, text 3 only w3: w0 is in one text, w3 in all four.
    found = [index.rarity(f"_w{number}_") for number in range(len(words))]
    assert found == pytest.approx([idf(count, 4) / idf(1, 4) for count in (1, 2, 3, 4)])
    assert found == sorted(found, reverse=True)
    assert found[-1] > 0


def test_the_only_text_of_an_index_has_rare_words() -> None:
    assert LexicalIndex.build(["bread"], "en").rarity("bread") == pytest.approx(1)


def test_a_word_is_as_rare_as_its_rarest_term_and_a_stop_word_is_not(index: LexicalIndex) -> None:
    assert index.word_rarity("Mentors") == pytest.approx(1)
    assert index.word_rarity("Apprentices") == pytest.approx(math.log(2.4) / math.log(4))
    assert index.word_rarity("the") == index.word_rarity("") == 0
    slovak = LexicalIndex.build(["škola", "školník", "kolo"], "sk")
    # '_sko' and 'skol' are in two texts of three, 'ola_' in one: log(1 + 2.5 / 1.5) is the most.
    assert slovak.rarity("skol") == pytest.approx(math.log(1 + 1.5 / 2.5) / math.log(1 + 2.5 / 1.5))
    assert slovak.word_rarity("škola") == pytest.approx(1)


def test_coverage_is_the_share_of_the_terms_that_a_text_has_weighted_by_rarity(index: LexicalIndex) -> None:
    two = math.log(2.4) / math.log(4)  # the rarity of a term of two texts; of one text or none it is 1
    assert index.coverage(["bread"], 2) == pytest.approx(1)
    assert index.coverage(["bread", "villag"], 3) == pytest.approx(1 / 2)
    assert index.coverage(["bread", "mentor"], 2) == pytest.approx(two / (two + 1))
    assert index.coverage(["bread", "zeppelin", "airship"], 2) == pytest.approx(two / (two + 2))
    assert index.coverage(["workshop", "visit", "bread"], 1) == pytest.approx(2 / (2 + two))
    assert index.coverage(["zeppelin"], 0) == index.coverage([], 0) == 0


def test_a_term_that_is_said_twice_is_covered_once(index: LexicalIndex) -> None:
    assert index.coverage(["workshop", "workshop", "workshop", "mentor"], 1) == pytest.approx(1 / 2)


def test_a_word_is_known_in_any_form_that_a_text_has(index: LexicalIndex) -> None:
    for word in ("bread", "BREADS", "mentoring", "villages", "the"):
        assert index.knows_word(word), word
    for word in ("zeppelin", "mentro", "werkstatt", "agai"):
        assert not index.knows_word(word), word
    assert (index.knows("apprentic"), index.knows("apprentices")) == (True, False)


def test_a_word_without_stemmer_is_known_only_where_all_its_runs_are() -> None:
    slovak = LexicalIndex.build(["škola", "stola"], "sk")
    assert slovak.knows_word("škola")
    assert slovak.knows_word("ŠKOLA")
    assert not slovak.knows_word("školy")
    assert not slovak.knows_word("skolo")


def test_a_saved_index_is_loaded_as_it_was(index: LexicalIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "lexical")
    loaded = LexicalIndex.load(tmp_path / "lexical")
    assert (loaded.size, loaded.language) == (5, "en")
    for query in (["bread"], ["mentor", "villag", "villag"], ["zeppelin"], []):
        assert loaded.scores(query).tolist() == pytest.approx(bm25(STEMS, query), abs=1e-6)
    assert loaded.terms("The Mentors", "en") == ["mentor"]
    assert loaded.word_rarity("bread") == pytest.approx(math.log(2.4) / math.log(4))
    assert (loaded.knows_word("villages"), loaded.knows_word("zeppelin")) == (True, False)


def test_a_loaded_index_has_the_terms_of_its_own_language(tmp_path: Path) -> None:
    LexicalIndex.build(["škola", "žiak"], "sk").save(tmp_path / "lexical")
    loaded = LexicalIndex.load(tmp_path / "lexical")
    assert loaded.language == "sk"
    assert best_first(loaded.scores(loaded.terms("žiaci", "sk"))) == [1]


def test_the_same_texts_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        LexicalIndex.build(TEXTS, "en").save(tmp_path / name)
    LexicalIndex.load(tmp_path / "first").save(tmp_path / "third")
    first, second, third = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("first", "second", "third")
    )
    assert first == second == third


FILES = ("about.json", "bounds.npy", "rows.npy", "scores.npy", "terms-hashes.npy", "terms-numbers.npy")


@pytest.mark.parametrize("name", FILES)
def test_an_index_without_one_of_its_files_is_refused(index: LexicalIndex, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "lexical"
    index.save(folder)
    assert {path.name for path in folder.iterdir()} == set(FILES)
    (folder / name).unlink()
    with pytest.raises(ValueError, match="lexical is not a lexical index: "):
        LexicalIndex.load(folder)


@pytest.mark.parametrize("share", [0, 0.5])
@pytest.mark.parametrize("name", FILES)
def test_an_index_with_a_cut_file_is_refused(index: LexicalIndex, tmp_path: Path, name: str, share: float) -> None:
    folder = tmp_path / "lexical"
    index.save(folder)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match="lexical is not a lexical index: "):
        LexicalIndex.load(folder)


LOAD = """
import json
import sys
from pathlib import Path

from indexer.lexical import LexicalIndex

index = LexicalIndex.load(Path(sys.argv[1]))
found = index.scores(index.terms("bread and the villages, bread", "en")).tolist()
heavy = sorted({"bm25s", "scipy", "numba", "jax"} & sys.modules.keys())
print(json.dumps({"scores": found, "heavy": heavy, "rarity": index.word_rarity("Mentors")}))
"""


def test_an_index_is_loaded_and_searched_without_what_built_it(index: LexicalIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "lexical")
    command = [sys.executable, "-c", LOAD, str(tmp_path / "lexical")]
    done = subprocess.run(command, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["heavy"] == []
    assert found["scores"] == pytest.approx(bm25(STEMS, ["bread", "villag", "bread"]), abs=1e-6)
    assert found["rarity"] == pytest.approx(1)


def test_texts_are_read_one_after_the_other_and_a_generator_will_do() -> None:
    index = LexicalIndex.build((text for text in TEXTS), "en")
    assert index.scores(["villag", "mentor"]).tolist() == pytest.approx(bm25(STEMS, ["villag", "mentor"]), abs=1e-6)


def test_in_many_texts_each_score_and_each_share_is_that_of_brute_force() -> None:
    chance = np.random.default_rng(7)
    vocabulary = [f"zq{letter}x" for letter in "abcdefgh"]
    documents = tuple(
        tuple(vocabulary[word] for word in chance.integers(0, 8, size=chance.integers(1, 6))) for _ in range(300)
    )
    index = LexicalIndex.build([" ".join(document) for document in documents], "en")
    assert index.terms(" ".join(vocabulary), "en") == vocabulary
    query = [vocabulary[word] for word in (0, 3, 3, 7)]
    assert index.scores(query).tolist() == pytest.approx(bm25(documents, query), abs=1e-5)
    rarity = {term: idf(sum(term in one for one in documents), 300) / idf(1, 300) for term in set(query)}
    assert {term: index.rarity(term) for term in rarity} == pytest.approx(rarity)
    for row, document in enumerate(documents):
        share = sum(rarity[term] for term in rarity if term in document) / sum(rarity.values())
        assert index.coverage(query, row) == pytest.approx(share), row


def test_texts_without_any_word_are_saved_and_loaded_too(tmp_path: Path) -> None:
    LexicalIndex.build(["", "..."], "en").save(tmp_path / "lexical")
    loaded = LexicalIndex.load(tmp_path / "lexical")
    assert loaded.size == 2
    assert loaded.scores(["bread"]).tolist() == [0, 0]
    assert (loaded.knows("bread"), loaded.coverage(["bread"], 1), loaded.rarity("bread")) == (False, 0, 1)
