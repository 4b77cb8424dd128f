"""Show the releases on disk, compare them, examine one, and say which one answers."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.table import Table

from indexer.foreign.rows import shown
from indexer.manifest import check_encoder
from indexer.release import load_release
from indexer.release_files import CURRENT, ReleaseError
from indexer.releases import find_release, list_releases, prune, roll_back
from service.changes import AnswerChange, AskedRelease, PracticeChanges, Quality, answer_changes, practice_changes
from service.collection import Collection, read_shipped_collection
from service.indexing import make_current
from service.journal import Journal
from service.release_encoder import load_release_encoder
from service.retriever import Retriever
from service.saved_questions import read_questions
from service.settings import Settings
from service.terminal import LOG, OUT, printable
from service.vector_home import vector_home

_LONGEST_QUESTION = 120  # characters of it that are printed
_SHOWN = 20  # practices and questions that are printed; the counts are of all


def print_releases(settings: Settings) -> None:
    """Print all releases, the one built last first."""
    table = Table(title=str(settings.releases))
    for title in ("release", "", "built", "catalogue", "practices", "encoder", "MB"):
        is_number = title in ("practices", "MB")
        table.add_column(title, justify="right" if is_number else "left", no_wrap=title == "release", overflow="fold")
    for one in list_releases(settings.releases):
        mark = "current" if one.is_current else "previous" if one.is_previous else ""
        size = f"{one.size / 2**20:.0f}"
        if one.manifest is None:
            table.add_row(one.release_id, mark, printable(one.fault), "", "", "", size)
            continue
        manifest = one.manifest
        facts = (manifest.created_at, manifest.catalogue_name, str(manifest.counts.practices), manifest.encoder.name)
        table.add_row(one.release_id, mark, *map(printable, facts), size)
    OUT.print(table)


def return_to_previous(settings: Settings) -> None:
    """Make the release current that was so before."""
    released = roll_back(settings.releases, before=vector_home(settings).let_answer)
    OUT.print(printable(f"{released} is current"))


def remove_old(settings: Settings, *, keep: int) -> None:
    """Remove old releases, but never the current one and the one before it."""
    removed = prune(settings.releases, keep)
    vector_home(settings).remove(removed)
    OUT.print(printable(f"removed: {', '.join(removed) or 'none'}"))


def activate_release(
    settings: Settings, name: str, *, most_lost: float, force: bool, questions: Path | None = None
) -> None:
    """Make a release current. Raises ReleaseError where its answers are worse than those of the current one.

    Worse is a mean nDCG@10 of judged questions or a share of titles found that is lower by more than `most_lost`. By
    `questions` without judgements nothing is measured: the answers that differ are printed.
    """
    wanted = find_release(settings.releases, name)
    new = _asked(wanted, settings)
    if settings.current.exists() and not force:
        asked_by = _questions(settings, questions)
        old = _asked(settings.current, settings)
        with LOG.status("asking both releases"):
            before, after = old.quality(asked_by), new.quality(asked_by)
            answers = [] if asked_by.qrels else list(answer_changes(asked_by, old, new))
        if not asked_by.qrels:
            _print_answers(answers, practice_changes(old.practices, new.practices), len(asked_by.queries))
        OUT.print(_quality_table(before, after, is_judged=bool(asked_by.qrels)))
        worse = list(_losses(before, after, most_lost))
        lost = Journal(settings.journal).lost(new.practices)
        if lost:
            worse.append(f"{len(lost)} practices are not in it as they were changed by API")
        if worse:
            raise ReleaseError(f"{wanted.name} is worse than the current release: {'; '.join(worse)}; --force takes it")
    make_current(new.retriever.release, settings, vector_home(settings))
    OUT.print(printable(f"{wanted.name} is current"))


def _questions(settings: Settings, path: Path | None) -> Collection:
    return read_shipped_collection(settings.catalogue) if path is None else read_questions(path)


def _losses(before: Quality, after: Quality, most_lost: float) -> Iterator[str]:
    if before.ndcg is not None and after.ndcg is not None and after.ndcg < before.ndcg - most_lost:
        yield f"nDCG@10 of the judged questions is {after.ndcg:.3f}, was {before.ndcg:.3f}"
    if before.ndcg is not None and after.ndcg is None:
        yield "none of the judged practices is in it"
    if after.known_items < before.known_items - most_lost:
        yield f"of titles asked for {after.known_items:.1%} are found first, were {before.known_items:.1%}"


def print_changes(settings: Settings, old: str, new: str, *, questions: Path | None = None) -> None:
    """Print what differs between two releases: practices, answers to questions, and how good these are.

    The questions are the shipped judged ones, or those of a file or folder. Raises CollectionError and ReleaseError.
    """
    asked_by = _questions(settings, questions)
    before, after = (_asked(find_release(settings.releases, name), settings) for name in (old, new))
    changes = practice_changes(before.practices, after.practices)
    _print_practices(changes)
    with LOG.status("asking both releases"):
        answers = list(answer_changes(asked_by, before, after))
        qualities = before.quality(asked_by), after.quality(asked_by)
    _print_answers(answers, changes, len(asked_by.queries))
    OUT.print(_quality_table(*qualities, is_judged=bool(asked_by.qrels)))


def _print_practices(changes: PracticeChanges) -> None:
    table = Table(title="practices")
    for title in ("", "practice", "fields"):
        table.add_column(title)
    rows = [
        *(("added", one, "") for one in changes.added),
        *(("changed", one, ", ".join(fields)) for one, fields in changes.changed.items()),
        *(("removed", one, "") for one in changes.removed),
    ]
    for row in rows[:_SHOWN]:
        table.add_row(*map(printable, row))
    OUT.print(table)
    counts = f"{len(changes.added)} added, {len(changes.changed)} changed, {len(changes.removed)} removed"
    OUT.print(printable(counts))


def _print_answers(answers: Sequence[AnswerChange], changes: PracticeChanges, questions: int) -> None:
    table = Table(title="answers that differ among the first five", show_lines=True)
    for title in ("question", "left", "came"):
        table.add_column(title)
    for one in answers[:_SHOWN]:
        left, came = ("\n".join(f"{each}{changes.why(each)}" for each in ids) for ids in (one.left, one.came))
        table.add_row(*map(printable, (shown(one.text, _LONGEST_QUESTION), left, came)))
    OUT.print(table)
    OUT.print(printable(f"{len(answers)} of {questions} questions"))


def _quality_table(before: Quality, after: Quality, *, is_judged: bool) -> Table:
    table = Table()
    for title in ("", "before", "after"):
        table.add_column(title, justify="right" if title else "left")
    unknown = "no judged practice" if is_judged else "no judgements"
    ndcg = [unknown if one.ndcg is None else f"{one.ndcg:.3f}" for one in (before, after)]
    table.add_row("nDCG@10 of the judged questions", *ndcg)
    table.add_row("titles that are found first", f"{before.known_items:.1%}", f"{after.known_items:.1%}")
    return table


def examine(settings: Settings, name: str = CURRENT) -> None:
    """Go with a release from disk to an answer, and say at which step it fails. Raises ReleaseError."""
    folder = find_release(settings.releases, name)
    OUT.print(printable(f"manifest, files and counts of {folder.name}: "), end="")
    release = load_release(folder)
    OUT.print("sound")
    OUT.print("vectors: ", end="")
    release = vector_home(settings).opened(release)
    OUT.print(printable(release.parts.vectors.record.name))
    OUT.print("encoder: ", end="")
    encoder = load_release_encoder(folder, settings)
    check_encoder(release.manifest, encoder)
    OUT.print("that of the build, its canaries agree")
    OUT.print("answers: ", end="")
    asked = AskedRelease(Retriever(release), encoder)
    practice = release.parts.practices[0]
    [ids] = asked.asked([practice.title])
    if practice.id not in ids:
        raise ReleaseError(
            f"'{practice.title}' does not find '{practice.id}' but {', '.join(ids)}; rebuild the release"
        )
    OUT.print(printable(f"'{practice.title}' finds '{practice.id}'"))


def _asked(folder: Path, settings: Settings) -> AskedRelease:
    release = load_release(folder)
    return AskedRelease(Retriever(release), load_release_encoder(release.folder, settings))
