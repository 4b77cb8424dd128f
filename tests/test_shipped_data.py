"""What we ship is complete, consistent and judged: catalogue, vocabulary, thesaurus, examples, questions, problems."""

import json
import re
from collections import Counter
from typing import Any

import pytest

from indexer.parts import ROLES
from indexer.passages import split_sentences
from indexer.practice import Practice
from indexer.question import SHORT_QUERY_WORDS
from indexer.shipped import shipped_path
from indexer.source import CatalogueSource, read_source
from indexer.thesaurus import fold, glosses

LANGUAGE_CODES = "bg cs da de el en es et fi fr ga hr hu it lt lv mt nl no pl pt ro sk sl sv"
LANGUAGES = set(LANGUAGE_CODES.split())

STARTING_LIST = {
    "alj-luxembourg": {"fr", "de", "lb"},
    "ast-contact-points": {"de"},
    "carpo": {"de"},
    "cpu-certification-per-unit": {"fr"},
    "expairs": {"fr"},
    "getting-started": set(),
    "invest-in-talent": {"nl"},
    "jovent-comprehensive-pathways": {"es", "ca"},
    "praksisbrev": {"no"},
    "quabb": {"de"},
    "siei-psad": {"fr"},
    "sre-back-to-school-structures": {"fr"},
}
"""Practice id -> the languages in which it works; nobody knows where `getting-started` worked."""

Question = dict[str, str]
Problem = dict[str, Any]


def read_rows(relative: str) -> dict[str, Any]:
    """Return the rows of a shipped file by their ids, which are their own."""
    rows = [json.loads(line) for line in shipped_path(relative).read_text(encoding="utf-8").splitlines()]
    by_id = {row["_id"]: row for row in rows}
    assert len(by_id) == len(rows)
    return by_id


def read_judgements(relative: str) -> list[tuple[str, str, int]]:
    lines = shipped_path(relative).read_text(encoding="utf-8").splitlines()
    matches = [re.fullmatch(r"(\S+) 0 (\S+) (\d+)", line) for line in lines]
    assert [line for line, match in zip(lines, matches, strict=True) if match is None] == []
    return [(match[1], match[2], int(match[3])) for match in matches if match]


@pytest.fixture(scope="module")
def source() -> CatalogueSource:
    return read_source(shipped_path("data/catalogue/practices.jsonl"))


@pytest.fixture(scope="module")
def practices(source: CatalogueSource) -> dict[str, Practice]:
    return {practice.id: practice for practice in source.practices}


@pytest.fixture(scope="module")
def questions() -> dict[str, Question]:
    return read_rows("data/qrels/queries.jsonl")


@pytest.fixture(scope="module")
def held_out() -> dict[str, Question]:
    return read_rows("data/qrels/held-out-queries.jsonl")


@pytest.fixture(scope="module", params=["problems", "held-out-problems"])
def problems(request: pytest.FixtureRequest) -> dict[str, Problem]:
    return read_rows(f"data/qrels/{request.param}.jsonl")


@pytest.fixture(scope="module")
def judgements() -> list[tuple[str, str, int]]:
    return read_judgements("data/qrels/qrels.txt")


@pytest.fixture(scope="module")
def held_out_judgements() -> list[tuple[str, str, int]]:
    return read_judgements("data/qrels/held-out-qrels.txt")


def test_the_catalogue_has_75_practices_with_ids_and_titles_of_their_own(source: CatalogueSource) -> None:
    assert len(source.practices) == 75
    assert [code for code, count in Counter(item.id for item in source.practices).items() if count > 1] == []
    assert [title for title, count in Counter(item.title for item in source.practices).items() if count > 1] == []


def test_every_summary_is_one_sentence(practices: dict[str, Practice]) -> None:
    summaries = {code: practice.summary or "" for code, practice in practices.items()}
    wrong = {
        code: summary
        for code, summary in summaries.items()
        if len(list(split_sentences(summary, "en"))) != 1 or not summary.endswith(".") or "\n" in summary
    }
    assert wrong == {}


def test_every_description_says_something_in_at_most_250_words(practices: dict[str, Practice]) -> None:
    words = {code: len((practice.description or "").split()) for code, practice in practices.items()}
    assert {code: count for code, count in words.items() if not 30 <= count <= 250} == {}


def test_what_is_not_known_of_evidence_and_country_is_the_exception(practices: dict[str, Practice]) -> None:
    assert len([code for code, practice in practices.items() if practice.evidence_level is None]) <= 2
    assert len([code for code, practice in practices.items() if practice.country is None]) <= 2


