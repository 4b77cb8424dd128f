"""An encoder is exported once, whole or not at all, and only what is as near as promised to the original is used."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from indexer import export
from indexer.checksums import file_sha256
from indexer.encoder import Embeddings, Encoder
from indexer.export import export_encoder, exported_encoder
from indexer.parity import Parity, read_parity
from indexer.registry import DEFAULT_ENCODER, EncoderError, EncoderSpec, find_spec, locate_encoder, read_registry
from service.loading import load_encoder
from service.settings import Settings
from tests.fakes import WordEncoder, fake_spec

LARGEST_GAPS = {DEFAULT_ENCODER: (0.001, 0.003), "all-MiniLM-L6-v2": (0.005, 0.03)}
"""Mean and largest cosine that integers may cost an encoder."""

FILES = {"encoder.onnx": "a graph", "spec.json": "{}", "tokens.npy": "vectors"}
SENTENCES = (
    "How can we keep apprentices from dropping out?",
    "Wie verhindern wir, dass Auszubildende ihre Lehre abbrechen?",
    "L'école téléphone aux parents dès le premier jour.",
    "La tutora visita cada taller una vez al mes.",
    "Corsi serali per adulti senza diploma",
    "Jak pomóc uczniom, którzy chcą rzucić szkołę zawodową?",
    "Μια δεύτερη ευκαιρία για νέους που άφησαν το σχολείο",
    "Iltakoulu aikuisille, joilla ei ole tutkintoa",
    "Училище за втори шанс",
    "Een vakman spreekt elke week met leerlingen die willen stoppen.",
    "Egy nyugdíjas mester hetente találkozik a tanulókkal.",
    "Spoločný čas s majstrom pomáha učňom zostať v škole.",
)


class Exporter:
    """Stands in for the heavy part of an export: writes small files, and counts how often it does."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.calls: list[tuple[str, Path, list[str]]] = []
        self._error = error

    def __call__(self, spec: EncoderSpec, source: Path, folder: Path, texts: Sequence[str]) -> None:
        self.calls.append((spec.name, source, list(texts)))
        for name, content in FILES.items():
            (folder / name).write_text(content, encoding="utf-8")
            if self._error is not None:
                raise self._error


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Exporter:
    one = Exporter()
    monkeypatch.setattr(export, "export_encoder", one)
    return one


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "models" / "words.onnx"


def exported(target: Path, spec: EncoderSpec | None = None) -> Path:
    return exported_encoder(spec or fake_spec(), Path("weights"), target, ["a text"])


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.name != "files.json"}


def test_an_export_lists_its_files_with_their_sums_and_whose_they_are(exporter, target):
    assert exported(target) == target
    assert exporter.calls == [("words", Path("weights"), ["a text"])]
    assert contents(target) == FILES
    assert json.loads((target / "files.json").read_text(encoding="utf-8")) == {
        "identity": fake_spec().identity,
        "files": {name: file_sha256(target / name) for name in FILES},
    }
    assert list(target.parent.iterdir()) == [target]


def test_a_sound_export_is_not_made_again(exporter, target):
    exported(target)
    before = {path: path.stat().st_mtime_ns for path in target.iterdir()}
    assert exported(target, fake_spec(description="told in other words")) == target
    assert len(exporter.calls) == 1
    assert {path: path.stat().st_mtime_ns for path in target.iterdir()} == before


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_text("other", encoding="utf-8")])
def test_an_export_with_a_file_that_is_missing_or_damaged_is_made_again(exporter, target, name, harm):
    exported(target)
    harm(target / name)
    assert exported(target) == target
    assert len(exporter.calls) == 2
    assert contents(target) == FILES
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    "listed", [None, "", "[]", '{"files": {}}', "no json", '"text"', '{"identity": 1, "files": 2}']
)
def test_an_export_whose_list_of_files_cannot_be_read_is_made_again(exporter, target, listed):
    exported(target)
    if listed is None:
        (target / "files.json").unlink()
    else:
        (target / "files.json").write_text(listed, encoding="utf-8")
    exported(target)
    assert len(exporter.calls) == 2
    assert set(json.loads((target / "files.json").read_text(encoding="utf-8"))["files"]) == set(FILES)


def test_a_list_that_is_no_list_of_sums_is_not_trusted(exporter, target):
    exported(target)
    listed = {"identity": fake_spec().identity, "files": list(FILES)}
    (target / "files.json").write_text(json.dumps(listed), encoding="utf-8")
    exported(target)
    assert len(exporter.calls) == 2


def test_an_export_of_another_version_is_made_again(exporter, target):
    exported(target)
    exported(target, fake_spec(export=2))
    assert len(exporter.calls) == 2


