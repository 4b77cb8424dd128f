"""The queue before the encoder: batches, refusals, errors, cancelled askers, answers to the right askers, memory."""

import asyncio
import pickle
import threading

import numpy as np
import pytest

from service.encoder_queue import BusyError, EncoderQueue
from tests.fakes import WordEncoder


class RecordingEncoder(WordEncoder):
    """Keeps each batch as (kind, texts)."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[str, list[str]]] = []

    def encode_queries(self, texts):
        self.batches.append(("queries", list(texts)))
        return super().encode_documents([f"query {text}" for text in texts])

    def encode_documents(self, texts):
        self.batches.append(("documents", list(texts)))
        return super().encode_documents(texts)


class BlockingEncoder(RecordingEncoder):
    """Stays in its first call until `released` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.released = threading.Event()

    def encode_queries(self, texts):
        self.entered.set()
        assert self.released.wait(10)
        return super().encode_queries(texts)


class FailingEncoder(RecordingEncoder):
    """Fails on every batch that holds the text 'bad'."""

    def encode_queries(self, texts):
        rows = super().encode_queries(texts)
        if "bad" in texts:
            raise ValueError("cannot encode 'bad'")
        return rows


def expected(text: str) -> list[float]:
    return RecordingEncoder().encode_queries([text])[0].tolist()


def run(scenario):
    """Return what a coroutine returns; one that waits for ever is a failure, not a hanging test run."""
    return asyncio.run(asyncio.wait_for(scenario, timeout=10))


async def query(queue, text):
    [row] = await queue.encode_queries([text])
    return row


async def document(queue, text):
    [row] = await queue.encode_documents([text])
    return row


async def ask_while_blocked(queue, encoder, texts):
    """Return the task of a first question that the encoder is busy with, and of those that wait behind it."""
    first = asyncio.create_task(query(queue, "first"))
    while not encoder.entered.is_set():
        await asyncio.sleep(0.001)
    waiting = [asyncio.create_task(query(queue, text)) for text in texts]
    await asyncio.sleep(0)
    return first, waiting


def test_all_that_waits_is_one_batch_in_the_order_of_asking():
    encoder = BlockingEncoder()
    texts = [f"question {number}" for number in range(4)]

    async def scenario():
        async with EncoderQueue(encoder, 16) as queue:
            first, waiting = await ask_while_blocked(queue, encoder, texts)
            encoder.released.set()
            return await asyncio.gather(first, *waiting)

    answers = run(scenario())
    assert encoder.batches == [("queries", ["first"]), ("queries", texts)]
    assert [answer.tolist() for answer in answers] == [expected(text) for text in ("first", *texts)]


def test_a_full_queue_refuses_at_once_and_keeps_its_promises():
    encoder = BlockingEncoder()

    async def scenario():
        async with EncoderQueue(encoder, 3) as queue:
            first, waiting = await ask_while_blocked(queue, encoder, ["one", "two", "three"])
            with pytest.raises(BusyError) as refusal:
                await asyncio.wait_for(query(queue, "four"), timeout=1)
            with pytest.raises(BusyError):
                await asyncio.wait_for(document(queue, "five"), timeout=1)
            assert not encoder.released.is_set()
            encoder.released.set()
            answers = await asyncio.gather(first, *waiting)
            return str(refusal.value), answers, await query(queue, "six")

    message, answers, later = run(scenario())
    assert message == "3 questions are waiting already; try again in a moment"
    assert [answer.tolist() for answer in answers] == [expected(text) for text in ("first", "one", "two", "three")]
    assert later.tolist() == expected("six")
    assert "four" not in [text for _, texts in encoder.batches for text in texts]


def test_an_error_of_the_encoder_reaches_the_caller_and_the_queue_lives_on():
    encoder = FailingEncoder()

    async def scenario():
        async with EncoderQueue(encoder, 8) as queue:
            for _ in range(3):
                with pytest.raises(ValueError, match=r"^cannot encode 'bad'$"):
                    await query(queue, "bad")
            assert queue.is_running
            return await query(queue, "good")

    assert run(scenario()).tolist() == expected("good")