def test_an_effect_is_claimed_only_where_it_was_looked_for(practices: dict[str, Practice]) -> None:
    claimed = {code: practice.evidence_level for code, practice in practices.items() if practice.effect != "unknown"}
    assert {code: level for code, level in claimed.items() if level is None or level < 2} == {}


def test_every_practice_says_where_it_was_read_and_in_which_language_it_is_written(
    practices: dict[str, Practice],
) -> None:
    assert [code for code, practice in practices.items() if not practice.sources] == []
    assert [code for code, practice in practices.items() if practice.language != "en"] == []
    addresses = [source.url for practice in practices.values() for source in practice.sources]
    assert [address for address in addresses if not re.fullmatch(r"https?://\S+", address)] == []


def test_the_starting_list_is_there_whole(practices: dict[str, Practice]) -> None:
    listed = {code for code, practice in practices.items() if "cedefop-starting-list" in practice.listed_in}
    assert listed == set(STARTING_LIST)
    assert {code: set(practices[code].languages) for code in STARTING_LIST} == STARTING_LIST


def test_the_vocabulary_and_the_codes_of_the_catalogue_are_the_same(
    source: CatalogueSource, practices: dict[str, Practice]
) -> None:
    assert set(source.vocabulary) == {"approaches", "target_groups", "measure_types", "levels", "listed_in"}
    for field, labels in source.vocabulary.items():
        used = {code for practice in practices.values() for code in getattr(practice, field)}
        assert used == set(labels), field
        assert [label for label, count in Counter(labels.values()).items() if count > 1 or not label.strip()] == []


def test_every_thesaurus_pattern_finds_its_own_words(source: CatalogueSource) -> None:
    lost = [
        (gloss, language, pattern)
        for gloss, patterns_of in source.thesaurus.items()
        for language, patterns in patterns_of.items()
        for pattern in patterns
        if glosses(pattern.replace("*", ""), language, {gloss: {language: [pattern]}}) != [gloss]
    ]
    assert lost == []


def test_no_thesaurus_pattern_finds_everything(source: CatalogueSource) -> None:
    tables = [
        (gloss, language, patterns)
        for gloss, patterns_of in source.thesaurus.items()
        for language, patterns in patterns_of.items()
    ]
    assert [(gloss, language) for gloss, language, patterns in tables if not patterns] == []
    strange = [
        (gloss, language, pattern)
        for gloss, language, patterns in tables
        for pattern in patterns
        if not re.fullmatch(r"[^\s*]+\*?( [^\s*]+\*?)*", pattern)
        or len(re.sub(r"\W", "", fold(pattern))) < (3 if "*" in pattern else 2)
        or pattern != pattern.lower()
    ]
    assert strange == []


def test_the_thesaurus_speaks_every_language_but_english(source: CatalogueSource) -> None:
    spoken = Counter(language for patterns_of in source.thesaurus.values() for language in patterns_of)
    assert set(spoken) == LANGUAGES - {"en"}
    assert {language: count for language, count in spoken.items() if count < 50} == {}


def test_the_probes_ask_on_near_and_off_topic_in_every_language(source: CatalogueSource) -> None:
    asked = {(probe.language, probe.kind) for probe in source.probes}
    wanted = {(language, kind) for language in LANGUAGES for kind in ("on-topic", "near-topic", "off-topic")}
    assert wanted - asked == set()
    assert {language for language, _ in asked} == LANGUAGES | {"und"}
    assert {kind for language, kind in asked if language == "und"} == {"off-topic"}


def test_many_probes_are_judged_all_of_them_on_the_topic_and_each_is_answered_by_a_practice(
    source: CatalogueSource, practices: dict[str, Practice]
) -> None:
    judged = {probe.text: probe.relevant for probe in source.probes if probe.relevant is not None}
    assert {probe.kind for probe in source.probes if probe.text in judged} == {"on-topic"}
    assert [text for text, relevant in judged.items() if not relevant] == []
    assert [text for text, relevant in judged.items() if len(set(relevant)) < len(relevant)] == []
    assert {one for relevant in judged.values() for one in relevant} - set(practices) == set()
    assert {probe.language for probe in source.probes if probe.text in judged} == LANGUAGES
    assert len(judged) >= 100


def test_the_examples_of_roles_are_the_same_in_number_in_every_language(source: CatalogueSource) -> None:
    counts = Counter((example.language, example.role) for example in source.roles)
    assert counts == {(language, role): 2 if role == "other" else 3 for language in LANGUAGES for role in ROLES}


