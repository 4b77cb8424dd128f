"""What is written into the journal is on the disk at once, in order, and pending until a release has it."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from indexer.edits import Edit
from service.journal import Journal, JournalError, JournalState
from tests.fakes import PRACTICES

NEW = Edit("new", PRACTICES[0].model_copy(update={"id": "new"}))
CHANGED = Edit("new", PRACTICES[1].model_copy(update={"id": "new"}))
REMOVED = Edit("mentors", None)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state" / "journal.sqlite")


def write(journal: Journal, *edits: Edit) -> list[int]:
    with journal.writing() as writer:
        return [writer.append(edit, None, "cms") for edit in edits]


def release(journal: Journal, count: int, release_id: str = "r1") -> None:
    with journal.writing() as writer:
        writer.release(writer.pending()[:count], release_id)


def test_reading_makes_no_file(journal: Journal, tmp_path: Path) -> None:
    assert journal.pending() == []
    assert journal.lost(PRACTICES) == []
    assert journal.state() == JournalState(0, 0, None)
    assert list(tmp_path.iterdir()) == []


def test_edits_are_pending_in_their_order_until_a_release_has_them(journal: Journal) -> None:
    assert write(journal, NEW, REMOVED, CHANGED) == [1, 2, 3]
    assert [(one.number, one.edit) for one in journal.pending()] == [(1, NEW), (2, REMOVED), (3, CHANGED)]
    assert journal.state() == JournalState(3, 3, None)
    release(journal, 2)
    assert [one.edit for one in journal.pending()] == [CHANGED]
    assert journal.state() == JournalState(1, 3, None)


def test_nothing_is_kept_of_a_block_that_fails(journal: Journal) -> None:
    write(journal, NEW)

    def fail() -> None:
        with journal.writing() as writer:
            writer.append(REMOVED, None, "cms")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [one.edit for one in journal.pending()] == [NEW]


def test_a_fault_stands_until_a_release_is_built(journal: Journal) -> None:
    write(journal, NEW)
    with journal.writing() as writer:
        writer.fail("no room")
        writer.fail("no room left")
    assert journal.state().fault == "no room left"
    release(journal, 1)
    assert journal.state() == JournalState(0, 1, None)


def test_released_edits_that_a_catalogue_lacks_are_lost_and_pending_ones_are_not(journal: Journal) -> None:
    write(journal, NEW, REMOVED, CHANGED)
    release(journal, 3)
    assert [one.edit for one in journal.lost(PRACTICES)] == [REMOVED, CHANGED]
    assert journal.lost([*PRACTICES[1:], CHANGED.practice]) == []
    write(journal, NEW)
    assert [one.edit for one in journal.lost(PRACTICES)] == [REMOVED]


def test_what_was_given_up_is_not_lost_again(journal: Journal) -> None:
    write(journal, NEW, REMOVED)
    release(journal, 2)
    with journal.writing() as writer:
        writer.give_up(journal.lost(PRACTICES))
    assert journal.lost(PRACTICES) == []


def _write_and_die(path: Path, told: "multiprocessing.connection.Connection") -> None:
    journal = Journal(path)
    for number in range(1_000):
        write(journal, Edit(f"p{number}", PRACTICES[0].model_copy(update={"id": f"p{number}"})))
        told.send(number)
        if number == 20:
            os.kill(os.getpid(), signal.SIGKILL)


def test_what_was_answered_for_is_there_after_the_process_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    receiver, sender = multiprocessing.get_context("fork").Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_write_and_die, args=(path, sender))
    process.start()
    sender.close()
    process.join()
    told = []
    while receiver.poll():
        try:
            told.append(receiver.recv())
        except EOFError:
            break
    assert process.exitcode == -signal.SIGKILL
    assert told == [*range(21)]
    assert [one.edit.practice_id for one in Journal(path).pending()] == [f"p{number}" for number in told]


def test_a_file_that_is_no_journal_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_text("nothing of the kind " * 100, encoding="utf-8")
    with pytest.raises(JournalError, match=r"journal\.sqlite: file is not a database; expected a file that may be"):
        Journal(path).pending()


def test_a_folder_that_cannot_be_made_is_a_fault_of_the_journal(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file", encoding="utf-8")
    with pytest.raises(JournalError, match=r"journal\.sqlite: .*Not a directory|File exists"):
        write(Journal(tmp_path / "state" / "journal.sqlite"), NEW)
