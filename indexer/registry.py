"""Turn the name of an encoder into a verified folder of weights: local, from an installed package, or from the hub."""

import hashlib
import importlib.util
import json
import shutil
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from indexer.checksums import wrong_files
from indexer.drafts import draft_folder
from indexer.shipped import shipped_path

DEFAULT_ENCODER = "multilingual-e5-small"

EXPORT_VERSION = 3
"""Raise it with every change that makes other files of the same encoder: those that are there are made again."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class EncoderError(RuntimeError):
    """An encoder is not known, cannot be had, or has a file that is not the published one."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PackedFile(_Entry):
    """One file inside an installed package; `path` starts with the package's import name."""

    path: str
    sha256: Sha256


class PackageSource(_Entry):
    """A registry package with the weights: a ready folder, or packed e5 weights and a tokenizer to unpack."""

    install: str
    folder: str | None = None
    e5_weights: PackedFile | None = None
    tokenizer: PackedFile | None = None


class HubSource(_Entry):
    """A repository of the hub at one revision; without `files` all files of the encoder are fetched."""

    repository: str
    revision: str
    files: tuple[str, ...] = ()


class EncoderSpec(_Entry):
    """What the registry says of one encoder. `dim` is the length of an embedding, `max_tokens` counts all tokens.

    `export` is the version of what exports it, for one may round otherwise than another.
    """

    name: str
    description: str
    languages: str
    licence: str
    revision: str
    dim: Annotated[int, Field(ge=1)]
    max_tokens: Annotated[int, Field(ge=8)]
    pooling: Literal["mean"]
    query_prompt: str
    document_prompt: str
    files: Mapping[str, Sha256]
    package: PackageSource | None = None
    hub: HubSource | None = None
    export: int = 1

    @property
    def identity(self) -> str:
        """Return name and hash of everything that changes vectors: two encoders with one identity agree."""
        decisive = {
            "dim": self.dim,
            "document_prompt": self.document_prompt,
            "files": dict(self.files),
            "max_tokens": self.max_tokens,
            "pooling": self.pooling,
            "query_prompt": self.query_prompt,
        }
        if self.export > 1:  # before there was a second one, nothing was said of it
            decisive["export"] = self.export
        digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
        return f"{self.name}@{digest[:16]}"


def read_registry(path: Path | None = None) -> dict[str, EncoderSpec]:
    """Return the encoders of a registry file by name; by default of the shipped `models/registry.toml`.

    Raises EncoderError when the file is not a registry.
    """
    path = path or shipped_path("models/registry.toml")
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: EncoderSpec(name=name, export=EXPORT_VERSION, **table) for name, table in tables.items()}
    except (OSError, tomllib.TOMLDecodeError, ValidationError, TypeError) as error:
        raise EncoderError(f"{path} is not a registry of encoders: {error}") from error


def find_spec(name: str, registry: Mapping[str, EncoderSpec]) -> EncoderSpec:
    """Return the entry of one encoder. Raises EncoderError that lists the known names."""
    if name not in registry:
        raise EncoderError(f"encoder '{name}' is not in models/registry.toml, expected one of: {', '.join(registry)}")
    return registry[name]


def locate_encoder(spec: EncoderSpec, models: Path, *, allow_hub: bool = False) -> Path:
    """Return a folder that holds the encoder's files, each verified; made in `models` where it has to be made.

    Raises EncoderError when a file differs from the registry, or when no source has the encoder.
    """
    folder = models / spec.name
    if folder.is_dir():
        return _verified(folder, spec)
    tried = [f"no folder {folder}"]
    if spec.package is not None:
        found = _from_package(spec, spec.package, folder)
        if found is not None:
            return found
        tried.append(f"not installed: pip install {spec.package.install}")
    if spec.hub is not None:
        if allow_hub:
            return _from_hub(spec, spec.hub, folder)
        tried.append("the hub is not used; PRACTICES_HUB=true allows it")
    raise EncoderError(f"encoder '{spec.name}' cannot be had here: {'; '.join(tried)}")


def _verified(folder: Path, spec: EncoderSpec) -> Path:
    faults = wrong_files(folder, spec.files)
    if faults:
        lines = "\n  ".join(faults)
        raise EncoderError(f"encoder '{spec.name}' is refused, its files are not those of the registry:\n  {lines}")
    return folder


def _from_package(spec: EncoderSpec, package: PackageSource, folder: Path) -> Path | None:
    if package.folder is not None:
        installed = _installed(package.folder)
        return None if installed is None else _verified(installed, spec)
    if package.e5_weights is None or package.tokenizer is None:
        raise EncoderError(f"registry entry '{spec.name}': package has neither a folder nor weights and a tokenizer")
    weights, tokenizer = _installed(package.e5_weights.path), _installed(package.tokenizer.path)
    if weights is None or tokenizer is None:
        return None
    for path, packed in ((weights, package.e5_weights), (tokenizer, package.tokenizer)):
        faults = wrong_files(path.parent, {path.name: packed.sha256})
        if faults:
            raise EncoderError(f"encoder '{spec.name}' is refused: {faults[0]}; reinstall {package.install}")

    def unpack(target: Path) -> None:
        from indexer.unpack_e5 import UnpackError, unpack_e5  # noqa: PLC0415  numpy, which a server loads later

        try:
            unpack_e5(weights, tokenizer, target)
        except UnpackError as error:
            raise EncoderError(f"encoder '{spec.name}': {error}") from error

    return _made(folder, spec, unpack)


def _installed(relative: str) -> Path | None:
    package, _, inside = relative.partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / inside
    return path if path.exists() else None


def _from_hub(spec: EncoderSpec, hub: HubSource, folder: Path) -> Path:
    from huggingface_hub import snapshot_download  # noqa: PLC0415  needed only where the hub is used

    names = list(hub.files or spec.files)

    def download(target: Path) -> None:
        try:
            snapshot_download(hub.repository, revision=hub.revision, allow_patterns=names, local_dir=target)
        except Exception as error:
            raise EncoderError(f"encoder '{spec.name}': the hub did not deliver {hub.repository}: {error}") from error
        if hub.files:
            from indexer.unpack_e5 import write_e5_configuration  # noqa: PLC0415  numpy, which a server loads later

            write_e5_configuration(target)

    return _made(folder, spec, download)


def _made(folder: Path, spec: EncoderSpec, make: Callable[[Path], None]) -> Path:
    """Fill a temporary folder, verify it, and only then give it its name: a killed start leaves nothing half made."""
    with draft_folder(folder.parent) as draft:
        target = draft / spec.name
        make(target)
        _verified(target, spec)
        shutil.rmtree(target / ".cache", ignore_errors=True)
        for name in spec.files:
            (target / name).chmod(0o644)
        if not folder.exists():
            target.rename(folder)
    return _verified(folder, spec)