def test_an_export_that_lists_no_file_is_made_again(exporter, target):
    exported(target)
    listed = {"identity": fake_spec().identity, "files": {}}
    (target / "files.json").write_text(json.dumps(listed), encoding="utf-8")
    exported(target)
    assert len(exporter.calls) == 2


def test_an_export_of_another_identity_is_not_used(exporter, target):
    exported(target)
    other = fake_spec(query_prompt="question: ")
    exported(target, other)
    assert len(exporter.calls) == 2
    assert json.loads((target / "files.json").read_text(encoding="utf-8"))["identity"] == other.identity


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("disk full"), EncoderError("not near enough")])
def test_an_export_that_breaks_off_leaves_nothing(monkeypatch, target, error):
    monkeypatch.setattr(export, "export_encoder", Exporter(error))
    with pytest.raises(type(error)):
        exported(target)
    assert list(target.parent.iterdir()) == []


def test_an_export_that_breaks_off_leaves_the_one_before(exporter, monkeypatch, target):
    exported(target)
    monkeypatch.setattr(export, "export_encoder", Exporter(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        exported(target, fake_spec(query_prompt="question: "))
    assert contents(target) == FILES
    monkeypatch.setattr(export, "export_encoder", exporter)
    exported(target)
    assert len(exporter.calls) == 1


def test_what_an_export_takes_is_named_where_it_is_not_installed(monkeypatch, target):
    monkeypatch.setattr(export, "export_encoder", Exporter(ImportError("No module named 'torch'")))
    with pytest.raises(EncoderError) as refusal:
        exported(target)
    assert str(refusal.value) == "encoder 'words' must be exported once: pip install 'practices[build]'"
    assert list(target.parent.iterdir()) == []


class OriginalModel:
    """Stands in for a model of sentence-transformers: its embeddings are those of words, turned by `shift`."""

    def __init__(self, shift: float) -> None:
        self.max_seq_length = 0
        self.prompts: list[tuple[str, list[str]]] = []
        self._shift = shift

    def __getitem__(self, place: int) -> Any:
        assert place == 0
        weight = SimpleNamespace(detach=lambda: SimpleNamespace(numpy=lambda: np.ones((3, 4), dtype=np.float32)))
        return SimpleNamespace(auto_model=SimpleNamespace(get_input_embeddings=lambda: SimpleNamespace(weight=weight)))

    def encode(self, texts: list[str], *, prompt: str, **_options: object) -> Embeddings:
        self.prompts.append((prompt, texts))
        return WordEncoder().encode_documents(texts) * np.float32(1 - self._shift)


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Give a function that exports with all that is heavy replaced, and returns the original model."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "tokenizer.json").write_text('{"normalizer": null, "model": {"type": "WordPiece"}}', encoding="utf-8")

    def run(folder: Path, texts: Sequence[str], *, shift: float = 0) -> OriginalModel:
        model = OriginalModel(shift)
        module = ModuleType("sentence_transformers")
        module.SentenceTransformer = lambda *_, **__: model  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "sentence_transformers", module)
        monkeypatch.setattr(export, "_write_graph", lambda _, path: path.write_text("floats", encoding="utf-8"))
        monkeypatch.setattr(export, "_write_integers", lambda *given: given[1].write_text("integers", encoding="utf-8"))
        monkeypatch.setattr(export, "OnnxEncoder", lambda _: WordEncoder(fake_spec(max_tokens=8)))
        spec = fake_spec(max_tokens=8, query_prompt="query: ", document_prompt="passage: ")
        export_encoder(spec, source, folder, texts)
        return model

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "made"
    made.mkdir()
    return made


def test_the_original_is_asked_with_each_prompt_for_the_texts_that_it_reads_whole(light, folder):
    short = ["second chance school", "street work"]
    model = light(folder, [short[0], "a text of more words than the encoder sees at once", short[1]])
    assert model.prompts == [("query: ", short), ("passage: ", short)], "once, for the floats and for the integers"
    assert model.max_seq_length == 8
    assert read_parity(folder).texts == 2
    assert read_parity(folder).largest_gap < 1e-6


def test_an_exported_folder_holds_what_the_encoder_reads(light, folder):
    light(folder, ["street work"])
    assert {path.name for path in folder.iterdir()} == {
        *("encoder.onnx", "parity.json", "spec.json", "tokenizer.json", "tokens.npy")
    }
    spec = EncoderSpec.model_validate_json((folder / "spec.json").read_text(encoding="utf-8"))
    assert (spec.name, spec.max_tokens, spec.query_prompt) == ("words", 8, "query: ")
    assert np.load(folder / "tokens.npy").tolist() == [[1] * 4] * 3


def test_an_export_that_is_too_far_from_the_original_is_refused(light, folder):
    with pytest.raises(EncoderError) as refusal:
        light(folder, ["street work"], shift=0.0025)
    assert str(refusal.value) == (
        "encoder 'words': the export is not near enough to the original: the cosine of a text differs by 0.00250, "
        "expected at most 0.001"
    )
    assert not (folder / "parity.json").exists()


@pytest.mark.parametrize(("gap", "is_used"), [(0.001, True), (0.0011, False)])
def test_of_the_floats_the_largest_gap_decides_not_the_mean(light, folder, monkeypatch, gap, is_used):
    parity = Parity(texts=1, mean_gap=0, largest_gap=gap)
    monkeypatch.setattr(export, "measure_parity", lambda *_: parity)
    if is_used:
        light(folder, ["street work"])
        assert read_parity(folder) == parity
    else:
        with pytest.raises(EncoderError, match="not near enough"):
            light(folder, ["street work"])


@pytest.mark.parametrize(("gap", "kept"), [(0.005, "integers"), (0.0051, "floats")])
def test_integers_are_used_where_their_mean_gap_is_small(light, folder, monkeypatch, gap, kept):
    floats, integers = Parity(1, mean_gap=0, largest_gap=0.0001), Parity(1, mean_gap=gap, largest_gap=0.5)
    found = iter([floats, integers])
    monkeypatch.setattr(export, "measure_parity", lambda *_: next(found))
    light(folder, ["street work"])
    assert (folder / "encoder.onnx").read_text(encoding="utf-8") == kept
    assert read_parity(folder) == (integers if kept == "integers" else floats)
    assert not (folder / "floats").exists()


@pytest.fixture(scope="module", params=[DEFAULT_ENCODER, "all-MiniLM-L6-v2"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return load_encoder(request.param, Settings())


@pytest.mark.model
def test_a_shipped_encoder_is_exported_with_the_sums_of_all_its_files(encoder: Encoder):
    folder = encoder.folder
    assert folder is not None
    listed = json.loads((folder / "files.json").read_text(encoding="utf-8"))
    assert listed["identity"] == encoder.spec.identity
    assert listed["files"] == {path.name: file_sha256(path) for path in folder.iterdir() if path.name != "files.json"}
    kept = EncoderSpec.model_validate_json((folder / "spec.json").read_text(encoding="utf-8"))
    assert kept == find_spec(encoder.spec.name, read_registry())


@pytest.mark.model
def test_a_shipped_encoder_is_near_to_the_original(encoder: Encoder):
    assert encoder.folder is not None
    parity = read_parity(encoder.folder)
    assert parity.texts >= 50
    mean, largest = LARGEST_GAPS[encoder.spec.name]
    assert 0 < parity.mean_gap < mean
    assert parity.largest_gap < largest


@pytest.mark.model
def test_a_text_has_one_embedding_whatever_it_is_encoded_with(encoder: Encoder):
    together = encoder.encode_queries(SENTENCES)
    alone = np.concatenate([encoder.encode_queries([text]) for text in SENTENCES])
    assert np.abs(together - alone).max() < 1e-5


@pytest.mark.model
def test_a_shipped_encoder_gives_nearly_the_vectors_of_the_original_in_12_languages(encoder: Encoder):
    from sentence_transformers import SentenceTransformer

    source = locate_encoder(encoder.spec, Settings().models)
    original = SentenceTransformer(str(source), device="cpu", local_files_only=True)
    for encode, prompt in (
        (encoder.encode_queries, encoder.spec.query_prompt),
        (encoder.encode_documents, encoder.spec.document_prompt),
    ):
        theirs = original.encode(list(SENTENCES), prompt=prompt, normalize_embeddings=True, show_progress_bar=False)
        assert (1 - (encode(SENTENCES) * theirs).sum(axis=1)).max() < LARGEST_GAPS[encoder.spec.name][1]


@pytest.mark.model
def test_the_default_encoder_is_small_on_disk():
    folder = load_encoder(DEFAULT_ENCODER, Settings()).folder
    assert folder is not None
    assert (folder / "encoder.onnx").stat().st_size < 25_000_000
    assert (folder / "token-blocks.npy").stat().st_size < 50_000_000
    assert sum(path.stat().st_size for path in folder.iterdir()) < 85_000_000


@pytest.mark.model
def test_a_shipped_export_with_a_damaged_graph_is_not_used(encoder: Encoder, tmp_path: Path, exporter: Exporter):
    assert encoder.folder is not None
    copy = tmp_path / encoder.folder.name
    shutil.copytree(encoder.folder, copy)
    assert exported(copy, encoder.spec) == copy
    assert exporter.calls == []
    graph = (copy / "encoder.onnx").read_bytes()
    (copy / "encoder.onnx").write_bytes(graph[:-1] + bytes([graph[-1] ^ 1]))
    exported(copy, encoder.spec)
    assert [name for name, *_ in exporter.calls] == [encoder.spec.name]
