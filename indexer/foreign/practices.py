"""Turn the rows of a foreign table into practices: nothing of them is lost, and what is not understood is said."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from indexer.catalogue import Vocabulary
from indexer.foreign import values
from indexer.foreign.mapping import LEFT_OUT, NOTE
from indexer.foreign.rows import Doubt, ForeignTable, shown
from indexer.practice import Practice

_LONGEST_ID = 80
_TITLE_OF_A_TEXT = 100  # characters of a text that stand for the title that is missing
_CODED = ("target_groups", "approaches", "measure_types", "levels", "listed_in")


@dataclass(frozen=True, slots=True)
class Imported:
    """The practices of a table in its order, one a row, and every doubt: those of the reader first."""

    practices: tuple[Practice, ...]
    doubts: tuple[Doubt, ...]


def import_practices(table: ForeignTable, mapping: Mapping[str, str], vocabulary: Vocabulary) -> Imported:
    """Return one practice a row, with the fields that its columns are mapped to.

    What a field cannot take goes to the note as text, so that it is not lost, and is a doubt. A missing title is made
    of the text, a missing or repeated id of the title. A row that says nothing at all becomes no practice.
    """
    doubts = list(table.doubts)
    codes = {name: values.code_reader(name, vocabulary) for name in _CODED}
    taken: set[str] = set()
    practices = []
    for row in table.rows:
        record = _Record(row.place, codes)
        for column, text in row.values.items():
            record.take(column, mapping.get(column, NOTE), text)
        practice = record.practice(taken)
        doubts += record.doubts
        if practice is not None:
            practices.append(practice)
            taken.add(practice.id)
    return Imported(tuple(practices), tuple(doubts))


@dataclass(slots=True)
class _Record:
    """A practice that is being made of a row."""

    place: str
    codes: Mapping[str, Callable[[str], str]]
    fields: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    dates: dict[str, str] = field(default_factory=dict)
    doubts: list[Doubt] = field(default_factory=list)

    def take(self, column: str, name: str, text: str) -> None:
        """Add the text of a column to the field that it is mapped to."""
        if name == LEFT_OUT:
            return
        if name == NOTE:
            self.notes.append(f"{column}: {text}")
            return
        try:
            self._set(name, text)
        except values.NotUnderstoodError as error:
            self.notes.append(f"{column}: {text}")
            self._doubt(f"column '{column}' is '{shown(text, 60)}'", f"It is kept as text in the note, {error}.")

    def _set(self, name: str, text: str) -> None:
        if name in values.READERS:
            self.fields[name] = values.READERS[name](text)
            if name in ("start_year", "end_year"):
                self.dates[name] = text
        elif name == "languages":
            self._extend(name, map(values.language, values.parts(text)))
        elif name in self.codes:
            self._extend(name, map(self.codes[name], values.parts(text)))
        elif name == "sources":
            urls = values.urls(text)
            self._extend(name, [{"url": url} for url in urls])
            if values.parts(text) != urls:
                self.notes.append(text)
        elif name == "results":
            self._extend(name, [{"text": text}])
        elif name == "effect":
            self.fields[name] = text.strip().lower()
        elif name in self.fields:
            self.fields[name] = f"{self.fields[name]}\n\n{text}"
        else:
            self.fields[name] = text

    def _extend(self, name: str, found: Iterable[Any]) -> None:
        kept = list(self.fields.get(name, ()))
        self.fields[name] = kept + [one for one in found if one not in kept]

    def practice(self, taken: set[str]) -> Practice | None:
        """Return the practice with an id that is not `taken`; None where the row says nothing."""
        if not self.fields and not self.notes:
            return None
        self._settle_title()
        self._settle_dates()
        self._settle_id(taken)
        if self.notes:
            self.fields["note"] = "\n".join(self.notes)
        while True:
            try:
                return Practice.model_validate(self.fields)
            except ValidationError as error:
                self._set_aside(error)

    def _settle_title(self) -> None:
        for name in ("summary", "description"):
            if name in self.fields and self.fields[name] == self.fields.get("title"):
                del self.fields[name]
                self._doubt(f"the {name} is the title again", "It is left out; write what the practice does.")
        if "title" not in self.fields:
            said = (self.fields[name] for name in ("summary", "description", "id") if name in self.fields)
            text = next(said, None) or next(iter(self.notes), None) or self.place
            self.fields["title"] = shown(text, _TITLE_OF_A_TEXT)
            self._doubt("there is no title", f"It is called '{self.fields['title']}'; give it a name.")

    def _settle_dates(self) -> None:
        """Keep dates as they were written, in the period or the note, where years alone would lose days and months."""
        is_lost = any(text != str(self.fields[name]) for name, text in self.dates.items())
        start, end = self.fields.get("start_year"), self.fields.get("end_year")
        if start is not None and end is not None and start > end:
            del self.fields["end_year"]
            is_lost = True
            self._doubt(f"it ends in {end} and begins in {start}", "The end is kept as text; check both.")
        if is_lost:
            written = f"{self.dates.get('start_year', '')} – {self.dates.get('end_year', '')}".strip()
            if self.fields.setdefault("period", written) != written:
                self.notes.append(f"dates: {written}")

    def _settle_id(self, taken: set[str]) -> None:
        given = self.fields.get("id")
        wanted = (
            given
            if given and _is_id(given)
            else values.slug(given or self.fields["title"], _LONGEST_ID, any_letters=True) or "practice"
        )
        found, count = wanted, 1
        while found in taken:
            count += 1
            found = f"{wanted}-{count}"
        self.fields["id"] = found
        if given and found != given:
            why = "another row has this id" if wanted == given else "an id has no white space, slash or other such sign"
            self.notes.append(f"id: {given}")
            self._doubt(f"the id is '{shown(given, 60)}'", f"It is '{found}' here, as {why}.")

    def _set_aside(self, error: ValidationError) -> None:
        """Move what a field does not take to the note."""
        for fault in error.errors(include_url=False, include_context=False):
            name = str(fault["loc"][0]) if fault["loc"] else ""
            if name not in self.fields or name in ("id", "title"):
                raise error
            text = self.fields.pop(name)
            self.notes.append(f"{name}: {text}")
            meaning = fault["msg"].removeprefix("Value error, ")
            self._doubt(f"the {name} is '{shown(str(text), 60)}'", f"It is kept as text in the note: {meaning}.")
        self.fields["note"] = "\n".join(self.notes)

    def _doubt(self, found: str, meaning: str) -> None:
        self.doubts.append(Doubt(self.place, found, meaning))


def _is_id(text: str) -> bool:
    try:
        Practice(id=text, title="any")
    except ValidationError:
        return False
    return True
