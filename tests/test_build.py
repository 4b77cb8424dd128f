"""The same input gives the same release, only changed texts are encoded, and a build that stops can go on."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from indexer import passage_embeddings, row_blocks
from indexer.build import CANARY_TEXTS, QUERY_CENTRING, build_release, find_current, release_id
from indexer.embedding_cache import EmbeddingCache
from indexer.encoder import Embeddings, unit_rows
from indexer.layout import layout
from indexer.manifest import MANIFEST_FILE
from indexer.parity import Parity, write_parity
from indexer.passages import Passages, practice_text, sentence_limits, window_limits
from indexer.practice import Practice
from indexer.practice_table import PRACTICES_FILE
from indexer.probes import Probe
from indexer.registry import EncoderSpec
from indexer.release import Release, load_release
from indexer.release_files import CHANGES_FILE, CURRENT, ROLE_HEAD_FILE, TOPIC_HEAD_FILE, VECTORS_FOLDER
from indexer.row_blocks import Matrix
from indexer.source import CatalogueSource, read_source
from indexer.vectors import VectorIndex, VectorIndexRecord
from tests.fakes import (
    PRACTICES,
    PROBES,
    ROLES,
    THESAURUS,
    VOCABULARY,
    WordEncoder,
    calibrated_source,
    fake_spec,
    small_source,
)

DIM = 64
DATES = ("created_at", "duration_seconds", "sha256")
OTHER_PRACTICES = (*PRACTICES[:-1], PRACTICES[-1].model_copy(update={"region": "Bremen"}))
PROBE_QUESTIONS = [probe.text for probe in PROBES if probe.kind == "on-topic"]
THEME_LABELS = list(VOCABULARY["approaches"].values())


def tiny_spec(name: str = "words", **changes: object) -> EncoderSpec:
    return fake_spec(name, **({"dim": DIM} | changes))


def build(
    folder: Path, source: CatalogueSource | None = None, encoder: WordEncoder | None = None, *, cache: str = "cache"
) -> Release:
    encoder = encoder or WordEncoder(tiny_spec())
    return build_release(
        source or small_source(),
        encoder,
        releases=folder / "releases",
        cache=EmbeddingCache(folder / cache, encoder.spec.identity, encoder.spec.dim),
        progress=lambda *_: None,
    )


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release with all that one can hold, which no test changes."""
    return build(tmp_path_factory.mktemp("calibrated"), calibrated_source())


def contents(release: Path) -> dict[str, bytes]:
    """Return name -> bytes of all files of a release, without the dates."""
    found = {path.relative_to(release).as_posix(): path.read_bytes() for path in release.rglob("*") if path.is_file()}
    manifest = json.loads(found[MANIFEST_FILE])
    del found[CHANGES_FILE], manifest["files"][CHANGES_FILE]
    found[MANIFEST_FILE] = json.dumps({key: manifest[key] for key in manifest if key not in DATES}).encode()
    return found


def passage_texts(practices: Sequence[Practice]) -> list[str]:
    """Return the distinct texts that a release of `practices` holds embeddings of."""
    texts = set()
    for practice in practices:
        whole = practice_text(practice)
        windows = window_limits(practice, max_tokens=24, count_tokens=lambda text: len(text.split()))
        texts |= {whole[start:end] for start, end in (*windows, *sentence_limits(practice))}
    return sorted(texts)


def texts_of(passages: Passages, practices: Sequence[Practice] = PRACTICES) -> list[str]:
    """Return the text of each passage, in order."""
    limits = zip(passages.all_owners().tolist(), passages.limits.tolist(), strict=True)
    return [practice_text(practices[owner])[start:end] for owner, (start, end) in limits]


def counts_of_encoded(encoder: WordEncoder) -> Counter[str]:
    """Return how often the encoder saw each passage: all that it saw but questions, names of themes and canaries."""
    asked = Counter([*PROBE_QUESTIONS, *THEME_LABELS, *CANARY_TEXTS, *CANARY_TEXTS])
    seen = Counter(encoder.encoded)
    return seen - asked


