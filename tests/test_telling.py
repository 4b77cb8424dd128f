"""Which sentences tell something of their practice, on sentences whose likeness is known."""

import numpy as np
import pytest

from indexer import row_blocks
from indexer.encoder import unit_rows
from indexer.passage_embeddings import passage_texts
from indexer.passages import Passages, heading, sentence_limits
from indexer.practice import Practice
from indexer.telling import telling_sentences

BOILERPLATE = "No evaluation was found."


def practice(number, *sentences, **fields):
    return Practice(id=f"p{number}", title=f"Plan {number}", description=" ".join(sentences) or None, **fields)


def own(number):
    return f"Street {number} has a workshop."


def texts_of(practices):
    sentences = Passages.of_practices(map(sentence_limits, practices))
    return sentences, passage_texts(practices, sentences)


def title_ends(practices):
    return np.array([len(heading(one)) for one in practices], dtype=np.int32)


def as_axes(texts):
    """Return one unit row a text: equal texts have cosine 1, others 0."""
    axes = {text: axis for axis, text in enumerate(dict.fromkeys(texts))}
    rows = np.zeros((len(texts), len(axes)), dtype=np.float32)
    rows[np.arange(len(texts)), [axes[text] for text in texts]] = 1
    return rows


def telling(practices, embed=as_axes):
    sentences, texts = texts_of(practices)
    found = telling_sentences(sentences, title_ends(practices), embed(texts))
    assert (found.shape, found.dtype) == ((len(texts),), np.bool_)
    owners = [practices[row].id for row in sentences.all_owners()]
    return [(owner, text) for owner, text, tells in zip(owners, texts, found, strict=True) if tells]


def test_titles_tell_nothing():
    practices = [practice(1, own(1)), practice(2, own(2), original_title="Der Plan. Nummer zwei")]
    assert telling(practices) == [("p1", own(1)), ("p2", own(2))]


def test_a_title_of_two_sentences_tells_nothing_and_the_same_words_further_on_do():
    practices = [Practice(id="p1", title="What works? A study.", summary="What works?", description=own(1))]
    sentences, texts = texts_of(practices)
    assert texts == ["What works?", "A study.", "What works?", own(1)]
    found = telling_sentences(sentences, title_ends(practices), as_axes(texts))
    assert found.tolist() == [False, False, True, True]


def test_what_three_other_practices_say_too_is_boilerplate():
    practices = [practice(number, own(number), BOILERPLATE) for number in range(4)]
    assert telling(practices) == [(f"p{number}", own(number)) for number in range(4)]


def test_what_two_other_practices_say_too_is_none():
    practices = [practice(number, own(number), BOILERPLATE) for number in range(3)]
    assert telling(practices) == [(f"p{number}", text) for number in range(3) for text in (own(number), BOILERPLATE)]


def test_a_practice_with_nothing_else_keeps_its_boilerplate_but_not_its_title():
    practices = [practice(9, BOILERPLATE), *(practice(number, own(number), BOILERPLATE) for number in range(4))]
    assert telling(practices) == [("p9", BOILERPLATE), *((f"p{number}", own(number)) for number in range(4))]


def test_a_practice_that_has_only_a_title_keeps_it():
    assert telling([practice(1), practice(2, own(2))]) == [("p1", "Plan 1"), ("p2", own(2))]


def test_echoes_within_one_practice_are_no_boilerplate():
    refrain = "The master listens."
    practices = [practice(1, *[refrain] * 6), practice(2, own(2))]
    assert telling(practices) == [("p1", refrain)] * 6 + [("p2", own(2))]


def test_sentences_are_alike_from_a_cosine_of_six_tenths():
    practices = [practice(number, own(number), f"Nobody knows {number}.") for number in range(4)]

    def embed(cosine):
        def rows(texts):
            # "Nobody knows" shares one axis to the extent that any two have this cosine; the rest is its own
            found = as_axes(texts) * np.float32((1 - cosine) ** 0.5)
            shared = [cosine**0.5 if text.startswith("Nobody") else 0 for text in texts]
            return unit_rows(np.column_stack([found, np.array(shared, dtype=np.float32)]))

        return rows

    kept = [(f"p{number}", own(number)) for number in range(4)]
    assert telling(practices, embed(0.61)) == kept
    assert len(telling(practices, embed(0.59))) == 8


def test_in_a_large_catalogue_three_of_a_thousand_sentences_make_boilerplate():
    # 2,000 sentences: six others are needed
    rare, frequent = "They drink tea.", "They drink coffee."
    practices = [
        practice(number, own(number), rare if number < 6 else frequent if number < 13 else f"Room {number} is open.")
        for number in range(667)
    ]
    practices[-1] = practice(666, own(666))
    sentences, texts = texts_of(practices)
    assert len(texts) == 2000
    rng = np.random.default_rng(1)
    row_of = {text: rng.normal(size=256) for text in dict.fromkeys(texts)}
    rows = unit_rows(np.array([row_of[text] for text in texts], np.float32))
    found = telling_sentences(sentences, title_ends(practices), rows)
    tells = [text for text, is_telling in zip(texts, found, strict=True) if is_telling]
    assert (tells.count(rare), tells.count(frequent)) == (6, 0)
    assert len(tells) == 2000 - 667 - 7


def test_rows_of_half_precision_tell_the_same_as_the_build_keeps_them():
    practices = [practice(number, own(number), BOILERPLATE) for number in range(4)]
    assert telling(practices, lambda texts: as_axes(texts).astype(np.float16)) == telling(practices)


@pytest.mark.parametrize("at_once", [1, 2, 3, 7])
def test_the_size_of_blocks_changes_nothing(monkeypatch, at_once):
    practices = [practice(number, own(number), BOILERPLATE) for number in range(5)]
    expected = telling(practices)
    monkeypatch.setattr(row_blocks, "AT_ONCE", at_once)
    assert telling(practices) == expected == [(f"p{number}", own(number)) for number in range(5)]


def test_of_very_many_sentences_fewer_are_compared_and_evenly(monkeypatch):
    monkeypatch.setattr("indexer.telling._FEWEST_COMPARED", 4)
    monkeypatch.setattr("indexer.telling._MOST_COMPARED", 1_000)
    # 24 practices of a title, a sentence of their own and boilerplate, which are 72 sentences
    practices = [practice(number, own(number), BOILERPLATE) for number in range(24)]
    kept = [(f"p{number}", own(number)) for number in range(24)]
    both = [one for number in range(24) for one in ((f"p{number}", own(number)), (f"p{number}", BOILERPLATE))]
    # Every fourth sentence is compared, which are 18; six of these are boilerplate.
    monkeypatch.setattr("indexer.telling._MOST_PAIRS", 72 * 18)
    assert telling(practices) == kept
    # Every eighteenth: these are titles, and nobody says the same.
    monkeypatch.setattr("indexer.telling._MOST_PAIRS", 72 * 4)
    assert telling(practices) == both
    # Four are compared even where that are too many.
    monkeypatch.setattr("indexer.telling._MOST_PAIRS", 1)
    assert telling(practices) == both


def test_no_sentences_tell_nothing():
    none = np.empty((0, 4), dtype=np.float32)
    assert telling_sentences(Passages.of_practices([]), np.empty(0, dtype=np.int32), none).tolist() == []
