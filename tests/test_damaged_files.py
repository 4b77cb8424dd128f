"""A release with any damaged file is refused by name, or answers exactly as before; it never hangs or takes all memory.

With the sums of the manifest made anew for the damaged file, as a broken tool or an attacker would, the release is
refused, answers, or fails while it answers; the process lives and its memory stays. Eleven kinds of damage, once to
each file of a small release, were

| files | refused at the start | answered as before | otherwise | failed while asked |
|---|---|---|---|---|
| `manifest.json` | 11 | | | |
| other JSON: description, thesaurus, vocabulary, values of facets, records of indexes | 63 | 1 | 1 | 1 |
| arrays (`.npy`), 53 of them | 464 | 85 | 18 | 16 |
| `vectors/rows.faiss` | 8 | 2 | | 1 |
| `practices.jsonl`, of which a line is read when it is asked for | | 1 | | 10 |
| `names/single.txt` | 3 | 8 | | |
| `probes.jsonl` and `roles.jsonl`, which only the next build reads | | 22 | | |

The encoder within a release (`encoder/`: a graph for onnxruntime, a model for sentencepiece) is trusted by its hash
only: these parsers are not made for files that somebody has tampered with, and whoever may write to the folder of
releases decides what is answered. Of damaged ones they refused all or went on; none ended the process.

DAMAGE_SEEDS says how many times each damage is done to each file, with other places hit each time.
"""

import asyncio
import errno
import hashlib
import io
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from indexer import checksums
from indexer.encoder import OnnxEncoder
from indexer.manifest import MANIFEST_FILE
from indexer.release import load_release
from indexer.release_files import ReleaseError
from service.answers import answered, related_response
from service.encoder_queue import EncoderQueue
from service.retriever import Retriever
from service.schemas import RelatedParameters, SearchRequest
from tests.fakes import WordEncoder, calibrated_source
from tests.limited import Limited
from tests.test_build import build, tiny_spec
from tests.test_release import change_manifest, file_names

SEEDS = int(os.environ.get("DAMAGE_SEEDS", "1"))
QUESTIONS = ("who helps apprentices that quarrel with masters", "senior mentors", "school for adults in the evening")
HUGE = 2**40
FEW = 3
"""Damages to each file that are tried with sums made anew, in the usual run."""

MODEL = Path(__file__).parents[1] / "models" / "multilingual-e5-small.onnx"

Damage = Callable[[random.Random, bytes, bytes], bytes]


def flip(chance: random.Random, data: bytes, _: bytes) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ chance.randrange(1, 256)]) + data[at + 1 :]


def cut(chance: random.Random, data: bytes, _: bytes) -> bytes:
    return data[: chance.randrange(len(data))]


def zeros(chance: random.Random, data: bytes, _: bytes) -> bytes:
    at, length = chance.randrange(len(data)), chance.randrange(1, 65)
    return data[:at] + bytes(min(length, len(data) - at)) + data[at + length :]


def swap(chance: random.Random, data: bytes, _: bytes) -> bytes:
    half = len(data) // 2
    length = chance.randrange(1, max(2, half))
    return data[half : half + length] + data[length:half] + data[:length] + data[half + length :]


def grow(chance: random.Random, data: bytes, _: bytes) -> bytes:
    return data + chance.randbytes(chance.randrange(1, 5_000))


def empty(_chance: random.Random, _data: bytes, _other: bytes) -> bytes:
    return b""


def another(_chance: random.Random, _data: bytes, other: bytes) -> bytes:
    return other


def huge(chance: random.Random, data: bytes, _: bytes) -> bytes:
    """Say of an array that it is huge, of the size of any other file that it is a number with all bits set."""
    if data.startswith(b"\x93NUMPY"):
        array = np.load(io.BytesIO(data), allow_pickle=False)
        header = io.BytesIO()
        shape = (chance.choice([HUGE, 2**62, 2**70, -1]), *array.shape[1:])
        np.lib.format.write_array_header_1_0(header, {"descr": array.dtype.str, "fortran_order": False, "shape": shape})
        return header.getvalue() + array.tobytes()
    at = chance.randrange(min(len(data), 64))
    return data[:at] + b"\xff" * 8 + data[at + 8 :]