@pytest.mark.parametrize("source", [small_source(), calibrated_source()], ids=["small", "calibrated"])
def test_same_input_twice_gives_the_same_bytes_of_every_file(tmp_path: Path, source: CatalogueSource):
    first, second = build(tmp_path / "first", source), build(tmp_path / "second", source)
    assert contents(first.folder) == contents(second.folder)
    assert first.manifest.release_id == second.manifest.release_id


def test_bytes_do_not_depend_on_what_the_cache_knew(tmp_path: Path):
    first = build(tmp_path / "first")
    build(tmp_path / "second", small_source(PRACTICES[:2]))
    assert contents(build(tmp_path / "second").folder) == contents(first.folder)


def test_bytes_do_not_depend_on_the_hash_seed_of_python(tmp_path: Path):
    program = (
        "import sys; from pathlib import Path; from tests.test_build import build, calibrated_source; "
        "build(Path(sys.argv[1]), calibrated_source())"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / seed)],
            cwd=Path(__file__).parent.parent,
            env=os.environ | {"PYTHONHASHSEED": seed},
        )
        for seed in ("1", "2")
    ]
    assert [process.wait() for process in running] == [0, 0]
    first, second = (contents((tmp_path / seed / "releases" / CURRENT).resolve()) for seed in ("1", "2"))
    assert {name for name in first if first[name] != second.get(name)} == set()
    assert set(first) == set(second)


def test_a_catalogue_that_is_read_from_its_file_gives_the_bytes_of_one_in_memory(tmp_path: Path):
    rows = "".join(practice.model_dump_json() + "\n" for practice in PRACTICES)
    (tmp_path / "small.jsonl").write_text(f"\ufeff\n{rows}", encoding="utf-8")
    labels = "\n".join(f'{code} = "{label}"' for code, label in VOCABULARY["approaches"].items())
    (tmp_path / "vocabulary.toml").write_text(f"[approaches]\n{labels}\n", encoding="utf-8")
    source = replace(read_source(tmp_path / "small.jsonl"), thesaurus=THESAURUS, probes=PROBES)
    from_file, from_memory = build(tmp_path / "first", source), build(tmp_path / "second")
    assert contents(from_file.folder) == contents(from_memory.folder)


def test_a_build_of_some_rows_at_a_time_gives_what_all_at_once_gives(
    tmp_path: Path, calibrated: Release, monkeypatch: pytest.MonkeyPatch
):
    whole = calibrated.parts
    monkeypatch.setattr(row_blocks, "AT_ONCE", 3)
    monkeypatch.setattr(passage_embeddings, "_PRACTICES_AT_ONCE", 1)
    monkeypatch.setattr(passage_embeddings, "_ENCODE_AT_ONCE", 2)
    parts = build(tmp_path, calibrated_source()).parts
    rows = np.arange(whole.vectors.size)
    np.testing.assert_allclose(parts.vectors.take(rows), whole.vectors.take(rows), atol=1e-6)
    for name in ("sentence_embeddings", "context_embeddings"):
        np.testing.assert_allclose(getattr(parts, name).mapped, getattr(whole, name).mapped, atol=1e-3)
    for name in ("is_telling", "document_centroid", "query_centroid", "theme_embeddings", "layout"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), atol=1e-4)


def test_an_encoder_that_builds_the_index_elsewhere_gives_the_bytes_of_a_local_build(tmp_path: Path):
    built: list[tuple[tuple[int, ...], str]] = []

    class Elsewhere(WordEncoder):
        def build_index(self, rows: Matrix, folder: Path) -> None:
            built.append((rows.shape, folder.name))
            VectorIndex.build(rows, folder)

    here, elsewhere = build(tmp_path / "here"), build(tmp_path / "elsewhere", encoder=Elsewhere(tiny_spec()))
    assert built == [((len(here.parts.windows), DIM), VECTORS_FOLDER)]
    assert contents(elsewhere.folder) == contents(here.folder)


