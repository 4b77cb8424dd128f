"""What differs between two releases is told: practices by their fields, answers by who left and came, and quality."""

from pathlib import Path

import pytest

from indexer.practice import Practice
from indexer.release import Release
from indexer.release_files import CURRENT, ReleaseError
from service import releasing
from service.changes import AskedRelease, PracticeChanges, Quality, answer_changes, practice_changes
from service.collection import Collection, JudgedQuery
from service.retriever import Retriever
from service.settings import Settings
from tests.fakes import PRACTICES, WordEncoder, small_source
from tests.test_build import build, tiny_spec
from tests.test_collection import beir

MENTORS = PRACTICES[0]
CHANGED = (MENTORS.model_copy(update={"description": "Boats."}), *PRACTICES[2:], Practice(id="new", title="A new one"))


@pytest.fixture
def old(tmp_path: Path) -> Release:
    return build(tmp_path)


@pytest.fixture
def new(tmp_path: Path, old: Release) -> Release:
    assert old.folder.exists()
    return build(tmp_path, small_source(CHANGED))


def asked(release: Release) -> AskedRelease:
    return AskedRelease(Retriever(release), WordEncoder(tiny_spec()))


def judged(*texts: str) -> Collection:
    queries = tuple(JudgedQuery(query_id=f"q{number}", text=text) for number, text in enumerate(texts))
    return Collection(
        name="some",
        source=small_source(),
        queries=queries,
        qrels={query.query_id: {MENTORS.id: 1} for query in queries},
    )


def test_practices_are_compared_by_their_ids_and_fields() -> None:
    changes = practice_changes(PRACTICES, CHANGED)
    assert changes == PracticeChanges(added=["new"], changed={MENTORS.id: ["description"]}, removed=[PRACTICES[1].id])
    told = [changes.why(one) for one in ("new", PRACTICES[1].id, MENTORS.id, PRACTICES[2].id)]
    assert told == [" (new)", " (removed)", " (changed: description)", ""]


def test_a_practice_that_left_the_catalogue_leaves_the_answers(old: Release, new: Release) -> None:
    [change] = answer_changes(judged(PRACTICES[1].title), asked(old), asked(new))
    assert (change.text, change.left, change.came) == (PRACTICES[1].title, [PRACTICES[1].id], ["new"])


def test_the_same_release_answers_the_same(old: Release) -> None:
    assert list(answer_changes(judged("mentors for apprentices"), asked(old), asked(old))) == []


def test_quality_is_that_of_judged_questions_and_of_titles(old: Release) -> None:
    assert asked(old).quality(judged(MENTORS.title)) == Quality(ndcg=1.0, known_items=1.0)
    nobody = Collection(name="x", source=small_source(), queries=(), qrels={"q": {"unknown": 1}})
    assert asked(old).quality(nobody) == Quality(ndcg=None, known_items=1.0)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(releasing, "load_release_encoder", lambda *_: WordEncoder(tiny_spec()))
    monkeypatch.setattr(releasing, "read_shipped_collection", lambda _: judged(MENTORS.title, "gives advice listens"))
    return Settings(releases=tmp_path / "releases")


def test_a_release_with_worse_answers_is_not_activated_unless_told(
    old: Release, new: Release, settings: Settings, tmp_path: Path
) -> None:
    without = build(tmp_path, small_source(PRACTICES[1:])).manifest.release_id
    releasing.activate_release(settings, old.manifest.release_id, most_lost=0.01, force=True)
    for name, loss in ((without, "none of the judged practices is in it"),):
        with pytest.raises(ReleaseError, match=loss):
            releasing.activate_release(settings, name, most_lost=0.01, force=False)
        assert (settings.releases / CURRENT).resolve().name == old.manifest.release_id
    releasing.activate_release(settings, without, most_lost=0.01, force=True)
    assert (settings.releases / CURRENT).resolve().name == without
    releasing.activate_release(settings, old.manifest.release_id[:6], most_lost=0.01, force=False)
    assert (settings.releases / CURRENT).resolve().name == old.manifest.release_id


