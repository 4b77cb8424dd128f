"""Write the catalogue of the current release as a file, and what belongs to it beside it."""

import json
import tempfile
from collections.abc import Sequence, Set
from pathlib import Path

import tomli_w

from indexer.catalogue import VOCABULARY_FILE
from indexer.description import DESCRIPTION_FILE
from indexer.release import Release
from service.exports.formats import content
from service.exports.kinds import Kind
from service.exports.table import table_metadata
from service.loading import load_current_release
from service.settings import Settings
from service.terminal import OUT, printable

_METADATA = "-metadata.json"


class CatalogueExportError(ValueError):
    """The catalogue cannot be exported as it was asked for."""


def export_catalogue(settings: Settings, out: Path, *, kind: Kind | None = None, replace: bool = False) -> None:
    """Write the catalogue of the current release as a file; the ending of `out` says the kind where none is given.

    Beside it stands what the file itself cannot hold: description and vocabulary beside JSON lines, the metadata beside
    CSV. A file that is there stays; `replace` is for what is made of the release alone. Raises CatalogueExportError, or
    ReleaseError where there is no sound release.
    """
    chosen = kind or _kind_of(out)
    if out.exists() and not replace:
        raise CatalogueExportError(f"{out} is there already; give another name, or --replace to write it anew")
    release = load_current_release(settings)
    out.parent.mkdir(parents=True, exist_ok=True)
    # Nobody ever sees half of a file: all are made in a folder beside, and renamed when they are whole.
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as folder:
        draft = Path(folder)
        with (draft / out.name).open("wb") as file:
            file.writelines(content(chosen, release))
        made = [*_companions(draft, out.name, chosen, release), draft / out.name]
        _publish(made, out.parent, anew={out.name, f"{out.name}{_METADATA}"} if replace else set())
    count, licence = release.manifest.counts.practices, release.parts.description.licence
    said = f"licence: {licence}" if licence else "no licence is known, so nobody may take one for granted"
    OUT.print(printable(f"{count} practices of release {release.manifest.release_id}; {said}"), soft_wrap=True)


def _kind_of(out: Path) -> Kind:
    ending = out.suffix.lower().removeprefix(".")
    if ending not in list(Kind):
        expected = ", ".join(f".{kind}" for kind in Kind)
        raise CatalogueExportError(
            f"{out.name} ends in '{out.suffix}', expected one of: {expected}; name it so, or give --format"
        )
    return Kind(ending)


def _publish(paths: Sequence[Path], folder: Path, *, anew: Set[str]) -> None:
    """Move whole files into a folder, in their order; of those that are there only the ones `anew` are written over."""
    for path in paths:
        target = folder / path.name
        if target.exists() and path.name not in anew:
            OUT.print(printable(f"{target} is there already and stays as it is"), soft_wrap=True)
            continue
        path.replace(target)
        OUT.print(printable(f"{target} is written"), soft_wrap=True)


def _companions(folder: Path, name: str, kind: Kind, release: Release) -> list[Path]:
    """Write into a folder what belongs beside a file of this name, and return the paths."""
    description, vocabulary = release.parts.description.model_dump(exclude_none=True), release.parts.vocabulary
    texts: dict[str, str] = {}
    if kind is Kind.JSONL and description:
        texts[DESCRIPTION_FILE] = tomli_w.dumps(description)
    if kind is Kind.JSONL and vocabulary:
        texts[VOCABULARY_FILE] = tomli_w.dumps({field: dict(labels) for field, labels in vocabulary.items()})
    if kind is Kind.CSV:
        texts[f"{name}{_METADATA}"] = json.dumps(table_metadata(release, name), ensure_ascii=False, indent=1) + "\n"
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="utf-8")
    return [folder / file for file in texts]