def objects(_chance: random.Random, data: bytes, _: bytes) -> bytes:
    """Say of an array that it holds objects of Python, which loading would run."""
    return data.replace(b"'<", b"'|O", 1) if data.startswith(b"\x93NUMPY") else b"\x80\x04N."


def no_number(_chance: random.Random, data: bytes, _: bytes) -> bytes:
    return data.replace(b":", b":NaN,", 1).replace(b"NaN,[", b"[NaN,") if data.startswith(b"{") else b"NaN"


def nested(_chance: random.Random, data: bytes, _: bytes) -> bytes:
    return b'{"a":' * 100_000 if data.startswith(b"{") else b"[" * 100_000


DAMAGES: tuple[Damage, ...] = (flip, cut, zeros, swap, grow, empty, another, huge, objects, no_number, nested)


def outcome(folder: Path, before: object) -> str:
    """Return how a release behaves: what it is refused with, 'as before', 'otherwise' or how a question fails."""
    try:
        release = load_release(folder)
    except ReleaseError as error:
        return f"refused: {error}"
    try:
        return "as before" if answers(Retriever(release)) == before else "otherwise"
    except Exception as error:  # noqa: BLE001 - any is reported
        return f"failed: {type(error).__name__}: {error}"


def answers(retriever: Retriever) -> object:
    """Return all that a release says: to questions, of each practice, and in counts."""

    async def asked() -> list[str]:
        async with EncoderQueue(WordEncoder(tiny_spec()), 8) as queue:
            found = [await answered(retriever, queue, SearchRequest(query=one)) for one in QUESTIONS]
            return [answer.model_copy(update={"took_ms": 0}).model_dump_json() for answer in found]

    practices = list(retriever.release.parts.practices)
    related = [related_response(retriever, one.id, RelatedParameters()).model_dump_json() for one in practices]
    return asyncio.run(asked()), related, practices, retriever.facets.counts()


def sums_made_anew(folder: Path, name: str) -> None:
    def change(content: dict) -> None:
        content["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()

    if name != MANIFEST_FILE:
        change_manifest(folder, change)


def written(path: Path, data: bytes) -> None:
    """Write a file anew: one that is mapped must not change under who has mapped it."""
    path.unlink()
    path.write_bytes(data)


def try_damages(folder: Path, name: str, damages: Sequence[Damage], seed: int, before: object) -> dict[str, str]:
    """Return damage -> outcome for one file of a release; the sums are made anew where `before` is not None."""
    path, manifest = folder / name, folder / MANIFEST_FILE
    data, said = path.read_bytes(), manifest.read_bytes()
    others = [one for one in file_names(folder) if one != name]
    found = {}
    for damage in damages:
        chance = random.Random(f"{name} {damage.__name__} {seed}")
        changed = damage(chance, data, (folder / chance.choice(others)).read_bytes())
        if changed == data:
            continue
        written(path, changed)
        if before is not None:
            sums_made_anew(folder, name)
        found[damage.__name__] = outcome(folder, before)
        written(path, data)
        written(manifest, said)
    return found


@pytest.fixture(scope="module")
def limited() -> Iterator[Limited]:
    with Limited(seconds=60) as one:
        yield one


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("damaged"), calibrated_source()).folder


