"""Turn what a program writes about practices into edits in the journal: checked, and never over someone else's edit."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from indexer.catalogue import CatalogueError, Problem, read_row
from indexer.edits import Edit, EditedPractices, entity_tag
from indexer.practice import Practice
from indexer.release import Release
from service.journal import Journal, JournalledEdit, JournalWriter
from service.limits import UploadMode
from service.retriever import UnknownPracticeError

Change = Literal["created", "replaced", "unchanged", "removed"]


ANY_TAG = "*"
_BODY = Path("body")  # stands for the file in which the row is
_NAMED = 5  # practices that a message names


@dataclass(frozen=True, slots=True)
class Condition:
    """What the present record must be like (RFC 9110, 13.1): of one of these tags, or not there at all.

    `tags` is None where nothing is said; '*' among them stands for any record.
    """

    tags: Collection[str] | None = None
    is_absent: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a practice. `edit` is the number of the edit, None where nothing had to be changed.

    `entity_tag` is that of the record that is there now, None where there is none.
    """

    practice_id: str
    change: Change
    edit: int | None
    entity_tag: str | None


class ConflictError(RuntimeError):
    """A practice is not what the writer takes it for; `present` is the tag of what is there, None for nothing."""

    def __init__(self, message: str, present: str | None) -> None:
        super().__init__(message)
        self.present = present


class UnconditionalError(ConflictError):
    """The writer does not say which record is to be replaced."""


class EditError(ValueError):
    """An edit contradicts the rest of the catalogue."""


class StaleReleaseError(RuntimeError):
    """The current release does not answer yet, so that it is not known what an edit would change."""


class Editing:
    """Writes edits of the catalogue that answers. `current_id` says which release should answer."""

    def __init__(self, journal: Journal, release: Release, current_id: Callable[[], str | None]) -> None:
        self._journal = journal
        self._release = release
        self._current_id = current_id

    def practice(self, practice_id: str) -> Practice:
        """Return what was last written of a practice. Raises UnknownPracticeError and StaleReleaseError."""
        practice = self._present(self._journal.pending()).practice(practice_id)
        if practice is None:
            raise UnknownPracticeError(practice_id)
        return practice

    def put(self, practice_id: str, body: bytes, condition: Condition, key_name: str) -> Written:
        """Create or replace a practice.

        Raises CatalogueError where the record is not valid, ConflictError, EditError and StaleReleaseError.
        """
        [practice] = self._read([(1, body)])
        if practice.id != practice_id:
            problem = Problem(_BODY, 1, "id", repr(practice.id), f"expected '{practice_id}', as in the path")
            raise CatalogueError([problem])
        with self._journal.writing() as writer:
            present = self._present(writer.pending())
            if present.practice(practice_id) != practice or condition.is_absent:
                _check(condition, practice_id, present.practice(practice_id))
            [written] = self._write(writer, present, {practice_id: practice}, key_name)
        return written

    def remove(self, practice_id: str, condition: Condition, key_name: str) -> Written:
        """Remove a practice. Raises UnknownPracticeError, ConflictError, EditError and StaleReleaseError."""
        with self._journal.writing() as writer:
            present = self._present(writer.pending())
            practice = present.practice(practice_id)
            if practice is None:
                raise UnknownPracticeError(practice_id)
            _check(condition, practice_id, practice)
            [written] = self._write(writer, present, {practice_id: None}, key_name)
        return written

    def upload(self, rows: Sequence[tuple[int, bytes]], mode: UploadMode, key_name: str) -> list[Written]:
        """Write all practices of some lines, each with its number, or none where one is refused.

        Raises CatalogueError that names every bad line, ConflictError, EditError and StaleReleaseError.
        """
        wanted: dict[str, Practice | None] = {one.id: one for one in self._read(rows)}
        with self._journal.writing() as writer:
            present = self._present(writer.pending())
            differing = [one for one in wanted if present.practice(one) not in (None, wanted[one])]
            if mode == "new" and differing:
                raise UnconditionalError(
                    f"{len(differing)} practices are there and differ: {_named(differing)}; expected new ones, or "
                    "mode=replace",
                    None,
                )
            if mode == "whole":
                wanted |= {one.id: None for one in present if one.id not in wanted}
            return self._write(writer, present, wanted, key_name)

    def _present(self, pending: Sequence[JournalledEdit]) -> EditedPractices:
        """Return what is there now. What was pending is read first: any other edit is in the current release."""
        answering, current = self._release.manifest.release_id, self._current_id()
        if current != answering:
            raise StaleReleaseError(f"release {current} is current but {answering} still answers; try again soon")
        return EditedPractices(self._release.parts.practices, [one.edit for one in pending])

    def _read(self, rows: Sequence[tuple[int, bytes]]) -> list[Practice]:
        practices: list[Practice] = []
        problems: list[Problem] = []
        line_of: dict[str, int] = {}
        for line, text in rows:
            row = read_row(_BODY, line, text, self._release.parts.vocabulary)
            problems.extend(row.problems)
            if row.practice is not None:
                practices.append(row.practice)
                if line_of.setdefault(row.practice.id, line) != line:
                    expected = f"expected an id of its own, line {line_of[row.practice.id]} has this one already"
                    problems.append(Problem(_BODY, line, "id", repr(row.practice.id), expected))
        if not rows:
            problems.append(Problem(_BODY, 1, "", "no practice", "expected one JSON object a line"))
        if problems:
            raise CatalogueError(problems)
        return practices

    def _write(
        self, writer: JournalWriter, present: EditedPractices, wanted: Mapping[str, Practice | None], key_name: str
    ) -> list[Written]:
        """Append an edit for each practice that is not what is wanted; None stands for no practice."""
        edits = [Edit(one, practice) for one, practice in wanted.items() if present.practice(one) != practice]
        after = EditedPractices(self._release.parts.practices, [*(one.edit for one in writer.pending()), *edits])
        _check_references(after, edits)
        before = {one.practice_id: _tag(present.practice(one.practice_id)) for one in edits}
        numbers = {one.practice_id: writer.append(one, before[one.practice_id], key_name) for one in edits}
        return [
            Written(one, _change(present.practice(one), practice), numbers.get(one), _tag(practice))
            for one, practice in wanted.items()
        ]