def test_an_error_reaches_every_caller_of_its_batch():
    class Encoder(BlockingEncoder, FailingEncoder):
        pass

    encoder = Encoder()

    async def scenario():
        async with EncoderQueue(encoder, 8) as queue:
            first, waiting = await ask_while_blocked(queue, encoder, ["good", "bad"])
            encoder.released.set()
            answers = await asyncio.gather(first, *waiting, return_exceptions=True)
            return answers, await query(queue, "good")

    (first, *failed), later = run(scenario())
    assert first.tolist() == expected("first")
    assert [str(error) for error in failed] == ["cannot encode 'bad'"] * 2
    assert later.tolist() == expected("good")


def test_a_question_whose_asker_has_gone_is_not_encoded():
    encoder = BlockingEncoder()

    async def scenario():
        async with EncoderQueue(encoder, 8) as queue:
            first, waiting = await ask_while_blocked(queue, encoder, ["gone", "stays", "gone too"])
            waiting[0].cancel()
            waiting[2].cancel()
            await asyncio.sleep(0)
            encoder.released.set()
            return await asyncio.gather(first, waiting[1])

    first, stays = run(scenario())
    assert encoder.batches == [("queries", ["first"]), ("queries", ["stays"])]
    assert first.tolist() == expected("first")
    assert stays.tolist() == expected("stays")


def test_a_batch_of_which_nobody_waits_is_not_encoded():
    encoder = BlockingEncoder()

    async def scenario():
        async with EncoderQueue(encoder, 8) as queue:
            first, waiting = await ask_while_blocked(queue, encoder, ["gone", "gone too"])
            for task in waiting:
                task.cancel()
            await asyncio.sleep(0)
            encoder.released.set()
            await first
            return await query(queue, "later")

    assert run(scenario()).tolist() == expected("later")
    assert encoder.batches == [("queries", ["first"]), ("queries", ["later"])]


def test_an_asker_who_leaves_while_encoded_does_not_harm_the_others():
    encoder = BlockingEncoder()

    async def scenario():
        async with EncoderQueue(encoder, 8) as queue:
            first, waiting = await ask_while_blocked(queue, encoder, ["stays"])
            first.cancel()
            await asyncio.sleep(0)
            encoder.released.set()
            return await waiting[0], queue.is_running

    stays, is_running = run(scenario())
    assert stays.tolist() == expected("stays")
    assert is_running


def test_100_concurrent_questions_get_their_own_answers():
    encoder = RecordingEncoder()
    texts = [f"question {number} about topic{number * 7}" for number in range(100)]

    async def scenario():
        async with EncoderQueue(encoder, 100) as queue:
            return await asyncio.gather(*(query(queue, text) for text in texts))

    answers = np.stack(run(scenario()))
    np.testing.assert_array_equal(answers, RecordingEncoder().encode_queries(texts))
    assert sorted(text for _, batch in encoder.batches for text in batch) == sorted(texts)
    assert len(encoder.batches) < len(texts)


def test_questions_and_documents_are_encoded_by_their_own_calls():
    encoder = RecordingEncoder()

    async def scenario():
        async with EncoderQueue(encoder, 8) as queue:
            return await asyncio.gather(
                query(queue, "a"), document(queue, "b"), query(queue, "c"), document(queue, "d")
            )

    answers = run(scenario())
    assert sorted(encoder.batches) == [("documents", ["b", "d"]), ("queries", ["a", "c"])]
    plain = RecordingEncoder().encode_documents(["b", "d"])
    assert answers[0].tolist() == expected("a")
    assert answers[1].tolist() == plain[0].tolist()
    assert answers[2].tolist() == expected("c")
    assert answers[3].tolist() == plain[1].tolist()


