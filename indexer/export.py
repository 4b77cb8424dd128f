"""Turn an encoder's weights into a folder that onnxruntime runs: graph, token vectors, tokenizer, and how near it is.

The graph multiplies 8-bit integers where that moves embeddings little enough, else floats.
"""

import base64
import json
import os
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from indexer.checksums import file_sha256, wrong_files
from indexer.drafts import draft_folder
from indexer.encoder import GRAPH_FILE, SPEC_FILE, Embeddings, OnnxEncoder
from indexer.parity import Encode, Parity, measure_parity, write_parity
from indexer.registry import EncoderError, EncoderSpec
from indexer.token_table import write_token_table
from indexer.tokens import JSON_FILE, UNIGRAM_FILE

FILES_FILE = "files.json"

MAX_GAP = 1e-3
"""Largest cosine gap to the original encoder that the exported graph may have before its numbers are rounded."""

MAX_ROUNDED_GAP = 5e-3
"""Mean cosine gap up to which integers are used: .0007 with the default encoder and .004 with all-MiniLM-L6-v2."""


def exported_encoder(spec: EncoderSpec, source: Path, target: Path, texts: Iterable[str]) -> Path:
    """Return the folder of the exported encoder, `target`; it is made from the folder `source` where it is not there.

    `texts` are what it is compared by, read only then. Raises EncoderError where the export is not near enough, and
    where what it takes is not installed.
    """
    if _is_sound(target, spec):
        return target
    with draft_folder(target.parent) as draft:
        made = draft / target.name
        made.mkdir()
        try:
            export_encoder(spec, source, made, texts)
        except ImportError as error:
            raise EncoderError(
                f"encoder '{spec.name}' must be exported once: pip install 'practices[build]'"
            ) from error
        sums = {path.name: file_sha256(path) for path in sorted(made.iterdir())}
        listed = {"identity": spec.identity, "files": sums}
        (made / FILES_FILE).write_text(json.dumps(listed, indent=1), encoding="utf-8")
        if target.exists():
            target.rename(draft / "former")
        made.rename(target)
    return target


def export_encoder(spec: EncoderSpec, source: Path, folder: Path, texts: Iterable[str]) -> None:
    """Write an exported encoder to an empty folder. Raises EncoderError where it is not near enough."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415  ten seconds and 400 MB: only on use
    from transformers.utils import logging as transformers_logging  # noqa: PLC0415

    quiet: Any = transformers_logging  # its functions have no types
    quiet.set_verbosity_error()
    quiet.disable_progress_bar()
    model: Any = SentenceTransformer(str(source), device="cpu", local_files_only=True)
    model.max_seq_length = spec.max_tokens
    (folder / SPEC_FILE).write_text(spec.model_dump_json(indent=1, exclude_none=True), encoding="utf-8")
    _write_tokenizer(source / JSON_FILE, folder)
    table = model[0].auto_model.get_input_embeddings().weight.detach().numpy()
    write_token_table(folder, table)
    graph = folder / GRAPH_FILE
    _write_graph(model[0].auto_model, graph)
    exported = OnnxEncoder(folder)
    whole = [text for text in texts if exported.count_tokens(text) <= spec.max_tokens]  # the original cuts the others
    queries, documents = (_original(model, prompt) for prompt in (spec.query_prompt, spec.document_prompt))

    def parity() -> Parity:
        now = OnnxEncoder(folder)
        return measure_parity(whole, ((queries, now.encode_queries), (documents, now.encode_documents)))

    of_floats = parity()
    if of_floats.largest_gap > MAX_GAP:
        raise EncoderError(
            f"encoder '{spec.name}': the export is not near enough to the original: the cosine of a text differs by "
            f"{of_floats.largest_gap:.5f}, expected at most {MAX_GAP}"
        )
    floats = graph.rename(folder / "floats")
    _write_integers(floats, graph, exported, whole)
    of_integers = parity()
    if of_integers.mean_gap <= MAX_ROUNDED_GAP:
        write_parity(folder, of_integers)
        floats.unlink()
    else:
        floats.replace(graph)
        write_parity(folder, of_floats)


def _is_sound(folder: Path, spec: EncoderSpec) -> bool:
    try:
        listed = json.loads((folder / FILES_FILE).read_text(encoding="utf-8"))
        return (
            listed["identity"] == spec.identity and bool(listed["files"]) and not wrong_files(folder, listed["files"])
        )
    except (AttributeError, OSError, ValueError, KeyError, TypeError):
        return False


def _original(model: Any, prompt: str) -> Encode:  # noqa: ANN401  sentence-transformers has no types
    @cache
    def rows(texts: tuple[str, ...]) -> Embeddings:
        found: Embeddings = model.encode(list(texts), prompt=prompt, normalize_embeddings=True, show_progress_bar=False)
        return found

    return lambda texts: rows(tuple(texts))


def _write_graph(transformer: Any, path: Path) -> None:  # noqa: ANN401  torch is only there where it is built
    from indexer.encoder_graph import write_graph  # noqa: PLC0415  onnx, which only an export needs

    write_graph(transformer, path)


def _write_integers(floats: Path, path: Path, encoder: OnnxEncoder, texts: Sequence[str]) -> None:
    """Write the graph of integers that is made of the one of `floats`, by what runs through it for some texts."""
    from indexer.quantisation import write_quantised  # noqa: PLC0415  onnx, which only an export needs

    prompts = (encoder.spec.query_prompt, encoder.spec.document_prompt)
    write_quantised(floats, path, (encoder.graph_inputs(text, prompt) for prompt in prompts for text in texts))


def _write_tokenizer(source: Path, folder: Path) -> None:
    content = json.loads(source.read_text(encoding="utf-8"))
    charsmap = _charsmap(content["normalizer"])
    if content["model"]["type"] != "Unigram" or charsmap is None:
        (folder / JSON_FILE).write_bytes(source.read_bytes())
        return
    from sentencepiece import sentencepiece_model_pb2  # noqa: PLC0415

    special = {token["content"]: token["id"] for token in content["added_tokens"]}
    unknown = content["model"]["unk_id"]
    model: Any = sentencepiece_model_pb2.ModelProto()
    kinds = model.SentencePiece
    for place, (piece, score) in enumerate(content["model"]["vocab"]):
        kind = kinds.UNKNOWN if place == unknown else kinds.CONTROL if piece in special else kinds.NORMAL
        model.pieces.add(piece=piece, score=score, type=kind)
    model.trainer_spec.model_type = model.trainer_spec.UNIGRAM
    model.trainer_spec.unk_id = unknown
    model.trainer_spec.bos_id, model.trainer_spec.eos_id = special["<s>"], special["</s>"]
    model.trainer_spec.pad_id = special["<pad>"]
    model.normalizer_spec.precompiled_charsmap = base64.b64decode(charsmap)
    model.normalizer_spec.add_dummy_prefix = True
    model.normalizer_spec.remove_extra_whitespaces = True
    model.normalizer_spec.escape_whitespaces = True
    (folder / UNIGRAM_FILE).write_bytes(model.SerializeToString(deterministic=True))


def _charsmap(normalizer: dict[str, Any] | None) -> str | None:
    """Return the table by which a tokenizer normalises characters, None where it does so by other rules."""
    steps: list[dict[str, Any]] = [] if normalizer is None else normalizer.get("normalizers", [normalizer])
    found = [step["precompiled_charsmap"] for step in steps if step["type"] == "Precompiled"]
    return found[0] if found else None
