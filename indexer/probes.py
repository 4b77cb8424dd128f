"""Turn a file of probe questions into records: what people ask a catalogue, and what they ask elsewhere."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from indexer.practice import Text


class Probe(BaseModel):
    """A question to measure an encoder with; `language` is an ISO 639-1 code, or 'und' where it is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: Text
    language: str
    kind: Literal["on-topic", "near-topic", "off-topic"]


class ProbesError(ValueError):
    """A line of the probes file is not a probe."""


def read_probes(path: Path) -> Sequence[Probe]:
    """Return the probes of a JSONL file in file order; none when there is no such file.

    Raises ProbesError that names the line.
    """
    if not path.is_file():
        return ()
    probes = []
    for number, line in enumerate(path.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            probes.append(Probe.model_validate_json(line))
        except ValidationError as error:
            raise ProbesError(f"{path}, line {number}: {error}") from error
    return tuple(probes)