def test_nothing_that_only_the_build_needed_is_left_in_a_release(calibrated: Release):
    assert {name.partition("/")[0] for name in calibrated.manifest.files} == {
        *("practices.jsonl", "practice-limits.npy", "practice-ranks.npy", "practice-ids-hashes.npy"),
        *("practice-ids-numbers.npy", "practice-order-title.npy", "practice-order-country.npy"),
        *("practice-order-newest.npy", "practice-order-evidence.npy", "vocabulary.json", "thesaurus.json", "facets"),
        *("lexical", "names", "windows-bounds.npy", "windows-limits.npy", "vectors", "sentences-bounds.npy"),
        *("sentences-limits.npy", "sentences.npy", "contexts.npy", "telling.npy", "centroids.npy", "themes.npy"),
        *("layout.npy", "topic.npy", "roles.npy", "roles.jsonl", "probes.jsonl", "description.json", "changed-at.npy"),
    }


def test_manifest_says_what_the_release_was_built_from(tmp_path: Path):
    before = datetime.now().astimezone() - timedelta(seconds=1)
    spec = tiny_spec(query_prompt="query: ", document_prompt="passage: ", files={"config.json": "a" * 64})
    manifest = build(tmp_path, encoder=WordEncoder(spec)).manifest
    assert (manifest.catalogue_name, manifest.catalogue_sha256) == ("small.jsonl", small_source().sha256)
    assert manifest.release_id == release_id(small_source(), spec)
    assert manifest.encoder.identity == spec.identity
    assert (manifest.encoder.dim, manifest.encoder.max_tokens) == (DIM, 24)
    assert (manifest.encoder.query_prompt, manifest.encoder.document_prompt) == ("query: ", "passage: ")
    assert manifest.encoder.files == {"config.json": "a" * 64}
    assert before <= datetime.fromisoformat(manifest.created_at) <= datetime.now().astimezone()
    assert [canary.text for canary in manifest.canaries] == [*CANARY_TEXTS, *CANARY_TEXTS]
    assert manifest.index == "Flat, exact"
    assert manifest.vectors == VectorIndexRecord("Flat, exact", parameters={}, recall_at_10=1.0, recall_sample=0)


def test_manifest_counts_what_is_there(tmp_path: Path):
    short = Practice(id="short", title="One title")
    long = Practice(
        id="long", title="Another title", summary="One sentence of six words here.", description="Go on. " * 30
    )
    release = build(tmp_path, small_source((short, long)))
    counts = release.manifest.counts
    assert counts.practices == 2
    assert counts.long_texts == 1
    assert counts.windows == release.parts.vectors.size == len(release.parts.windows)
    assert counts.windows > 2
    assert release.parts.windows.all_owners().tolist() == [0, *[1] * (counts.windows - 1)]
    assert counts.sentences == len(release.parts.sentences)
    assert release.parts.sentences.all_owners()[:2].tolist() == [0, 1]
    assert [practice.id for practice in release.parts.practices] == ["short", "long"]


def test_manifest_counts_each_address_once(tmp_path: Path):
    first, second, third = ({"url": f"https://{name}.example"} for name in ("a", "b", "c"))
    practices = (
        Practice(id="one", title="One", sources=(first, second)),
        Practice(id="two", title="Two", sources=(second, first, third)),
        Practice(id="three", title="Three"),
    )
    assert build(tmp_path, small_source(practices)).manifest.counts.sources == 3


def test_built_release_is_published_and_current(tmp_path: Path):
    release = build(tmp_path)
    assert release.folder == (tmp_path / "releases" / release.manifest.release_id).resolve()
    assert load_release(tmp_path / "releases" / CURRENT).manifest == release.manifest
    assert sorted(path.name for path in (tmp_path / "releases").iterdir()) == sorted(
        [release.manifest.release_id, CURRENT]
    )


def test_earlier_release_is_kept_beside_the_new_one(tmp_path: Path):
    first = build(tmp_path)
    second = build(tmp_path, small_source(OTHER_PRACTICES))
    assert load_release(first.folder).manifest == first.manifest
    assert load_release(tmp_path / "releases" / CURRENT).manifest == second.manifest


