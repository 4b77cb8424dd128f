"""Compare the encoder with `SentenceTransformer.encode`: `python -m tests.benchmarks.throughput DOCUMENTS`.

Passages a second at build time, in one process and in turns, of the same texts: windows of the documents, which both
read whole. DOCUMENTS is a file of JSON lines with `title` and `text` (as in BEIR) or `description`, perhaps gzipped.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from statistics import median

from sentence_transformers import SentenceTransformer

from indexer.encoder import Embeddings
from indexer.passage_embeddings import all_windows, passage_texts
from indexer.practice import Practice
from indexer.registry import DEFAULT_ENCODER, find_spec, locate_encoder, read_registry
from service.loading import load_encoder
from service.settings import Settings
from tests.benchmarks.peer import json_lines


def read_practices(path: Path, limit: int) -> list[Practice]:
    """Return the first documents of a file as practices."""
    rows = islice(json_lines(path), limit)
    texts = ((row.get("title"), row.get("text") or row.get("description")) for row in rows)
    return [
        Practice(id=str(number), title=title or text[:80], description=text or None)
        for number, (title, text) in enumerate(texts)
        if title or text
    ]


def per_second(encode: Callable[[Sequence[str]], Embeddings], texts: Sequence[str]) -> float:
    """Return how many texts are encoded in a second."""
    started = time.perf_counter()
    encode(texts)
    return len(texts) / (time.perf_counter() - started)


def main() -> None:
    """Print passages a second of both, and how far apart their embeddings are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("documents", type=Path)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    settings = Settings()
    ours = load_encoder(options.encoder, settings)
    spec = find_spec(options.encoder, read_registry())
    model = SentenceTransformer(str(locate_encoder(spec, settings.models, allow_hub=settings.hub)), device="cpu")
    practices = read_practices(options.documents, options.limit)
    texts = passage_texts(practices, all_windows(practices, ours))

    def theirs(some: Sequence[str]) -> Embeddings:
        prompted = [spec.document_prompt + text for text in some]
        rows: Embeddings = model.encode(prompted, normalize_embeddings=True, show_progress_bar=False)
        return rows

    print(
        f"{len(texts)} windows of {len(practices)} documents, {sum(map(ours.count_tokens, texts))} tokens, {spec.name}"
    )
    cosines = (ours.encode_documents(texts[:50]) * theirs(texts[:50])).sum(axis=1)
    print(f"least cosine of the first 50: {float(cosines.min()):.6f}")
    pairs = [(per_second(ours.encode_documents, texts), per_second(theirs, texts)) for _ in range(options.rounds)]
    own, other = (median(column) for column in zip(*pairs, strict=True))
    print(f"passages a second: {own:.1f} here, {other:.1f} with SentenceTransformer.encode; ratio {own / other:.2f}")


if __name__ == "__main__":
    main()
