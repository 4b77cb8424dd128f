"""Turn what a catalogue says of itself into a record: its title, who keeps it, and under which licence it stands."""

import tomllib
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from indexer.practice import Text

DESCRIPTION_FILE = "catalogue.toml"


class DescriptionError(ValueError):
    """The description of a catalogue cannot be read."""


class Description(BaseModel):
    """What is known of a catalogue as a whole; what is not known is empty, a licence above all.

    `licence` is its SPDX identifier or its name, `provenance` says where the practices come from, in a few sentences.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Text | None = None
    about: Text | None = None
    publisher: Text | None = None
    homepage: Text | None = None
    licence: Text | None = None
    licence_url: Text | None = None
    provenance: Text | None = None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the description in a TOML file, an empty one where there is no such file. Raises DescriptionError."""
        if not path.is_file():
            return cls()
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except ValidationError as error:
            faults = "; ".join(f"field '{one['loc'][0]}' is {one['input']!r}: {one['msg']}" for one in error.errors())
            raise DescriptionError(f"{path}: {faults}; fields are {', '.join(cls.model_fields)}") from error
        except (OSError, ValueError, RecursionError) as error:
            raise DescriptionError(f"{path}: not readable ({error}); expected TOML in UTF-8") from error
