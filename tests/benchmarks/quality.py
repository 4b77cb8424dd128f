"""Print the README's table of measures: both encoders on the shipped questions and on public collections.

Usage: python -m tests.benchmarks.quality [COLLECTIONS]
"""

import json
import subprocess
import sys
from pathlib import Path

ENCODERS = ("multilingual-e5-small", "all-MiniLM-L6-v2")
LEGS = ("plain", "hybrid")
PUBLIC = ("scifact", "feedbackqa", "xquad/de-en")


def ndcg(encoder: str, leg: str, collection: Path | None) -> float:
    """Return nDCG@10 over all judged questions; translations are not among them."""
    command = [sys.executable, "-m", "service", "evaluate", "--encoder", encoder, "--leg", leg, "--json"]
    if collection:
        command.append(str(collection))
    answer = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return float(next(row["nDCG@10"] for row in answer["rows"] if row["group"] == "all"))


def main(folder: Path | None) -> None:
    """Print one row a collection, one column an encoder and leg."""
    columns = [(encoder, leg) for encoder in ENCODERS for leg in LEGS]
    print("| nDCG@10 | " + " | ".join(f"{encoder} {leg}" for encoder, leg in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    if folder is None:
        print("no folder of public collections is given: only the shipped questions are measured", file=sys.stderr)
    collections = {"own questions": None} | ({name: folder / name for name in PUBLIC} if folder else {})
    for name, collection in collections.items():
        cells = [f"{ndcg(encoder, leg, collection):.3f}" for encoder, leg in columns]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