async def ask_together(encoder, questions):
    """Return the answers to questions of several texts each that wait together behind a first one."""
    async with EncoderQueue(encoder, 8) as queue:
        first, _ = await ask_while_blocked(queue, encoder, [])
        waiting = [asyncio.create_task(queue.encode_queries(texts)) for texts in questions]
        await asyncio.sleep(0)
        encoder.released.set()
        await first
        return await asyncio.gather(*waiting)


def test_the_texts_of_each_question_come_back_to_it_in_its_order():
    encoder = BlockingEncoder()
    questions = [["a", "b", "c"], ["d"], ["b", "e"], [], ["f"]]

    answers = run(ask_together(encoder, questions))
    assert [texts for _, texts in encoder.batches] == [["first"], ["a", "b", "c", "d"], ["b", "e", "f"]]
    assert [answer.tolist() for answer in answers] == [[expected(text) for text in texts] for texts in questions]


def test_a_batch_takes_no_further_question_once_it_has_4_texts():
    encoder = BlockingEncoder()
    questions = [[f"question {number} part {part}" for part in range(3)] for number in range(5)]

    answers = run(ask_together(encoder, questions))
    assert [texts for _, texts in encoder.batches] == [
        ["first"],
        [*questions[0], *questions[1]],
        [*questions[2], *questions[3]],
        questions[4],
    ]
    assert [answer.tolist() for answer in answers] == [[expected(text) for text in texts] for texts in questions]


def test_an_encoder_that_loses_a_text_gives_nobody_the_answer_of_another():
    class Encoder(RecordingEncoder):
        def encode_documents(self, texts):
            return super().encode_documents(texts)[:-1]

    async def scenario():
        async with EncoderQueue(Encoder(), 8) as queue:
            return await asyncio.gather(
                queue.encode_documents(["a", "b"]), queue.encode_documents(["c"]), return_exceptions=True
            )

    assert [str(error) for error in run(scenario())] == ["the encoder gave 2 embeddings for 3 texts"] * 2


def test_the_loop_is_free_while_the_encoder_works():
    encoder = BlockingEncoder()

    async def scenario():
        async with EncoderQueue(encoder, 8) as queue:
            first, _ = await ask_while_blocked(queue, encoder, [])
            done, _ = await asyncio.wait([first], timeout=0.01)
            encoder.released.set()
            await first
            return done

    assert run(scenario()) == set()


def test_it_runs_only_inside_its_block():
    async def scenario():
        queue = EncoderQueue(RecordingEncoder(), 8)
        before = queue.is_running
        async with queue:
            inside = queue.is_running
        await asyncio.sleep(0)
        return before, inside, queue.is_running

    assert run(scenario()) == (False, True, False)


def asked_in_turn(encoder, questions, *, remembered):
    """Return the answers to questions of several texts each, every one asked when the one before is answered."""

    async def scenario():
        async with EncoderQueue(encoder, 8, remembered=remembered) as queue:
            return [await queue.encode_queries(texts) for texts in questions]

    return run(scenario())


def test_a_text_that_comes_again_is_not_encoded_again():
    encoder = RecordingEncoder()
    questions = [["a", "b"], ["b", "c", "a"], ["c"], ["a", "b", "c"]]

    answers = asked_in_turn(encoder, questions, remembered=8)
    assert encoder.batches == [("queries", ["a", "b"]), ("queries", ["c"])]
    assert [answer.tolist() for answer in answers] == [[expected(text) for text in texts] for texts in questions]
    assert {answer.dtype for answer in answers} == {np.dtype(np.float32)}


def test_a_text_is_remembered_as_a_question_or_as_a_document_and_not_as_the_other():
    encoder = RecordingEncoder()

    async def scenario():
        async with EncoderQueue(encoder, 8, remembered=8) as queue:
            return [await ask(queue, "a") for ask in (query, document, query, document)]

    answers = run(scenario())
    assert encoder.batches == [("queries", ["a"]), ("documents", ["a"])]
    as_document = RecordingEncoder().encode_documents(["a"])[0].tolist()
    assert expected("a") != as_document
    assert [answer.tolist() for answer in answers] == [expected("a"), as_document] * 2


