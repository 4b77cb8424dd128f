"""Build and ask releases of a thousand to two million practices: `python -m tests.benchmarks.large CORPORA WORK`.

CORPORA is the folder of real project texts; it is no part of the product. Above their 27,217 records they are repeated
with variations: every sentence of a copy has one more word, and its embedding is the real one with noise, so that no
copy equals another and nobody has to encode two million texts. Questions are stretches of other sentences, encoded for
real. Each size is built and asked in processes of its own. WORK keeps the releases, some 30 GB for two million.
"""

import argparse
import gzip
import json
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from indexer.build import build_release
from indexer.embedding_cache import EmbeddingCache
from indexer.encoder import Embeddings, OnnxEncoder, unit_rows
from indexer.key_table import KeyTable, key_hashes
from indexer.passage_embeddings import all_windows, embed, passage_texts
from indexer.passages import Passages, sentence_limits, split_sentences
from indexer.practice import Practice
from indexer.release import load_release
from indexer.release_files import CURRENT
from indexer.source import read_source
from service.answers import search_response
from service.filters import Filters
from service.loading import load_encoder
from service.retriever import Retriever
from service.schemas import SearchRequest
from service.serving import ONE_THREAD
from service.settings import Settings

SIZES = (1_000, 10_000, 100_000, 1_000_000, 2_000_000)
ENCODER = "all-MiniLM-L6-v2"
SHARES = {"one": 100, "ten": 10, "half": 2}
"""Codes of `levels` that every so many-th practice has: filters that 1 %, 10 % and 50 % pass."""

_MARK = "\u2060"  # no letter, and invisible: behind each word that a variation has more
_ADDED = re.compile(rf" \S+?{_MARK}")
_END = re.compile(r"[.!?]*$")
_NOISE = 0.4  # length of what is added to an embedding: the cosine of a copy and its original is about .93
_QUESTIONS = 500
_REPEATS = 1_000
_WATCHED_SECONDS = 0.2


def real_practices(corpora: Path) -> list[Practice]:
    """Return the records of both corpora that have a title or a summary."""
    found = []
    for name in ("esf", "worldbank"):
        with gzip.open(corpora / f"{name}-projects.jsonl.gz", "rt", encoding="utf-8") as file:
            for row in map(json.loads, file):
                title, summary = (" ".join((row.get(field) or "").split()) for field in ("title", "summary"))
                title = title or summary[:200] or row["id"]
                description = summary if summary and summary != title else None
                country = row["country"] if name == "esf" else None
                found.append(
                    Practice(
                        id=row["id"], title=title, description=description, country=country, language=row.get("lang")
                    )
                )
    return found


def variations(practices: Sequence[Practice], count: int) -> Iterator[Practice]:
    """Yield `count` practices: the given ones, then copies of them with one more word in each sentence."""
    words = sorted({word for one in practices for word in one.title.split() if word.isalpha()})
    for number in range(count):
        copy, at = divmod(number, len(practices))
        practice = practices[at]
        levels = tuple(code for code, every in SHARES.items() if number % every == 0)
        if copy == 0:
            yield practice.model_copy(update={"levels": levels})
            continue
        choice = random.Random(number)
        texts = {"title": practice.title, "description": practice.description}
        varied = {field: text and _varied(text, practice, words, choice) for field, text in texts.items()}
        yield practice.model_copy(update={"id": f"{practice.id}-{copy}", "levels": levels, **varied})


def _varied(text: str, practice: Practice, words: Sequence[str], choice: random.Random) -> str:
    pieces, last = [], 0
    for start, end in split_sentences(text, practice.language or "en"):
        sentence = text[start:end]
        cut = _END.search(sentence).start()
        pieces += [text[last:start], sentence[:cut], f" {choice.choice(words)}{_MARK}", sentence[cut:]]
        last = end
    return "".join([*pieces, text[last:]])


class VariedEncoder(OnnxEncoder):
    """The encoder, but a text with added words gets the embedding of the text without them and noise of its own."""

    def __init__(self, folder: Path, base: Path) -> None:
        super().__init__(folder)
        self._numbers = KeyTable.load(base / "texts")
        self._base = np.load(base / "base.npy", mmap_mode="r")
        self._noise = np.random.default_rng(0).normal(size=(4_096, self.spec.dim)).astype(np.float32)
        self._noise *= _NOISE / np.linalg.norm(self._noise, axis=1, keepdims=True)
        self.unknown = 0

    def encode_documents(self, texts: Sequence[str]) -> Embeddings:
        numbers = self._numbers.numbers([_ADDED.sub("", text) for text in texts])
        self.unknown += int((numbers < 0).sum())
        hashes = key_hashes(texts)
        numbers = np.where(numbers < 0, hashes % len(self._base), numbers).astype(np.int64)
        is_copy = np.array([_MARK in text for text in texts])[:, None]
        noise = self._noise[hashes % 4_096] + self._noise[(hashes >> 12) % 4_096]
        return unit_rows(self._base[numbers] + is_copy * noise * np.float32(2**-0.5))


class OwnMemory:
    """The most memory of its own that this process has had inside `with`, in MB: without what is mapped from files."""

    def __init__(self) -> None:
        self.peak = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "OwnMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(_WATCHED_SECONDS):
            self.peak = max(self.peak, memory_mb("RssAnon"))


