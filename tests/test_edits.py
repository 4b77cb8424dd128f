"""However a catalogue came to be what it is, its release is the one that a build from nothing makes, byte for byte."""

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.build import build_release
from indexer.embedding_cache import EmbeddingCache
from indexer.encoder import Embeddings
from indexer.practice import Practice
from indexer.release import Release
from indexer.source import CatalogueSource
from tests.fakes import WordEncoder, fake_spec, small_source
from tests.test_build import contents

SCRIPTS = int(os.environ.get("EDIT_SCRIPTS", "100"))  # 500 take three minutes
SCRIPTS_A_TEST = 50
DIM = 16
WORDS = (
    *("mentors", "visit", "apprentices", "pupils", "school", "evening"),
    *("company", "quarrel", "certificate", "adults", "coach", "absence"),
)


class Killed(BaseException):
    """Stands for the end of the process in the middle of a build."""


class MortalEncoder(WordEncoder):
    """Encodes so many batches of documents and ends the process at the next one."""

    def __init__(self, batches: int) -> None:
        super().__init__(fake_spec(dim=DIM, max_tokens=12))
        self.batches = batches

    def encode_documents(self, texts: Sequence[str]) -> Embeddings:
        self.batches -= 1
        if self.batches < 0:
            raise Killed
        return super().encode_documents(texts)


def text_of(choice: random.Random) -> str:
    sentences = (" ".join(choice.choices(WORDS, k=choice.randint(2, 7))) for _ in range(choice.randint(1, 4)))
    return ". ".join(one.capitalize() for one in sentences) + "."


def practice_of(choice: random.Random, number: int) -> Practice:
    return Practice(
        id=f"p{number}",
        title=text_of(choice),
        description=text_of(choice),
        country=choice.choice(("DE", "FR", None)),
        start_year=choice.choice((2010, 2020, None)),
    )


def add(practices: list[Practice], choice: random.Random, number: int) -> None:
    practices.insert(choice.randint(0, len(practices)), practice_of(choice, number))


def change(practices: list[Practice], choice: random.Random, _: int) -> None:
    at = choice.randrange(len(practices))
    field = choice.choice(("title", "description", "region"))
    practices[at] = practices[at].model_copy(update={field: text_of(choice)})


def remove(practices: list[Practice], choice: random.Random, _: int) -> None:
    if len(practices) > 1:
        practices.pop(choice.randrange(len(practices)))


def rename(practices: list[Practice], choice: random.Random, number: int) -> None:
    at = choice.randrange(len(practices))
    practices[at] = practices[at].model_copy(update={"id": f"renamed-{number}"})


EDITS: tuple[Callable[[list[Practice], random.Random, int], None], ...] = (add, change, remove, rename)


def edit(practices: list[Practice], choice: random.Random, step: int) -> list[Practice]:
    """Return a catalogue after one to three edits; of practices of one id the first is kept."""
    practices = practices.copy()
    for _ in range(choice.randint(1, 3)):
        choice.choice(EDITS)(practices, choice, 100 * step + choice.randint(10, 99))
    ids = [practice.id for practice in practices]
    return [one for at, one in enumerate(practices) if one.id not in ids[:at]]


def build(folder: Path, source: CatalogueSource, encoder: WordEncoder) -> Release:
    cache = EmbeddingCache(folder / "cache", encoder.spec.identity, DIM)
    return build_release(source, encoder, releases=folder / "releases", cache=cache, progress=lambda *_: None)


def edited(folder: Path, seed: int) -> tuple[Release, CatalogueSource]:
    """Edit a catalogue some times, with builds in between of which some are killed; return the last release."""
    choice = random.Random(seed)
    practices = [practice_of(choice, number) for number in range(choice.randint(1, 4))]
    source = small_source(tuple(practices))
    for step in range(choice.randint(1, 3)):
        practices = edit(practices, choice, step)
        source = replace(source, practices=tuple(practices))
        try:
            build(folder, source, MortalEncoder(choice.randint(0, 3)))
        except Killed:
            continue
    return build(folder, source, MortalEncoder(99)), source


@pytest.mark.parametrize("first", range(0, SCRIPTS, SCRIPTS_A_TEST))
def test_edits_end_in_the_release_that_a_build_from_nothing_makes(tmp_path: Path, first: int) -> None:
    for seed in range(first, first + SCRIPTS_A_TEST):
        release, source = edited(tmp_path / f"{seed}", seed)
        fresh = build(tmp_path / f"{seed}-fresh", source, MortalEncoder(99))
        assert contents(release.folder) == contents(fresh.folder), f"script {seed}"
