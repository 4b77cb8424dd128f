"""Turn a catalogue into a release on disk, let it answer or not yet, and say how to go on."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.table import Table

from indexer.build import build_release, find_current, release_id
from indexer.embedding_cache import EmbeddingCache
from indexer.encoder import Encoder
from indexer.practice import Practice
from indexer.registry import find_spec, read_registry
from indexer.release import Release, activate, linked_id, sound_release
from indexer.release_files import CURRENT, ReleaseError
from indexer.source import CatalogueSource, read_source
from service.journal import Journal
from service.settings import Settings, settings_with
from service.terminal import OUT, encoding_progress, loaded_encoder, printable
from service.vector_home import VectorHome, vector_home

_NAMED = 5  # practices that a message names


def index_catalogue(
    catalogue: Path | None,
    *,
    out: Path | None = None,
    encoder: str | None = None,
    activates: bool = True,
    drops_edits: bool = False,
    ray: str | None = None,
) -> None:
    """Build a release, that of the settings' catalogue by default, and report it; it answers if it `activates`.

    `ray` is the address of a cluster whose nodes encode. Raises ReleaseError where changes made by API would be lost
    and are not to be dropped.
    """
    settings = settings_with(releases=out, encoder=encoder)
    source = read_source(catalogue or settings.catalogue)
    if activates and out is None:
        keep_edits(Journal(settings.journal), source.practices, drops_edits=drops_edits)
    former = linked_id(settings.releases, CURRENT)
    home = vector_home(settings)
    found = _find(source, settings)
    release = found or _build(source, settings, ray=ray)
    if activates:
        make_current(release, settings, home)
    else:
        home.hold(release)
    OUT.print(_facts(release))
    practices = f"PRACTICES_RELEASES={shlex.quote(str(out))} practices" if out else "practices"
    for line in _next_steps(release, settings, former, is_new=found is None, practices=practices):
        OUT.print(printable(line), soft_wrap=True)


def index_source(source: CatalogueSource, settings: Settings, encoder: Encoder | None = None) -> Release:
    """Return the release of a source, which is the current one then; it is built where there is none yet."""
    home = vector_home(settings)
    release = _find(source, settings) or _build(source, settings, encoder)
    make_current(release, settings, home)
    return release


def keep_edits(journal: Journal, practices: Sequence[Practice], *, drops_edits: bool) -> None:
    """Raise ReleaseError where changes made by API are not among the practices, unless they are to be dropped."""
    lost = journal.lost(practices)
    if not lost:
        return
    if not drops_edits:
        some = ", ".join(one.edit.practice_id for one in lost[:_NAMED]) + (", ..." if len(lost) > _NAMED else "")
        raise ReleaseError(
            f"{len(lost)} practices were changed by API and are otherwise here: {some}; take them over with "
            "`practices export --out FILE`, or give --drop-edits"
        )
    with journal.writing() as writer:
        writer.give_up(lost)


def _find(source: CatalogueSource, settings: Settings) -> Release | None:
    """Return the release of a source if it is on disk and sound, current or not."""
    spec = find_spec(settings.encoder, read_registry())
    current = find_current(settings.releases, source, spec)
    return current or sound_release(settings.releases / release_id(source, spec))


def _build(
    source: CatalogueSource, settings: Settings, encoder: Encoder | None = None, *, ray: str | None = None
) -> Release:
    encoder = encoder or loaded_encoder(settings)
    cache = EmbeddingCache(settings.cache, encoder.spec.identity, encoder.spec.dim)
    with _at_work(encoder, ray) as at_work, encoding_progress() as progress:
        return build_release(
            source, at_work, releases=settings.releases, cache=cache, progress=progress, activates=False
        )


@contextmanager
def _at_work(encoder: Encoder, ray: str | None) -> Iterator[Encoder]:
    """Give the encoder, on the nodes of a cluster where one is named; then say how much each of them did."""
    if ray is None:
        yield encoder
        return
    from indexer.ray_encoding import on_cluster  # noqa: PLC0415  extra `ray`

    with on_cluster(encoder, ray) as on_nodes:
        yield on_nodes
        for node, passages in sorted(on_nodes.encoded.items()):
            OUT.print(printable(f"node {node}: {passages} passages encoded"), soft_wrap=True)


def make_current(release: Release, settings: Settings, home: VectorHome) -> None:
    """Let a release answer. Raises ReleaseError where its vectors cannot be held; then the former one still does."""
    home.let_answer(release)
    if linked_id(settings.releases, CURRENT) != release.manifest.release_id:
        activate(settings.releases, release.manifest.release_id)


def _next_steps(
    release: Release, settings: Settings, former: str | None, *, is_new: bool, practices: str
) -> Iterator[str]:
    """Yield what else there is to know and to do; `former` was current before, `practices` calls the program."""
    name, current = release.manifest.release_id, linked_id(settings.releases, CURRENT)
    if current == former and not is_new:
        yield f"{name} is there already; nothing was done."
    if current != name:
        if settings.current.exists():
            yield f"{name} is not current; what it would change: `{practices} diff current {name}`"
        yield f"Let it answer: `{practices} activate {name}`"
    elif former not in (None, name) and sound_release(settings.releases / str(former)):
        yield f"{name} is current; let {former} answer again: `{practices} rollback`"


def _facts(release: Release) -> Table:
    manifest = release.manifest
    table = Table(title=f"Release {manifest.release_id}", show_header=False)
    counts = manifest.counts
    rows = {
        "folder": str(release.folder),
        "built": f"{manifest.created_at}, in {manifest.duration_seconds} s",
        "catalogue": f"{manifest.catalogue_name}, sha256 {manifest.catalogue_sha256[:16]}…",
        "encoder": manifest.encoder.identity,
        "practices": str(counts.practices),
        "windows": f"{counts.windows}; {counts.long_texts} texts were longer than the encoder sees, nothing was cut",
        "sentences": str(counts.sentences),
        "index": manifest.index,
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table