def test_the_oldest_text_is_forgotten_where_there_are_too_many():
    encoder = RecordingEncoder()

    asked_in_turn(encoder, [["a"], ["b"], ["c"], ["b"], ["c"], ["a"]], remembered=2)
    assert encoder.batches == [("queries", [text]) for text in ("a", "b", "c", "a")]


def test_a_text_that_comes_again_is_no_longer_the_oldest():
    encoder = RecordingEncoder()

    asked_in_turn(encoder, [["a"], ["b"], ["a"], ["c"], ["a"], ["b"]], remembered=2)
    assert encoder.batches == [("queries", [text]) for text in ("a", "b", "c", "b")]


def test_a_question_of_more_texts_than_are_remembered_is_answered_whole_and_its_last_texts_are_kept():
    encoder = RecordingEncoder()
    texts = [f"part {number}" for number in range(5)]

    answers = asked_in_turn(encoder, [texts, texts[3:], texts], remembered=2)
    assert [batch for _, batch in encoder.batches] == [texts, texts[:3]]
    assert [answer.tolist() for answer in answers] == [
        [expected(text) for text in asked] for asked in (texts, texts[3:], texts)
    ]


def test_where_nothing_is_to_be_remembered_nothing_is():
    encoder = RecordingEncoder()

    async def scenario():
        async with EncoderQueue(encoder, 8, remembered=0) as queue:
            answers = [(await query(queue, "a")).tolist() for _ in range(2)]
            return answers, len(queue._kept)

    assert run(scenario()) == ([expected("a")] * 2, 0)
    assert encoder.batches == [("queries", ["a"])] * 2


def test_what_could_not_be_encoded_is_not_remembered():
    class Encoder(FailingEncoder):
        is_broken = True

        def encode_queries(self, texts):
            return super().encode_queries(texts) if self.is_broken else RecordingEncoder.encode_queries(self, texts)

    encoder = Encoder()

    async def scenario():
        async with EncoderQueue(encoder, 8, remembered=8) as queue:
            await query(queue, "known")
            for _ in range(2):
                with pytest.raises(ValueError, match=r"^cannot encode 'bad'$"):
                    await queue.encode_queries(["known", "bad", "good"])
            encoder.is_broken = False
            return await queue.encode_queries(["known", "bad", "good"])

    answers = run(scenario())
    assert encoder.batches == [("queries", ["known"]), *[("queries", ["bad", "good"])] * 3]
    assert answers.tolist() == [expected(text) for text in ("known", "bad", "good")]


@pytest.mark.parametrize("remembered", [0, 8])
def test_a_text_that_stands_twice_in_a_question_is_encoded_once(remembered):
    encoder = RecordingEncoder()

    [answer] = asked_in_turn(encoder, [["a", "b", "a", "a"]], remembered=remembered)
    assert encoder.batches == [("queries", ["a", "b"])]
    assert answer.tolist() == [expected(text) for text in ("a", "b", "a", "a")]


def test_texts_that_differ_in_one_character_are_not_taken_for_each_other():
    encoder = RecordingEncoder()
    texts = ["a b", "a  b", "A b", "ab", "a b ", "é b", "e\u0301 b", ""]

    answers = asked_in_turn(encoder, [texts, texts], remembered=8)
    assert encoder.batches == [("queries", texts)]
    assert answers[0].tolist() == answers[1].tolist()


def test_no_text_can_be_read_from_what_is_remembered():
    text = "my pupil Xaver Quastel is often sick"

    async def scenario():
        async with EncoderQueue(WordEncoder(), 8, remembered=8) as queue:
            await queue.encode_queries([text])
            await queue.encode_documents([text])
            return dict(queue._kept)

    kept = run(scenario())
    assert [(type(key), len(key)) for key in kept] == [(bytes, 16)] * 2
    assert [(row.dtype, row.shape) for row in kept.values()] == [(np.dtype(np.float32), (4096,))] * 2
    plain = pickle.dumps(kept)
    assert not [word for word in text.split() if len(word) > 3 and word.encode() in plain]