def test_no_text_stands_twice_among_probes_questions_and_held_out_questions(
    source: CatalogueSource, questions: dict[str, Question], held_out: dict[str, Question]
) -> None:
    texts = [probe.text for probe in source.probes]
    verdicts = read_rows("data/qrels/held-out-verdicts.jsonl")
    texts += [question["text"] for question in (*questions.values(), *held_out.values(), *verdicts.values())]
    assert [text for text, count in Counter(map(fold, texts)).items() if count > 1] == []


def test_questions_for_the_verdict_are_of_every_kind_in_every_language_of_the_union() -> None:
    rows = read_rows("data/qrels/held-out-verdicts.jsonl").values()
    kinds = {"on-topic", "near-topic", "off-topic"}
    assert {row["kind"] for row in rows} == kinds
    found = {(row["language"], row["kind"]) for row in rows if row["language"] != "und"}
    assert found == {(language, kind) for language in LANGUAGES - {"no"} for kind in kinds}


def test_no_example_of_a_role_is_a_sentence_of_a_problem_and_no_sentence_stands_in_two_problems(
    source: CatalogueSource,
) -> None:
    both = [read_rows(f"data/qrels/{name}.jsonl") for name in ("problems", "held-out-problems")]
    texts = [
        sentence["text"] for problems in both for problem in problems.values() for sentence in problem["sentences"]
    ]
    texts += [example.text for example in source.roles]
    assert [text for text, count in Counter(map(fold, texts)).items() if count > 1] == []
    assert set(both[0]) & set(both[1]) == set()


def test_the_questions_are_many_and_of_many_languages(questions: dict[str, Question]) -> None:
    own = [question for question in questions.values() if question["kind"] != "translation"]
    kinds = Counter(question["kind"] for question in own)
    assert set(kinds) == {"need", "known-item", "near-topic", "off-topic"}
    assert kinds["need"] + kinds["known-item"] >= 80
    assert kinds["off-topic"] >= 15
    written = {question["language"] for question in own if question["kind"] in {"need", "known-item"}}
    assert len(written) >= 8
    assert written <= LANGUAGES
    assert {question["language"] for question in questions.values()} == LANGUAGES | {"und"}


def test_every_question_has_words_and_no_two_are_the_same(questions: dict[str, Question]) -> None:
    assert [code for code, question in questions.items() if not question["text"].strip()] == []
    asked = Counter((question["language"], question["text"]) for question in questions.values())
    assert [question for question, count in asked.items() if count > 1] == []


def test_every_judgement_is_of_a_question_and_a_practice_that_exist(
    judgements: list[tuple[str, str, int]], questions: dict[str, Question], practices: dict[str, Practice]
) -> None:
    assert {query for query, _, _ in judgements} - set(questions) == set()
    assert {practice for _, practice, _ in judgements} - set(practices) == set()
    assert {grade for _, _, grade in judgements} == {1, 2, 3}
    pairs = Counter((query, practice) for query, practice, _ in judgements)
    assert [pair for pair, count in pairs.items() if count > 1] == []


def test_exactly_the_questions_of_the_topic_are_judged(
    judgements: list[tuple[str, str, int]], questions: dict[str, Question]
) -> None:
    answerable = {code for code, question in questions.items() if question["kind"] in {"need", "known-item"}}
    assert {query for query, _, _ in judgements} == answerable


def test_every_question_of_the_topic_has_a_practice_that_answers_it_well(
    judgements: list[tuple[str, str, int]],
) -> None:
    best: dict[str, int] = {}
    for query, _, grade in judgements:
        best[query] = max(grade, best.get(query, 0))
    assert {query: grade for query, grade in best.items() if grade < 2} == {}


def test_a_translation_says_the_same_as_a_judged_question_in_another_language(questions: dict[str, Question]) -> None:
    translations = {code: question for code, question in questions.items() if question["kind"] == "translation"}
    assert {code for code, question in questions.items() if "base" in question} == set(translations)
    for code, question in translations.items():
        base = questions[question["base"]]
        assert base["kind"] in {"need", "known-item"}, code
        assert code == f"{question['base']}-{question['language']}"
        assert question["language"] != base["language"], code
        assert question["text"] != base["text"], code


def test_every_base_question_is_translated_into_every_language(questions: dict[str, Question]) -> None:
    into: dict[str, set[str]] = {}
    for question in questions.values():
        if question["kind"] == "translation":
            into.setdefault(question["base"], {"en"}).add(question["language"])
    assert len(into) >= 20
    assert {base: LANGUAGES - languages for base, languages in into.items() if languages != LANGUAGES} == {}