def _check(condition: Condition, practice_id: str, present: Practice | None) -> None:
    tag = _tag(present)
    if condition.is_absent and present is not None:
        raise ConflictError(f"practice '{practice_id}' is there already, with the tag {tag}; expected none", tag)
    if condition.tags is None:
        if present is not None and not condition.is_absent:
            raise UnconditionalError(
                f"practice '{practice_id}' is there; expected a header 'If-Match: {tag}' that says which record is "
                "meant to be changed",
                tag,
            )
        return
    if tag is None or not {tag, ANY_TAG} & set(condition.tags):
        found = f"has the tag {tag}" if tag else "is not there"
        raise ConflictError(
            f"practice '{practice_id}' {found}, expected {', '.join(condition.tags)}: someone else has changed it; "
            "read it again",
            tag,
        )


def _check_references(after: EditedPractices, edits: Sequence[Edit]) -> None:
    """Refuse edits after which there is no practice, or one names a successor that is not there."""
    if not len(after):
        raise EditError("no practice would be left; a catalogue has one at least")
    edited = {one.practice_id for one in edits}
    has_removals = any(one.practice is None for one in edits)
    successors = after.successors() if has_removals else {one.practice_id: _successor(one) for one in edits}
    dead = {
        one: successor
        for one, successor in successors.items()
        if successor is not None and (one in edited or successor in edited) and after.practice(successor) is None
    }
    if dead:
        named = _named([f"'{one}' by '{successor}'" for one, successor in dead.items()])
        raise EditError(f"field 'succeeded_by': practices that are not there would succeed others: {named}")


def _successor(edit: Edit) -> str | None:
    return None if edit.practice is None else edit.practice.succeeded_by


def _change(before: Practice | None, after: Practice | None) -> Change:
    if after is None:
        return "removed"
    if before is None:
        return "created"
    return "unchanged" if before == after else "replaced"


def _tag(practice: Practice | None) -> str | None:
    return None if practice is None else entity_tag(practice)


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