def memory_mb(kind: str) -> int:
    """Return the resident memory of this process: VmRSS all of it, RssAnon without what is mapped from files."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(rf"^{kind}:\s+(\d+)", status, re.M).group(1)) // 1024


class NoCache:
    """Keeps nothing: the embeddings of variations are not worth the disk."""

    def of_queries(self) -> "NoCache":
        return self

    def known(self, texts: Sequence[str]) -> dict[bytes, Embeddings]:
        return {}

    def store(self, texts: Sequence[str], embeddings: Embeddings) -> None:
        pass


def prepare(corpora: Path, work: Path, settings: Settings) -> None:
    """Encode the passages of the real records, once."""
    if (work / "base.npy").exists():
        return
    encoder = load_encoder(ENCODER, settings)
    practices = real_practices(corpora)
    windows, sentences = all_windows(practices, encoder), Passages.of_practices(map(sentence_limits, practices))
    texts = list(dict.fromkeys(passage_texts(practices, windows) + passage_texts(practices, sentences)))
    cache = EmbeddingCache(settings.cache, encoder.spec.identity, encoder.spec.dim)
    rows = embed(texts, encoder, cache, lambda done, total: print(f"\r{done}/{total}", end="", file=sys.stderr))
    KeyTable.build(key_hashes(texts)).save(work / "texts")
    (work / "questions.json").write_text(json.dumps(_questions(practices), ensure_ascii=False), encoding="utf-8")
    np.save(work / "base.npy", rows)


def _questions(practices: Sequence[Practice]) -> list[str]:
    """Return stretches of six to twelve words out of the middle of descriptions."""
    choice = random.Random(0)
    long = [one.description.split() for one in practices if one.description and len(one.description.split()) > 20]
    chosen = choice.sample(long, _QUESTIONS)
    return [" ".join(words[start : start + choice.randint(6, 12)]) for words in chosen for start in [len(words) // 3]]


def build(corpora: Path, work: Path, size: int, settings: Settings) -> dict[str, float]:
    """Build the release of `size` practices; return what it took."""
    catalogue, releases = work / f"{size}.jsonl", work / f"{size}"
    with catalogue.open("w", encoding="utf-8") as file:
        for practice in variations(real_practices(corpora), size):
            file.write(practice.model_dump_json(exclude_defaults=True) + "\n")
    started = time.perf_counter()
    with OwnMemory() as memory:
        source = read_source(catalogue)
        encoder = VariedEncoder(load_encoder(ENCODER, settings).folder, work)
        release = build_release(source, encoder, releases=releases, cache=NoCache(), progress=lambda *_: None)
    seconds = time.perf_counter() - started
    catalogue.unlink()
    files = [path for path in release.folder.rglob("*") if path.is_file()]
    return {
        "build_seconds": round(seconds, 1),
        "build_own_mb": memory.peak,
        "build_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "disk_mb": round(sum(path.stat().st_size for path in files) / 2**20),
        "passages_without_real_embedding": encoder.unknown,
    }


def ask(work: Path, size: int) -> dict[str, float | str]:
    """Open the release of `size` practices and ask; return milliseconds without those of the encoder."""
    started = time.perf_counter()
    release = load_release(work / f"{size}" / CURRENT)
    retriever = Retriever(release)
    encoder = OnnxEncoder(release.folder / "encoder")
    questions = json.loads((work / "questions.json").read_text(encoding="utf-8"))
    first = answer(retriever, encoder, SearchRequest(query=questions[0]))
    found: dict[str, float | str] = {"open_seconds": round(time.perf_counter() - started, 2), "first_ms": first}
    for name, filters in ({"": {}} | {f"_{code}": {"levels": (code,)} for code in SHARES}).items():
        requests = [SearchRequest(query=query, filters=Filters(**filters)) for query in questions]
        spent = [answer(retriever, encoder, request) for request in requests]
        found |= {f"p50_ms{name}": statistics.median(spent), f"p95_ms{name}": float(np.percentile(spent, 95))}
    for query in islice(iter(questions * 2), _REPEATS):
        answer(retriever, encoder, SearchRequest(query=query))
    record = release.manifest.vectors
    return found | {
        "resident_mb": memory_mb("VmRSS"),
        "own_mb": memory_mb("RssAnon"),
        "index": record.name,
        "recall_at_10": record.recall_at_10,
    }


def answer(retriever: Retriever, encoder: OnnxEncoder, request: SearchRequest) -> float:
    """Return the milliseconds of an answer with ten explained hits as JSON, its encoding left out."""
    started = time.perf_counter()
    question = retriever.understand(request.query)
    understood = time.perf_counter()
    embeddings = encoder.encode_queries(question.encoder_texts)
    encoded = time.perf_counter()
    search_response(retriever, request, question, embeddings, started).model_dump_json()
    return round((understood - started + time.perf_counter() - encoded) * 1000, 2)


def main() -> None:
    """Print one JSON object a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--step", choices=("build", "ask"))
    options = parser.parse_args()
    if not options.corpora.is_dir():
        sys.exit(f"SKIPPED: no folder {options.corpora}; the corpora are no part of the product")
    options.work.mkdir(parents=True, exist_ok=True)
    settings = Settings()
    if options.step:
        [size] = options.sizes
        is_build = options.step == "build"
        print(json.dumps(build(options.corpora, options.work, size, settings) if is_build else ask(options.work, size)))
        return
    prepare(options.corpora, options.work, settings)
    for size in options.sizes:
        found = {"practices": size}
        for step in ("build", "ask"):
            command = [sys.executable, "-m", "tests.benchmarks.large", options.corpora, options.work]
            command += ["--sizes", str(size), "--step", step]
            environment = os.environ if step == "build" else os.environ | ONE_THREAD  # as a server has it
            done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
            found |= json.loads(done.stdout)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
