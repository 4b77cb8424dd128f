"""Turn a release and changes to single practices into the source of the next release."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from indexer.columns import Rows
from indexer.practice import Practice
from indexer.practice_table import PracticeTable
from indexer.probes import Probe, read_probes, read_roles
from indexer.release import Release
from indexer.release_files import PROBES_FILE, ROLES_FILE
from indexer.source import CatalogueSource

_TAG_CHARACTERS = 32
_SUCCESSOR = b'"succeeded_by":'  # as it stands in the lines of a release


@dataclass(frozen=True, slots=True)
class Edit:
    """What a practice shall be from now on: a new one, another one, or, where `practice` is None, none any more."""

    practice_id: str
    practice: Practice | None


def entity_tag(practice: Practice) -> str:
    """Return what tells this record from every other one, as the quoted ETag of RFC 9110, 8.8.3."""
    content = practice.model_dump_json(exclude_defaults=True).encode()
    return f'"{hashlib.sha256(content).hexdigest()[:_TAG_CHARACTERS]}"'


def edited_source(release: Release, edits: Iterable[Edit]) -> CatalogueSource:
    """Return what the next release is built from: a release with edits on top of it, the latest of a practice last.

    A practice keeps its place, a new one comes last. Where a removed practice answered a probe, it does so no more.
    """
    manifest, parts, folder = release.manifest, release.parts, release.folder
    practices = EditedPractices(parts.practices, edits)
    probes = read_probes(folder / PROBES_FILE, lambda one: parts.practices.row(one) is not None)
    return CatalogueSource(
        name=manifest.catalogue_name,
        practices=practices,
        vocabulary=parts.vocabulary,
        thesaurus=parts.thesaurus,
        probes=tuple(_without(probe, lambda one: practices.practice(one) is not None) for probe in probes),
        roles=read_roles(folder / ROLES_FILE),
        description=parts.description,
    )


class EditedPractices(Sequence[Practice]):
    """The practices of a release with edits on top; what is not edited stays on disk."""

    def __init__(self, released: PracticeTable, edits: Iterable[Edit]) -> None:
        self._released = released
        latest = {edit.practice_id: edit.practice for edit in edits}
        rows = {practice_id: released.row(practice_id) for practice_id in latest}
        self._changed: Mapping[int, Practice | None] = {
            row: latest[practice_id] for practice_id, row in rows.items() if row is not None
        }
        self._added = {
            practice_id: practice
            for practice_id, practice in latest.items()
            if rows[practice_id] is None and practice is not None
        }
        removed = [row for row, practice in self._changed.items() if practice is None]
        self._rows: Rows = np.delete(np.arange(len(released), dtype=np.int64), removed)

    def __len__(self) -> int:
        """Return the number of practices."""
        return len(self._rows) + len(self._added)

    @overload
    def __getitem__(self, at: int) -> Practice: ...
    @overload
    def __getitem__(self, at: slice) -> list[Practice]: ...
    def __getitem__(self, at: int | slice) -> Practice | list[Practice]:
        """Return one practice, or those of a slice."""
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        if not -len(self) <= at < len(self):
            raise IndexError(f"row {at} of {len(self)} practices")
        at %= len(self)
        if at >= len(self._rows):
            return tuple(self._added.values())[at - len(self._rows)]
        row = int(self._rows[at])
        return self._changed.get(row) or self._released[row]

    def __iter__(self) -> Iterator[Practice]:
        """Yield all practices in order."""
        for row, practice in enumerate(self._released):
            if row not in self._changed:
                yield practice
            elif (changed := self._changed[row]) is not None:
                yield changed
        yield from self._added.values()

    def practice(self, practice_id: str) -> Practice | None:
        """Return the practice of an id, None where there is none."""
        row = self._released.row(practice_id)
        if row is None:
            return self._added.get(practice_id)
        return self._changed[row] if row in self._changed else self._released[row]

    def successors(self) -> dict[str, str]:
        """Return practice id -> id of the practice that succeeded it, of all that have one."""
        rows = [row for row in self._released.rows_with(_SUCCESSOR) if row not in self._changed]
        some = (*(self._released[row] for row in rows), *self._changed.values(), *self._added.values())
        return {one.id: one.succeeded_by for one in some if one is not None and one.succeeded_by is not None}


def _without(probe: Probe, is_there: Callable[[str], bool]) -> Probe:
    if probe.relevant is None or all(map(is_there, probe.relevant)):
        return probe
    return probe.model_copy(update={"relevant": tuple(filter(is_there, probe.relevant))})
