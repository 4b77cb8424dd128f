"""Turn a catalogue file and what lies beside it into the one input of a build."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from indexer.catalogue import VOCABULARY_FILE, Vocabulary, read_catalogue, read_vocabulary
from indexer.description import DESCRIPTION_FILE, Description
from indexer.practice import Practice
from indexer.probes import Probe, RoleExample, read_probes, read_roles
from indexer.thesaurus import Thesaurus, read_thesaurus

THESAURUS_FILE = "thesaurus.toml"
PROBES_FILE = "probes.jsonl"
ROLES_FILE = "roles.jsonl"


@dataclass(frozen=True)
class CatalogueSource:
    """What a release is built from. `sha256` is over all of the content, whatever files it came from."""

    name: str
    practices: Sequence[Practice]
    vocabulary: Vocabulary
    thesaurus: Thesaurus
    probes: Sequence[Probe]
    roles: Sequence[RoleExample] = ()
    description: Description = field(default_factory=Description)

    @cached_property
    def sha256(self) -> str:
        """Return the hash of the content; the order of practices, examples and glosses is part of it."""
        labels = json.dumps({field: dict(labels) for field, labels in self.vocabulary.items()}, sort_keys=True)
        digest = hashlib.sha256((labels + json.dumps(dict(self.thesaurus))).encode())
        for record in (self.description, *self.roles, *self.probes, *self.practices):
            digest.update(record.model_dump_json().encode() + b"\n")
        return digest.hexdigest()


def read_source(catalogue: Path) -> CatalogueSource:
    """Return a catalogue with its vocabulary, thesaurus, probes, roles and description, each optional and beside it.

    Raises CatalogueError, ThesaurusError, ProbesError or DescriptionError.
    """
    folder = catalogue.parent
    vocabulary = read_vocabulary(folder / VOCABULARY_FILE)
    practices = read_catalogue(catalogue, vocabulary)
    return CatalogueSource(
        name=catalogue.name,
        practices=practices,
        vocabulary=vocabulary,
        thesaurus=read_thesaurus(folder / THESAURUS_FILE),
        probes=read_probes(folder / PROBES_FILE, {practice.id for practice in practices}.__contains__),
        roles=read_roles(folder / ROLES_FILE),
        description=Description.read(folder / DESCRIPTION_FILE),
    )
