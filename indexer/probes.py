"""Turn files of example texts into records: what people ask, here and elsewhere, and how they tell of a problem."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from indexer.practice import PracticeId, Text


class _Example(BaseModel):
    """A text; `language` is an ISO 639-1 code, or 'und' where it is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: Text
    language: str


class Probe(_Example):
    """A question to calibrate with.

    `relevant` holds the ids of the practices that answer it, None where nobody has judged that.
    """

    kind: Literal["on-topic", "near-topic", "off-topic"]
    relevant: tuple[PracticeId, ...] | None = None


class RoleExample(_Example):
    """A sentence as it stands in the description of a problem, and its role there.

    It says who the people are, why they are at risk, what is missing or looked for, or something else.
    """

    role: Literal["who", "why", "what", "other"]


class ProbesError(ValueError):
    """A line of a file of examples is not one."""


_E = TypeVar("_E", bound=_Example)


def read_probes(path: Path, is_known: Callable[[str], bool]) -> Sequence[Probe]:
    """Return the probes of a JSONL file in file order; none when there is no such file.

    Raises ProbesError that names the line, also where a practice is called relevant of which the id is not known.
    """
    probes = []
    for number, probe in _read_examples(path, Probe):
        unknown = [one for one in probe.relevant or () if not is_known(one)]
        if unknown:
            raise ProbesError(f"{path}, line {number}: field 'relevant' names {unknown}, expected ids of the catalogue")
        probes.append(probe)
    return tuple(probes)


def read_roles(path: Path) -> Sequence[RoleExample]:
    """Return the examples of a JSONL file in file order; none when there is no such file.

    Raises ProbesError that names the line.
    """
    return tuple(example for _, example in _read_examples(path, RoleExample))


def write_examples(path: Path, examples: Iterable[Probe | RoleExample]) -> None:
    """Write probes or sentences with roles, one JSON object a line, as they are read again."""
    path.write_text("".join(f"{one.model_dump_json(exclude_defaults=True)}\n" for one in examples), encoding="utf-8")


def _read_examples(path: Path, model: type[_E]) -> list[tuple[int, _E]]:
    if not path.is_file():
        return []
    examples = []
    for number, line in enumerate(path.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            examples.append((number, model.model_validate_json(line)))
        except ValidationError as error:
            raise ProbesError(f"{path}, line {number}: {error}") from error
    return examples
