"""Which sentences tell something of their practice, on sentences whose likeness is known."""

import numpy as np

from indexer.encoder import unit_rows
from indexer.passages import practice_text, sentence_passages
from indexer.practice import Practice
from indexer.telling import telling_sentences

BOILERPLATE = "No evaluation was found."


def practice(number, *sentences, **fields):
    return Practice(id=f"p{number}", title=f"Plan {number}", description=" ".join(sentences) or None, **fields)


def own(number):
    return f"Street {number} has a workshop."


def texts_of(practices):
    whole = {one.id: practice_text(one) for one in practices}
    passages = [passage for one in practices for passage in sentence_passages(one)]
    return passages, [whole[passage.practice_id][passage.start : passage.end] for passage in passages]


def as_axes(texts):
    """Return one unit row a text: equal texts have cosine 1, others 0."""
    axes = {text: axis for axis, text in enumerate(dict.fromkeys(texts))}
    rows = np.zeros((len(texts), len(axes)), dtype=np.float32)
    rows[np.arange(len(texts)), [axes[text] for text in texts]] = 1
    return rows


def telling(practices, embed=as_axes):
    passages, texts = texts_of(practices)
    found = telling_sentences(practices, passages, embed(texts))
    assert found.shape == (len(texts),)
    return [(passage.practice_id, text) for passage, text, tells in zip(passages, texts, found, strict=True) if tells]


def test_titles_tell_nothing():
    practices = [practice(1, own(1)), practice(2, own(2), original_title="Der Plan. Nummer zwei")]
    assert telling(practices) == [("p1", own(1)), ("p2", own(2))]


def test_a_title_of_two_sentences_tells_nothing_and_the_same_words_further_on_do():
    practices = [Practice(id="p1", title="What works? A study.", summary="What works?", description=own(1))]
    passages, texts = texts_of(practices)
    assert texts == ["What works?", "A study.", "What works?", own(1)]
    found = telling_sentences(practices, passages, as_axes(texts))
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
    passages, texts = texts_of(practices)
    assert len(texts) == 2000
    rng = np.random.default_rng(1)
    row_of = {text: rng.normal(size=256) for text in dict.fromkeys(texts)}
    found = telling_sentences(practices, passages, unit_rows(np.array([row_of[text] for text in texts], np.float32)))
    tells = [text for text, is_telling in zip(texts, found, strict=True) if is_telling]
    assert (tells.count(rare), tells.count(frequent)) == (6, 0)
    assert len(tells) == 2000 - 667 - 7