def test_damaged_current_release_is_repaired_by_the_next_build(tmp_path: Path):
    first = build(tmp_path)
    before = contents(first.folder)
    (first.folder / PRACTICES_FILE).write_bytes(b"")
    second = build(tmp_path)
    assert second.folder == first.folder
    assert contents(second.folder) == before


def oracle_rows(texts: Sequence[str]) -> Embeddings:
    return WordEncoder(tiny_spec()).encode_documents(texts)


def test_what_all_texts_have_in_common_is_taken_off_each_embedding(tmp_path: Path):
    parts = build(tmp_path).parts
    windows, sentences = (oracle_rows(texts_of(passages)) for passages in (parts.windows, parts.sentences))
    found = parts.vectors.take(np.arange(parts.vectors.size))
    np.testing.assert_allclose(found, unit_rows(windows - windows.mean(axis=0)), atol=1e-6)
    centred = unit_rows(sentences - sentences.mean(axis=0))
    np.testing.assert_allclose(parts.sentence_embeddings.mapped, centred, atol=1e-3)
    np.testing.assert_allclose(parts.document_centroid, sentences.mean(axis=0), atol=1e-6)
    expected = QUERY_CENTRING * oracle_rows(PROBE_QUESTIONS).mean(axis=0)
    np.testing.assert_allclose(parts.query_centroid, expected, atol=1e-6)


def test_the_context_of_a_sentence_is_the_mean_with_its_neighbours_of_the_same_practice(tmp_path: Path):
    parts = build(tmp_path).parts
    contexts = []
    for practice in PRACTICES:
        text = practice_text(practice)
        rows = oracle_rows([text[start:end] for start, end in sentence_limits(practice)])
        contexts += [rows[max(0, at - 1) : at + 2].mean(axis=0) for at in range(len(rows))]
    expected = unit_rows(np.array(contexts))
    expected = unit_rows(expected - expected.mean(axis=0))
    np.testing.assert_allclose(parts.context_embeddings.mapped, expected, atol=1e-3)


def test_titles_are_the_sentences_that_tell_nothing(tmp_path: Path):
    parts = build(tmp_path).parts
    silent = [text for text, tells in zip(texts_of(parts.sentences), parts.is_telling, strict=True) if not tells]
    assert silent == [practice.title for practice in PRACTICES]


def test_typical_questions_are_titles_and_middle_sentences_where_there_are_no_probes(tmp_path: Path):
    parts = build(tmp_path, replace(small_source(), probes=())).parts
    typical = [
        "Senior mentors",
        "Second chance school",
        "Absence follow-up",
        "Street work",
        "Each apprentice meets one retired master every week.",
        "Adults return to class in the evening.",
        "A nurse talks with pupils who are often sick.",
        "They visit homes and squares.",
    ]
    expected = QUERY_CENTRING * oracle_rows(typical).mean(axis=0)
    np.testing.assert_allclose(parts.query_centroid, expected, atol=1e-6)


def test_a_practice_lies_on_the_map_where_its_first_window_puts_it(tmp_path: Path):
    long = Practice(id="long", title="Long plan", description="Masters advise apprentices every Monday. " * 20)
    parts = build(tmp_path, small_source((long, *PRACTICES))).parts
    owners = parts.windows.all_owners().tolist()
    firsts = np.array([owners.index(row) for row in range(len(parts.practices))])
    assert len(firsts) < len(owners)
    np.testing.assert_array_equal(parts.layout, layout(parts.vectors.take(firsts), np.arange(len(firsts))))


def test_too_few_probes_give_no_calibration_but_a_spread(tmp_path: Path):
    release = build(tmp_path)
    calibration = release.manifest.calibration
    assert (calibration.hit, calibration.probes, calibration.auroc) == (None, None, None)
    assert 0 < calibration.spread < 1
    assert (release.parts.topic_head, release.parts.role_head) == (None, None)
    assert {TOPIC_HEAD_FILE, ROLE_HEAD_FILE} & set(release.manifest.files) == set()


