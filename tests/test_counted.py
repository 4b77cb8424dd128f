"""An answer costs no more instructions than the base says: counted, so that a busy machine makes no difference."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.build import build_release
from indexer.embedding_cache import EmbeddingCache
from indexer.shipped import shipped_path
from indexer.source import read_source
from tests.benchmarks.counted import DIM, QUESTIONS
from tests.fakes import WordEncoder, fake_spec

BASE_FILE = Path(__file__).parent / "benchmarks" / "baselines" / "instructions.json"
MOST = 1.2
"""Instructions of an answer over those of the base from which on it is a regression."""

FEW, MANY = 2 * len(QUESTIONS), 8 * len(QUESTIONS)


def counted(release: Path, folder: Path, questions: int) -> int:
    """Return the instructions of a process that answers so many questions."""
    out = folder / f"{questions}.out"
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={out}", sys.executable]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    subprocess.run(
        [*command, "-m", "tests.benchmarks.counted", str(release), str(questions)],
        check=True,
        capture_output=True,
        cwd=Path(__file__).parent.parent,
        env=os.environ | threads | {"PYTHONHASHSEED": "0"},
    )
    [summary] = [line for line in out.read_text(encoding="utf-8").splitlines() if line.startswith("summary:")]
    return int(summary.split()[1])


@pytest.mark.counted
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="NOT MEASURED: valgrind counts the instructions")
def test_an_answer_takes_no_more_instructions_than_the_base(tmp_path: Path) -> None:
    source = read_source(shipped_path("data/catalogue/practices.jsonl"))
    encoder = WordEncoder(fake_spec(dim=DIM))
    cache = EmbeddingCache(tmp_path / "cache", encoder.spec.identity, DIM)
    release = build_release(source, encoder, releases=tmp_path, cache=cache, progress=lambda *_: None)
    few, many = (counted(release.folder, tmp_path, questions) for questions in (FEW, MANY))
    found = (many - few) / (MANY - FEW)
    base = json.loads(BASE_FILE.read_text(encoding="utf-8"))["instructions_an_answer"]
    assert found <= MOST * base, (
        f"an answer takes {found:,.0f} instructions, the base {base:,.0f}: {found / base:.2f} times as many, at most "
        f"{MOST} is allowed; make it cheaper, or say in {BASE_FILE.name} and in the commit what they are spent on"
    )