@pytest.fixture(scope="module")
def folder(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy whose files are damaged one at a time, and mended again."""
    return Path(shutil.copytree(original, tmp_path_factory.mktemp("copy") / original.name))


def test_every_damage_to_every_file_is_refused_by_name(limited: Limited, folder: Path) -> None:
    tried = 0
    for name in file_names(folder):
        for seed in range(SEEDS):
            found = limited.call(try_damages, folder, name, DAMAGES, seed, None)
            tried += len(found)
            assert {damage: said for damage, said in found.items() if f"{folder / name}" not in said} == {}
            assert {damage: said for damage, said in found.items() if not said.startswith("refused: ")} == {}
    assert tried > 9 * SEEDS * len(file_names(folder))
    assert outcome(folder, None) == "otherwise"


def test_damage_that_the_sums_do_not_tell_neither_ends_the_process_nor_takes_its_memory(
    limited: Limited, folder: Path
) -> None:
    before = answers(Retriever(load_release(folder)))
    assert outcome(folder, before) == "as before"
    kinds = Counter[str]()
    for place, name in enumerate(file_names(folder)):
        for seed in range(SEEDS):
            damages = random.Random(place + seed).sample(DAMAGES, len(DAMAGES) if SEEDS > 1 else FEW)
            kinds.update(
                said.split(":")[0] for said in limited.call(try_damages, folder, name, damages, seed, before).values()
            )
    assert set(kinds) <= {"refused", "as before", "otherwise", "failed"}
    assert kinds["refused"] > kinds["failed"] > 0


@pytest.mark.parametrize("name", [MANIFEST_FILE, "practices.jsonl", "vectors/rows.faiss", "layout.npy"])
@pytest.mark.parametrize("what", ["nothing", "folder", "circle", "dead link", "pipe"])
def test_what_is_no_file_in_place_of_one_is_refused_by_name(
    original: Path, tmp_path: Path, name: str, what: str
) -> None:
    copy = Path(shutil.copytree(original, tmp_path / original.name))
    path = copy / name
    path.unlink()
    if what == "folder":
        path.mkdir()
    elif what == "circle":
        path.symlink_to(path.name)
    elif what == "dead link":
        path.symlink_to(tmp_path / "nowhere")
    elif what == "pipe":
        os.mkfifo(path)
    with pytest.raises(ReleaseError, match=path.name):
        load_release(copy)


def test_links_in_a_circle_in_place_of_a_release_are_refused(tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to("current")
    with pytest.raises(ReleaseError, match="current is not a release"):
        load_release(tmp_path / "current")


@pytest.mark.parametrize("name", [MANIFEST_FILE, "practices.jsonl"])
def test_a_file_that_may_not_be_read_is_refused_by_name(original: Path, tmp_path: Path, name: str) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read all files")
    copy = Path(shutil.copytree(original, tmp_path / original.name))
    (copy / name).chmod(0)
    with pytest.raises(ReleaseError, match=f"{name}.*Permission denied"):
        load_release(copy)


def test_a_disk_that_fails_while_sums_are_made_is_a_fault_of_the_file(
    original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> str:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(checksums, "file_sha256", fail)
    with pytest.raises(ReleaseError, match=r"practices.jsonl: cannot be read \(Input/output error\)"):
        load_release(original)


def encoded(folder: Path) -> str:
    """Return what becomes of loading an encoder and of encoding with it."""
    try:
        rows = OnnxEncoder(folder, threads=1).encode_queries(["who helps apprentices"])
    except Exception as error:  # noqa: BLE001 - any is a refusal; what counts is that the process lives
        return f"refused: {type(error).__name__}"
    return f"answered: {rows.shape}"


def encoder_copy(folder: Path, name: str, damage: Damage, seed: int) -> Path:
    for path in MODEL.iterdir():
        (folder / path.name).symlink_to(path)
    chance = random.Random(f"{name} {damage.__name__} {seed}")
    written(folder / name, damage(chance, (MODEL / name).read_bytes(), b"\0" * 5_000))
    return folder


@pytest.mark.model
@pytest.mark.parametrize(
    "damage", [flip, cut, zeros, swap, empty, another, huge][: None if SEEDS > 1 else 1], ids=lambda one: one.__name__
)
def test_a_damaged_encoder_that_no_sum_tells_is_refused_or_answers(tmp_path: Path, damage: Damage) -> None:
    if not MODEL.is_dir():
        pytest.skip("the encoder was not exported here")
    with Limited(seconds=60, memory=2**32) as child:
        for name in sorted(path.name for path in MODEL.iterdir()):
            for seed in range(SEEDS):
                copy = tmp_path / f"{name}-{seed}"
                copy.mkdir()
                said = child.call(encoded, encoder_copy(copy, name, damage, seed))
                assert said.startswith(("refused", "answered: (1, 384)"))