def test_judged_probes_give_a_calibration_and_a_head_that_tells_the_topic(calibrated: Release):
    source = calibrated_source()
    calibration, head = calibrated.manifest.calibration, calibrated.parts.topic_head
    assert calibration.hit is not None
    assert calibration.hit.score > 0
    assert calibration.probes == {"near-topic": 14, "off-topic": 13, "on-topic": 40}
    assert calibration.auroc is not None
    assert calibration.auroc > 0.9
    assert head is not None
    odds = head.logits(oracle_rows([probe.text for probe in source.probes]))[:, 0]
    assert (odds > 0).tolist() == [probe.kind == "on-topic" for probe in source.probes]
    assert {TOPIC_HEAD_FILE, ROLE_HEAD_FILE} <= set(calibrated.manifest.files)


def test_a_role_without_an_example_leaves_roles_untold(tmp_path: Path):
    source = calibrated_source()
    release = build(tmp_path, replace(source, roles=[one for one in ROLES if one.role != "other"]))
    assert release.parts.role_head is None
    assert release.parts.topic_head is not None
    assert ROLE_HEAD_FILE not in release.manifest.files


def with_probe(source: CatalogueSource) -> CatalogueSource:
    return replace(source, probes=(*PROBES, Probe(text="who pays for it", language="en", kind="on-topic")))


@pytest.mark.parametrize(
    "changed",
    [
        small_source(OTHER_PRACTICES),
        small_source(PRACTICES[:-1]),
        small_source(tuple(reversed(PRACTICES))),
        replace(small_source(), vocabulary={"approaches": VOCABULARY["approaches"] | {"mentoring": "Mentors"}}),
        replace(small_source(), vocabulary={}),
        replace(small_source(), thesaurus=THESAURUS | {"absence": {"de": ["schwänz*"], "fr": ["absence*"]}}),
        replace(small_source(), thesaurus={}),
        with_probe(small_source()),
        replace(small_source(), probes=(PROBES[0].model_copy(update={"relevant": ("absence-call",)}), *PROBES[1:])),
        replace(small_source(), roles=ROLES),
    ],
    ids=[
        "practice",
        "fewer practices",
        "order of practices",
        "vocabulary",
        "no vocabulary",
        "thesaurus",
        "no thesaurus",
        "probes",
        "judgements",
        "roles",
    ],
)
def test_release_id_changes_with_the_catalogue(changed: CatalogueSource):
    assert release_id(changed, tiny_spec()) != release_id(small_source(), tiny_spec())


@pytest.mark.parametrize(
    "changed",
    [
        tiny_spec("others"),
        tiny_spec(dim=DIM + 1),
        tiny_spec(max_tokens=25),
        tiny_spec(query_prompt="query: "),
        tiny_spec(document_prompt="passage: "),
        tiny_spec(files={"config.json": "a" * 64}),
    ],
    ids=["name", "dim", "max_tokens", "query_prompt", "document_prompt", "files"],
)
def test_release_id_changes_with_the_encoder(changed: EncoderSpec):
    assert release_id(small_source(), changed) != release_id(small_source(), tiny_spec())


def test_release_id_stays_when_only_the_name_of_the_file_or_a_description_changes():
    renamed = replace(small_source(), name="renamed.jsonl")
    assert release_id(renamed, tiny_spec()) == release_id(small_source(), tiny_spec())
    assert release_id(small_source(), tiny_spec(description="better said")) == release_id(small_source(), tiny_spec())


def test_first_build_encodes_every_passage_once(tmp_path: Path):
    encoder = WordEncoder(tiny_spec())
    build(tmp_path, encoder=encoder)
    assert counts_of_encoded(encoder) == Counter(passage_texts(PRACTICES))


def test_second_build_of_the_same_catalogue_encodes_no_passage(tmp_path: Path):
    build(tmp_path)
    encoder = WordEncoder(tiny_spec())
    build(tmp_path, encoder=encoder)
    assert counts_of_encoded(encoder) == Counter()