def test_a_known_item_question_is_best_answered_by_its_practice(
    judgements: list[tuple[str, str, int]], questions: dict[str, Question]
) -> None:
    top = {(query, practice) for query, practice, grade in judgements if grade == 3}
    known = [question for question in questions.values() if question["kind"] == "known-item"]
    assert [question["_id"] for question in known if (question["_id"], question["practice_id"]) not in top] == []


@pytest.mark.parametrize("practice_id", STARTING_LIST)
def test_each_practice_of_the_starting_list_is_asked_for_in_english_and_in_its_own_language(
    questions: dict[str, Question], practice_id: str
) -> None:
    asked = {question["language"] for question in questions.values() if question.get("practice_id") == practice_id}
    assert "en" in asked
    own = STARTING_LIST[practice_id]
    assert asked & own or not own


def test_the_held_out_questions_are_others_and_ask_in_every_language(
    held_out: dict[str, Question], questions: dict[str, Question]
) -> None:
    assert set(held_out) & set(questions) == set()
    asked = {(question["language"], question["kind"]) for question in held_out.values()}
    kinds = ("need", "known-item", "near-topic", "off-topic")
    assert {(language, kind) for language in LANGUAGES - {"no"} for kind in kinds} - asked == set()
    assert {language for language, _ in asked} == LANGUAGES - {"no"} | {"und"}
    assert {kind for language, kind in asked if language == "und"} == {"off-topic"}
    assert {kind for _, kind in asked} == set(kinds)


def test_every_held_out_judgement_is_of_a_question_and_a_practice_that_exist(
    held_out_judgements: list[tuple[str, str, int]], held_out: dict[str, Question], practices: dict[str, Practice]
) -> None:
    assert {practice for _, practice, _ in held_out_judgements} - set(practices) == set()
    assert {grade for _, _, grade in held_out_judgements} == {1, 2, 3}
    pairs = Counter((query, practice) for query, practice, _ in held_out_judgements)
    assert [pair for pair, count in pairs.items() if count > 1] == []
    best: dict[str, int] = {}
    for query, _, grade in held_out_judgements:
        best[query] = max(grade, best.get(query, 0))
    assert set(best) == {code for code, one in held_out.items() if one["kind"] in {"need", "known-item"}}
    assert {query: grade for query, grade in best.items() if grade < 2} == {}


def test_a_held_out_known_item_is_best_answered_by_its_practice(
    held_out_judgements: list[tuple[str, str, int]], held_out: dict[str, Question]
) -> None:
    top = {(query, practice) for query, practice, grade in held_out_judgements if grade == 3}
    named = {code: one["practice_id"] for code, one in held_out.items() if "practice_id" in one}
    assert set(named) == {code for code, one in held_out.items() if one["kind"] == "known-item"}
    assert [code for code, practice in named.items() if (code, practice) not in top] == []


def test_the_needs_of_a_problem_are_those_of_its_sentences_and_practices_answer_each(
    problems: dict[str, Problem], practices: dict[str, Practice]
) -> None:
    for code, problem in problems.items():
        told = {sentence["need"] for sentence in problem["sentences"]} - {0}
        assert sorted(told) == list(range(1, len(told) + 1)), code
        assert len(told) in (2, 3), code
        assert {int(need) for need in problem["needs"]} == told, code
        for answers in problem["needs"].values():
            assert answers, code
            assert len(set(answers)) == len(answers), code
            assert set(answers) - set(practices) == set(), code


def test_the_sentences_of_a_problem_have_roles_and_each_need_says_what_is_looked_for(
    problems: dict[str, Problem],
) -> None:
    for code, problem in problems.items():
        roles = [(sentence["role"], sentence["need"]) for sentence in problem["sentences"]]
        assert {role for role, _ in roles} <= set(ROLES), code
        assert [one for one in roles if (one[0] == "other") != (one[1] == 0)] == [], code
        assert {need for role, need in roles if role == "what"} == {int(need) for need in problem["needs"]}, code


def test_problems_are_long_enough_to_be_taken_apart_and_of_many_languages(problems: dict[str, Problem]) -> None:
    words = {code: sum(len(one["text"].split()) for one in row["sentences"]) for code, row in problems.items()}
    assert {code: count for code, count in words.items() if count < SHORT_QUERY_WORDS} == {}
    languages = {problem["language"] for problem in problems.values()}
    assert languages <= LANGUAGES
    assert len(languages) >= 10