def test_a_remembered_embedding_is_not_changed_by_whoever_got_it():
    async def scenario():
        async with EncoderQueue(RecordingEncoder(), 8, remembered=8) as queue:
            for _ in range(2):
                answer = await queue.encode_queries(["a"])
                answer[:] = 0
            return await query(queue, "a")

    assert run(scenario()).tolist() == expected("a")


def test_a_remembered_embedding_keeps_no_others_of_its_batch_in_memory():
    async def scenario():
        async with EncoderQueue(RecordingEncoder(), 8, remembered=2) as queue:
            await queue.encode_queries([f"part {number}" for number in range(30)])
            return [row.base is None for row in queue._kept.values()]

    assert run(scenario()) == [True, True]


def test_a_remembered_text_is_answered_though_no_other_may_wait():
    encoder = BlockingEncoder()

    async def scenario():
        async with EncoderQueue(encoder, 1, remembered=8) as queue:
            encoder.released.set()
            await query(queue, "known")
            encoder.released.clear()
            encoder.entered.clear()
            first, waiting = await ask_while_blocked(queue, encoder, ["second"])
            with pytest.raises(BusyError):
                await query(queue, "third")
            known = await query(queue, "known")
            assert not encoder.released.is_set()
            encoder.released.set()
            await asyncio.gather(first, *waiting)
            return known

    assert run(scenario()).tolist() == expected("known")
    assert encoder.batches == [("queries", [text]) for text in ("known", "first", "second")]


def test_a_text_whose_asker_has_gone_is_encoded_when_another_asks():
    encoder = BlockingEncoder()

    async def scenario():
        async with EncoderQueue(encoder, 8, remembered=8) as queue:
            first, waiting = await ask_while_blocked(queue, encoder, ["gone"])
            waiting[0].cancel()
            await asyncio.sleep(0)
            encoder.released.set()
            await first
            return await query(queue, "gone")

    assert run(scenario()).tolist() == expected("gone")
    assert encoder.batches == [("queries", ["first"]), ("queries", ["gone"])]


class SlowEncoder(RecordingEncoder):
    """Takes a twentieth of a second for each batch."""

    def encode_queries(self, texts):
        threading.Event().wait(0.05)
        return super().encode_queries(texts)


def test_who_would_have_to_wait_for_too_long_is_not_let_in():
    texts = [f"question {number}" for number in range(8)]

    async def scenario(most_wait):
        async with EncoderQueue(SlowEncoder(), 64, most_wait=most_wait) as queue:
            for number in range(40):  # which tell the pace: a twentieth of a second a text
                await queue.encode_queries([f"text {number}"])
            answers = await asyncio.gather(*(queue.encode_queries([text]) for text in texts), return_exceptions=True)
            queue.admit()  # nobody waits any more
            return [type(answer) if isinstance(answer, BusyError) else answer[0].tolist() for answer in answers]

    found = run(scenario(0.2))
    let_in = found.index(BusyError)
    assert 1 < let_in < 8  # some four of a twentieth
    assert found == [*map(expected, texts[:let_in]), *[BusyError] * (8 - let_in)]
    assert run(scenario(10)) == [*map(expected, texts)]


def test_one_slow_batch_keeps_nobody_out():
    async def scenario():
        async with EncoderQueue(SlowEncoder(), 64, most_wait=0.15) as queue:
            await queue.encode_queries(["one text in a twentieth of a second"])
            answers = await asyncio.gather(*(queue.encode_queries([f"question {number}"]) for number in range(8)))
            return [answer[0].tolist() for answer in answers]

    assert run(scenario()) == [expected(f"question {number}") for number in range(8)]