def test_only_changed_texts_are_encoded_again(tmp_path: Path):
    build(tmp_path)
    described = PRACTICES[0].description
    assert described is not None
    changed = PRACTICES[0].model_copy(update={"description": described.replace("gives advice", "asks questions")})
    encoder = WordEncoder(tiny_spec())
    build(tmp_path, small_source((changed, *PRACTICES[1:])), encoder)
    encoded = counts_of_encoded(encoder)
    assert encoded == Counter(passage_texts([changed])) - Counter(passage_texts(PRACTICES))
    assert encoded["The master listens and asks questions."] == 1
    assert all("asks questions" in text for text in encoded)


def test_change_that_the_encoder_does_not_read_encodes_nothing_but_gives_a_new_release(tmp_path: Path):
    first = build(tmp_path)
    encoder = WordEncoder(tiny_spec())
    second = build(tmp_path, small_source(OTHER_PRACTICES), encoder)
    assert counts_of_encoded(encoder) == Counter()
    assert second.manifest.release_id != first.manifest.release_id
    assert second.parts.practices[-1].region == "Bremen"


def test_text_that_stands_in_two_practices_is_encoded_once(tmp_path: Path):
    twins = tuple(PRACTICES[0].model_copy(update={"id": name}) for name in ("first", "second"))
    encoder = WordEncoder(tiny_spec())
    release = build(tmp_path, small_source(twins), encoder)
    assert set(counts_of_encoded(encoder).values()) == {1}
    first, second = np.split(np.arange(release.parts.vectors.size), 2)
    assert np.array_equal(release.parts.vectors.take(first), release.parts.vectors.take(second))


def test_other_encoder_does_not_take_the_embeddings_of_the_first(tmp_path: Path):
    build(tmp_path)
    encoder = WordEncoder(tiny_spec(document_prompt="passage: "))
    build(tmp_path, encoder=encoder)
    assert counts_of_encoded(encoder) == Counter(passage_texts(PRACTICES))


