"""What the commands share: where they print, how they show progress, and text that cannot steer a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from indexer.encoder import Encoder
from indexer.passage_embeddings import Progress as Report
from service.loading import load_encoder
from service.settings import Settings

OUT = Console()
LOG = Console(stderr=True)


def loaded_encoder(settings: Settings) -> Encoder:
    """Return the encoder of the settings to build and measure with. Raises EncoderError."""
    with LOG.status(f"loading encoder {settings.encoder}"):
        return load_encoder(settings.encoder, settings)


@contextmanager
def encoding_progress() -> Iterator[Report]:
    """Show how many passages are encoded."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=LOG) as progress:
        task = progress.add_task("passages encoded", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def printable(text: str) -> Text:
    """Return text without the control characters that could steer a terminal, and without markup."""
    return Text("".join(character for character in text if character.isprintable() or character == "\n"))
