"""Windows hold every character of a text and fit the encoder; sentences lose no word; each is found by its practice."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexer.passages import (
    OVERLAP_SHARE,
    TITLE_REPEATS,
    Passages,
    heading,
    lexical_text,
    practice_text,
    sentence_limits,
    split_sentences,
    split_text,
    window_limits,
)
from indexer.practice import Practice
from tests.fakes import PRACTICES, VOCABULARY

LANGUAGES = "bg cs da de el en es et fi fr ga hr hu it lt lv mt nl no pl pt ro sk sl sv xx"
SIGNS = "ab .!?…;·\n\t\r\u00a0\u0085\u2028\u200d\u0301\x1c„“\"'()éßΩж字。😀👨"
ANY_TEXT = st.text(max_size=300) | st.text(SIGNS, max_size=300)
ANY_LANGUAGE = st.sampled_from(LANGUAGES.split())
WORDS = st.lists(
    st.tuples(
        st.text("abéñж", min_size=1, max_size=6), st.sampled_from([" ", "  ", ". ", "! ", ", ", "\n", "\n\n", "\r\n"])
    ),
    max_size=200,
).map(lambda pairs: "".join(word + gap for word, gap in pairs))


def count_words(text: str) -> int:
    return len(text.split())


def count_words_and_special_tokens(text: str) -> int:
    return len(text.split()) + 3


def count_characters(text: str) -> int:
    return len(text)


COUNTERS = st.sampled_from([count_words, count_words_and_special_tokens, count_characters])


def windows(text: str, max_tokens: int, count_tokens: Callable[[str], int] = count_words) -> list[tuple[int, int]]:
    return list(split_text(text, max_tokens=max_tokens, count_tokens=count_tokens))


@settings(derandomize=True, deadline=None)
@given(text=ANY_TEXT | WORDS, max_tokens=st.integers(8, 40), count_tokens=COUNTERS)
@example(text="", max_tokens=8, count_tokens=count_words)
@example(text="\n" * 50, max_tokens=8, count_tokens=count_characters)
@example(text="👨\u200d👩\u200d👧" * 20, max_tokens=8, count_tokens=count_characters)
def test_windows_cover_every_character_of_any_text_in_order(
    text: str, max_tokens: int, count_tokens: Callable[[str], int]
) -> None:
    limits = windows(text, max_tokens, count_tokens)
    assert (limits[0][0], limits[-1][1]) == (0, len(text))
    for (start, end), (next_start, next_end) in pairwise(limits):
        assert start < next_start <= end <= next_end


@settings(derandomize=True, deadline=None)
@given(text=WORDS, max_tokens=st.integers(16, 60), count_tokens=COUNTERS)
def test_every_window_of_a_text_of_words_fits_the_encoder(
    text: str, max_tokens: int, count_tokens: Callable[[str], int]
) -> None:
    counts = [count_tokens(text[start:end]) for start, end in windows(text, max_tokens, count_tokens)]
    assert [count for count in counts if count > max_tokens] == []


@settings(derandomize=True, deadline=None)
@given(words=st.integers(0, 24), gap=st.sampled_from([" ", "\n", "\n\n", ". "]))
def test_a_text_that_fits_is_one_window(words: int, gap: str) -> None:
    text = gap.join(["school"] * words)
    assert windows(text, 24) == [(0, len(text))]


def test_a_text_of_one_token_too_many_is_cut() -> None:
    text = " ".join(["school"] * 25)
    assert windows(text, 25) == [(0, len(text))]
    assert next(text[start:end].split() for start, end in windows(text, 24)) == ["school"] * 24


def test_the_tokens_that_the_encoder_adds_are_counted() -> None:
    text = " ".join(["school"] * 22)
    assert windows(text, 24) == [(0, len(text))]
    assert windows(text, 24, count_words_and_special_tokens)[0][1] < len(text)


def test_windows_overlap_by_no_more_than_their_share() -> None:
    text = " ".join(f"word{number}" for number in range(200))
    limits = windows(text, 40)
    shared = [count_words(text[next_start:end]) for (_, end), (next_start, _) in pairwise(limits)]
    assert set(shared) == {int(40 * OVERLAP_SHARE)} == {6}


def test_a_text_is_cut_between_paragraphs_where_it_can_be() -> None:
    first, second = "One two three four five six seven. Eight nine ten.", "Alpha beta gamma delta epsilon zeta."
    text = f"{first}\n\n{second}"
    starts = [text[start:end].strip() for start, end in windows(text, 11)]
    assert starts == [first, second]


def test_a_text_is_cut_between_sentences_where_it_can_be() -> None:
    sentences = [
        "Each apprentice meets one retired master.",
        "The master listens and gives good advice.",
        "Parents are told the same day.",
    ]
    text = " ".join(sentences)
    assert [text[start:end].strip() for start, end in windows(text, 8)] == sentences


@settings(derandomize=True, deadline=None)
@given(text=ANY_TEXT | WORDS, language=ANY_LANGUAGE)
def test_sentences_are_in_order_and_hold_all_that_is_not_white(text: str, language: str) -> None:
    position = 0
    for start, end in split_sentences(text, language):
        assert position <= start < end <= len(text)
        assert text[position:start].strip() == ""
        assert text[start:end] == text[start:end].strip()
        position = end
    assert text[position:].strip() == ""


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ["Dr. Smith mentors apprentices, e.g. bakers.", "Do they stay?", "They do!"]),
        ("de", ["Das gilt z. B. für Azubis am 3. Mai.", "Bleiben sie?", "Ja!"]),
        ("fr", ["Les élèves reviennent.", "Pourquoi ?", "On les écoute !"]),
        ("el", ["Οι νέοι επιστρέφουν στο σχολείο.", "Μένουν ως το τέλος."]),
        ("bg", ["Младежите се връщат в училище.", "Остават ли?"]),
    ],
)
def test_a_text_is_split_by_the_rules_of_its_language(language: str, sentences: list[str]) -> None:
    text = "  " + " \n ".join(sentences) + " "
    assert [text[start:end] for start, end in split_sentences(text, language)] == sentences


@pytest.mark.parametrize("text", ["", " ", "\n\n \t\u00a0"])
def test_a_text_without_words_has_no_sentence(text: str) -> None:
    assert list(split_sentences(text, "en")) == []


def test_the_text_of_a_practice_is_titles_summary_description_and_results_a_line_each() -> None:
    practice = Practice(
        id="quabb",
        title="Support in training",
        original_title="Ausbildungsbegleitung",
        summary="Advises apprentices.",
        description="It began in 2009.\nIt goes on.",
        country="DE",
        note="Not for the encoder.",
        results=[{"text": "Two thirds stayed.", "source": "https://a.example"}, {"text": "All were asked."}],
    )
    assert practice_text(practice).split("\n") == [
        "Support in training",
        "Ausbildungsbegleitung",
        "Advises apprentices.",
        "It began in 2009.",
        "It goes on.",
        "Two thirds stayed.",
        "All were asked.",
    ]


def test_an_original_title_that_is_the_title_is_read_once() -> None:
    assert practice_text(Practice(id="a", title="QuABB", original_title="QuABB")) == "QuABB"
    assert practice_text(Practice(id="a", title="QuABB", summary="Advises.")) == "QuABB\nAdvises."


@pytest.mark.parametrize(
    ("original", "lines"),
    [
        (None, "Support in training"),
        ("", "Support in training"),
        ("Support in training", "Support in training"),
        ("Ausbildungsbegleitung", "Support in training\nAusbildungsbegleitung"),
    ],
)
def test_the_heading_is_both_titles_and_the_text_begins_with_it(original: str | None, lines: str) -> None:
    practice = Practice.model_construct(
        id="a", title="Support in training", original_title=original, summary="Advises."
    )
    assert heading(practice) == lines
    assert practice_text(practice) == f"{lines}\nAdvises."


def test_word_search_also_reads_the_labels_of_the_codes_and_the_title_twice_more() -> None:
    practice = PRACTICES[2].model_copy(update={"levels": ("primary",), "listed_in": ("national-list",)})
    vocabulary = VOCABULARY | {
        "listed_in": {"national-list": "National list"},
        "target_groups": {"adults": "Adults"},
    }
    text, labels = practice_text(practice), ["Managing absence", "Health support", "vet-learners"]
    titles = ["Absence follow-up", "Absence follow-up"]
    assert len(titles) == TITLE_REPEATS
    assert lexical_text(practice, vocabulary) == "\n".join([text, *labels, *titles])
    assert lexical_text(practice, {}) == "\n".join([text, *titles])


def test_word_search_does_not_count_an_original_title_again() -> None:
    practice = Practice(id="a", title="Coaching", original_title="Lehrlingscoaching", summary="Advises.")
    assert lexical_text(practice, {}) == "Coaching\nLehrlingscoaching\nAdvises.\nCoaching\nCoaching"


@pytest.mark.parametrize("practice", PRACTICES, ids=lambda practice: practice.id)
def test_the_windows_of_a_practice_are_those_of_its_whole_text(practice: Practice) -> None:
    text = practice_text(practice)
    limits = window_limits(practice, max_tokens=12, count_tokens=count_words)
    assert limits == windows(text, 12)
    assert {character for start, end in limits for character in range(start, end)} == set(range(len(text)))
    assert window_limits(practice, max_tokens=100, count_tokens=count_words) == [(0, len(text))]


def test_the_sentences_of_a_practice_come_in_the_order_of_its_text() -> None:
    mentors = PRACTICES[0]
    text = practice_text(mentors)
    limits = sentence_limits(mentors)
    assert limits == list(split_sentences(text, "en"))
    assert [text[start:end] for start, end in limits[-2:]] == [
        "Each apprentice meets one retired master every week.",
        "The master listens and gives advice.",
    ]
    assert text[: limits[-2][0]].split() == f"{mentors.title} {mentors.summary}".split()


def test_the_sentences_of_a_practice_are_those_of_the_language_of_its_record() -> None:
    text = "Das gilt z. B. für Azubis am 3. Mai. Bleiben sie?"
    german = Practice(id="a", title="Begleitung.", description=text, language="de")
    parts = [practice_text(german)[start:end] for start, end in sentence_limits(german)]
    assert parts == ["Begleitung.", "Das gilt z. B. für Azubis am 3. Mai.", "Bleiben sie?"]
    english = german.model_copy(update={"language": "en"})
    nameless = german.model_copy(update={"language": None})
    assert sentence_limits(nameless) == sentence_limits(english) != sentence_limits(german)


@pytest.mark.parametrize("title", ["\x1c", "\x1f\x1d", "\u2028"])
def test_a_practice_whose_text_has_no_sentence_is_one(title: str) -> None:
    odd = Practice.model_construct(
        **Practice(id="a", title="A").model_dump() | {"title": title, "results": (), "language": "en"}
    )
    assert list(split_sentences(title, "en")) == []
    assert sentence_limits(odd) == [(0, len(title))]


LIMITS = ([(0, 5), (4, 9), (8, 12)], [(0, 7)], [], [(1, 3), (3, 8)], [(0, 2)])
"""The limits of the passages of five practices, of which the third has none."""

OWNERS = [0, 0, 0, 1, 3, 3, 4]


@pytest.fixture
def passages() -> Passages:
    return Passages.of_practices(LIMITS)


def test_the_passages_of_all_practices_stand_one_after_the_other(passages: Passages) -> None:
    assert len(passages) == 7
    assert passages.limits.tolist() == [list(one) for limits in LIMITS for one in limits]
    assert passages.bounds.tolist() == [0, 3, 4, 4, 6, 7]
    assert (passages.limits.dtype, passages.bounds.dtype) == (np.int32, np.int64)


def test_passages_are_gathered_without_holding_those_of_all_practices() -> None:
    held: list[int] = []

    def of_one(number: int):
        held.append(number)
        yield 0, number
        yield number, 2 * number
        held.remove(number)

    passages = Passages.of_practices(of_one(number) for number in range(1, 4))
    assert passages.limits.tolist() == [[0, 1], [1, 2], [0, 2], [2, 4], [0, 3], [3, 6]]
    assert held == []


def test_a_span_is_where_the_passages_of_a_practice_stand(passages: Passages) -> None:
    assert [passages.span(practice) for practice in range(5)] == [
        *(slice(0, 3), slice(3, 4), slice(4, 4), slice(4, 6), slice(6, 7)),
    ]
    assert [passages.limits[passages.span(practice)].tolist() for practice in range(5)] == [
        [list(one) for one in limits] for limits in LIMITS
    ]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 4), max_size=8))
def test_spans_are_the_passages_of_some_practices_in_the_order_asked_for(practices: list[int]) -> None:
    rows, firsts = Passages.of_practices(LIMITS).spans(np.array(practices, dtype=np.int64))
    expected = [[row for row, owner in enumerate(OWNERS) if owner == practice] for practice in practices]
    assert rows.tolist() == [row for of_one in expected for row in of_one]
    assert firsts.tolist() == [sum(map(len, expected[:at])) for at in range(len(expected))]


def test_owners_name_the_practice_of_every_passage(passages: Passages) -> None:
    assert passages.owners(np.arange(7)).tolist() == OWNERS
    assert passages.owners(np.array([6, 3, 0, 5, 3])).tolist() == [4, 1, 0, 3, 1]
    assert passages.owners(np.empty(0, dtype=np.int64)).tolist() == []
    assert passages.all_owners().tolist() == OWNERS
    assert passages.all_owners().dtype == np.int32


@pytest.mark.parametrize(
    "allowed",
    [[True] * 5, [False] * 5, [True, False, True, False, True], [False, True, True, True, False]],
)
def test_passages_are_allowed_where_their_practices_are(passages: Passages, allowed: list[bool]) -> None:
    assert passages.of_allowed(np.array(allowed)).tolist() == [allowed[owner] for owner in OWNERS]


def test_practices_of_several_passages_are_counted(passages: Passages) -> None:
    assert passages.count_divided() == 2
    assert Passages.of_practices([[(0, 4)], [(0, 2)], []]).count_divided() == 0
    assert Passages.of_practices([[(0, 4), (3, 9)]]).count_divided() == 1


def test_no_practices_have_no_passages(tmp_path: Path) -> None:
    empty = Passages.of_practices([])
    empty.save(tmp_path / "windows")
    for passages in (empty, Passages.load(tmp_path / "windows"), Passages.of_practices([[]])):
        assert (len(passages), passages.count_divided()) == (0, 0)
        assert passages.limits.shape == (0, 2)
        assert passages.all_owners().tolist() == []
    assert (empty.bounds.tolist(), Passages.of_practices([[]]).bounds.tolist()) == ([0], [0, 0])


def test_saved_passages_are_loaded_as_they_were_and_have_the_same_bytes_twice(
    passages: Passages, tmp_path: Path
) -> None:
    passages.save(tmp_path / "windows")
    loaded = Passages.load(tmp_path / "windows")
    assert loaded.limits.tolist() == passages.limits.tolist()
    assert loaded.bounds.tolist() == passages.bounds.tolist()
    assert loaded.spans(np.array([3, 0]))[0].tolist() == [4, 5, 0, 1, 2]
    loaded.save(tmp_path / "again")
    for end in ("bounds", "limits"):
        first, second = (tmp_path / f"{name}-{end}.npy" for name in ("windows", "again"))
        assert first.read_bytes() == second.read_bytes()
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("name", ["windows-bounds.npy", "windows-limits.npy"])
def test_passages_without_one_of_their_files_or_with_a_cut_one_are_refused(
    passages: Passages, tmp_path: Path, name: str
) -> None:
    passages.save(tmp_path / "windows")
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[:-1])
    with pytest.raises(ValueError, match="file size"):
        Passages.load(tmp_path / "windows")
    (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        Passages.load(tmp_path / "windows")


def test_half_a_character_is_no_reason_not_to_split() -> None:
    text = "Half a \ud800 character. " * 6
    found = windows(text, 8)
    assert found == windows(text.replace("\ud800", "\ufffd"), 8)
    assert (found[0][0], found[-1][1], len(found) > 1) == (0, len(text), True)