class InterruptedEncoder(WordEncoder):
    """Encodes one batch of documents and fails at the next."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(tiny_spec())
        self.error = error
        self.documents: list[str] = []

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        return WordEncoder.encode_documents(self, texts)

    def encode_documents(self, texts: Sequence[str]) -> Embeddings:
        if self.documents:
            raise self.error
        self.documents.extend(texts)
        return super().encode_documents(texts)


@pytest.fixture(scope="module")
def many() -> tuple[Practice, ...]:
    """Practices with more passages than are encoded in one batch."""
    return tuple(
        Practice(
            id=f"p{number}",
            title=f"Workshop {number}",
            description=" ".join(f"Group {number} meets teacher {group} in the evening." for group in range(6)),
        )
        for number in range(60)
    )


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), KeyboardInterrupt()], ids=["failed", "interrupted"])
def test_interrupted_build_goes_on_where_it_was(tmp_path: Path, many: tuple[Practice, ...], error: BaseException):
    source = small_source(many)
    interrupted = InterruptedEncoder(error)
    with pytest.raises(type(error)):
        build(tmp_path, source, interrupted)
    assert list((tmp_path / "releases").glob("*")) == []
    done = set(interrupted.documents)
    encoder = WordEncoder(tiny_spec())
    release = build(tmp_path, source, encoder)
    assert done
    assert done.isdisjoint(counts_of_encoded(encoder))
    assert Counter(done) + counts_of_encoded(encoder) == Counter(passage_texts(many))
    assert contents(release.folder) == contents(build(tmp_path / "at once", source).folder)


def test_failed_build_leaves_the_current_release_as_it_was(tmp_path: Path, many: tuple[Practice, ...]):
    first = build(tmp_path)
    with pytest.raises(RuntimeError, match="out of memory"):
        build(tmp_path, small_source(many), InterruptedEncoder(RuntimeError("out of memory")))
    assert load_release(tmp_path / "releases" / CURRENT).manifest == first.manifest
    assert sorted(path.name for path in (tmp_path / "releases").iterdir()) == sorted(
        [first.manifest.release_id, CURRENT]
    )


def test_progress_rises_to_all_passages_and_says_at_once_what_is_known(tmp_path: Path, many: tuple[Practice, ...]):
    encoder = WordEncoder(tiny_spec())
    cache = EmbeddingCache(tmp_path / "cache", encoder.spec.identity, DIM)
    calls: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        calls.append((done, total))

    release = build_release(small_source(many), encoder, releases=tmp_path, cache=cache, progress=progress)
    total = release.manifest.counts.windows + release.manifest.counts.sentences
    assert calls[0] == (0, total)
    assert (calls[1], calls[-1]) == ((total - len(passage_texts(many)), total), (total, total))
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    calls.clear()
    build_release(small_source(many), encoder, releases=tmp_path, cache=cache, progress=progress)
    assert calls == [(0, total), (total, total)]


def test_find_current_returns_the_release_of_exactly_this_input(tmp_path: Path):
    release = build(tmp_path)
    found = find_current(tmp_path / "releases", small_source(), tiny_spec())
    assert found is not None
    assert found.manifest == release.manifest
    assert list(found.parts.practices) == list(PRACTICES)


def test_find_current_finds_nothing_where_nothing_was_built(tmp_path: Path):
    assert find_current(tmp_path, small_source(), tiny_spec()) is None
    assert find_current(tmp_path / "nowhere", small_source(), tiny_spec()) is None


def test_find_current_finds_nothing_for_another_encoder_or_catalogue(tmp_path: Path):
    build(tmp_path)
    releases = tmp_path / "releases"
    assert find_current(releases, small_source(), tiny_spec("others")) is None
    assert find_current(releases, small_source(), tiny_spec(query_prompt="query: ")) is None
    assert find_current(releases, small_source(OTHER_PRACTICES), tiny_spec()) is None
    assert find_current(releases, replace(small_source(), thesaurus={}), tiny_spec()) is None


def test_find_current_does_not_look_past_the_current_release(tmp_path: Path):
    build(tmp_path)
    build(tmp_path, small_source(OTHER_PRACTICES))
    assert find_current(tmp_path / "releases", small_source(), tiny_spec()) is None


def test_find_current_finds_nothing_when_the_release_is_damaged(tmp_path: Path):
    release = build(tmp_path)
    for name in (*release.manifest.files, MANIFEST_FILE):
        content = (release.folder / name).read_bytes()
        (release.folder / name).write_bytes(content[:-2])
        assert find_current(tmp_path / "releases", small_source(), tiny_spec()) is None, name
        (release.folder / name).write_bytes(content)
    assert find_current(tmp_path / "releases", small_source(), tiny_spec()) is not None


def exported_folder(folder: Path) -> Path:
    """Return a folder as the export of an encoder leaves it, with a graph that nobody runs."""
    made = folder / "words.onnx"
    made.mkdir()
    (made / "encoder.onnx").write_bytes(b"a graph")
    write_parity(made, Parity(texts=2, mean_gap=1e-7, largest_gap=3e-7))
    return made


def test_a_release_takes_the_files_of_its_encoder_along_and_says_how_near_it_is(tmp_path):
    encoder = WordEncoder(tiny_spec())
    encoder.folder = exported_folder(tmp_path)
    release = build(tmp_path, encoder=encoder)
    assert {path.name: path.read_bytes() for path in (release.folder / "encoder").iterdir()} == {
        path.name: path.read_bytes() for path in encoder.folder.iterdir()
    }
    assert release.manifest.parity == Parity(texts=2, mean_gap=1e-7, largest_gap=3e-7)
    assert {name for name in release.manifest.files if name.startswith("encoder/")} == {
        *("encoder/encoder.onnx", "encoder/parity.json")
    }


def test_a_file_of_the_encoder_is_copied_where_it_can_have_no_second_name(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError("another file system")

    monkeypatch.setattr(os, "link", refuse)
    encoder = WordEncoder(tiny_spec())
    encoder.folder = exported_folder(tmp_path)
    graph = build(tmp_path, encoder=encoder).folder / "encoder" / "encoder.onnx"
    assert graph.read_bytes() == b"a graph"
    assert graph.stat().st_ino != (encoder.folder / "encoder.onnx").stat().st_ino


def test_a_release_of_an_encoder_without_files_holds_none(tmp_path):
    release = build(tmp_path)
    assert not (release.folder / "encoder").exists()
    assert release.manifest.parity is None