@pytest.mark.parametrize(
    ("before", "after", "losses"),
    [
        (Quality(0.6, 1.0), Quality(0.6, 1.0), 0),
        (Quality(0.6, 1.0), Quality(0.591, 0.991), 0),
        (Quality(0.6, 1.0), Quality(0.58, 1.0), 1),
        (Quality(0.6, 1.0), Quality(0.58, 0.9), 2),
        (Quality(0.6, 1.0), Quality(None, 1.0), 1),
        (Quality(None, 1.0), Quality(0.6, 1.0), 0),
    ],
)
def test_a_loss_is_more_than_was_allowed(before: Quality, after: Quality, losses: int) -> None:
    assert len(list(releasing._losses(before, after, 0.01))) == losses


def test_what_differs_is_printed(
    old: Release, new: Release, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    releasing.print_changes(settings, "previous", "current")
    out = " ".join(capsys.readouterr().out.split())
    for said in ("added │ new", f"removed │ {PRACTICES[1].id}", "1 added, 1 changed, 1 removed", "of 2 questions"):
        assert said in out


def test_saved_questions_show_what_differs_without_judgements(
    old: Release, new: Release, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "asked.txt"
    saved.write_text(f"{PRACTICES[1].title}\n", encoding="utf-8")
    releasing.print_changes(settings, "previous", "current", questions=saved)
    out = " ".join(capsys.readouterr().out.split())
    assert f"│ {PRACTICES[1].title} │ {PRACTICES[1].id} (removed) │ new (new) │" in out
    assert "1 of 1 questions" in out
    assert "│ nDCG@10 of the judged questions │ no judgements │ no judgements │" in out


def test_a_release_is_activated_with_saved_questions_once_their_answers_were_shown(
    old: Release, new: Release, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "asked.jsonl"
    saved.write_text(f'{{"text": "{PRACTICES[1].title}"}}', encoding="utf-8")
    releasing.activate_release(settings, old.manifest.release_id, most_lost=0.01, force=False, questions=saved)
    out = " ".join(capsys.readouterr().out.split())
    assert f"│ {PRACTICES[1].title} │ new (removed) │ {PRACTICES[1].id} (new) │" in out
    assert "no judgements" in out
    assert (settings.releases / CURRENT).resolve().name == old.manifest.release_id


def test_a_judged_folder_of_ones_own_is_asked_instead_of_the_shipped_questions(
    old: Release, settings: Settings, tmp_path: Path
) -> None:
    without = build(tmp_path, small_source(PRACTICES[1:])).manifest.release_id
    releasing.activate_release(settings, old.manifest.release_id, most_lost=0.01, force=True)
    question = f'{{"_id": "q1", "text": "{MENTORS.title}"}}'.encode()
    for judged_id in (MENTORS.id, PRACTICES[1].id):
        folder = beir(tmp_path / judged_id, queries=question, qrels=f"query\tpractice\tscore\nq1\t{judged_id}\t1\n")
        if judged_id == MENTORS.id:
            with pytest.raises(ReleaseError, match="none of the judged practices is in it"):
                releasing.activate_release(settings, without, most_lost=0.01, force=False, questions=folder)
    releasing.activate_release(settings, without, most_lost=0.01, force=False, questions=folder)
    assert (settings.releases / CURRENT).resolve().name == without


def test_the_doctor_goes_from_disk_to_an_answer(
    old: Release, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    releasing.examine(settings)
    assert f"'{MENTORS.title}' finds '{MENTORS.id}'" in " ".join(capsys.readouterr().out.split())
    (old.folder / "contexts.npy").write_bytes(b"")
    with pytest.raises(ReleaseError, match=r"contexts\.npy"):
        releasing.examine(settings)
