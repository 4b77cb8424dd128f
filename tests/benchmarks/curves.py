"""Draw what grows with a catalogue: `python -m tests.benchmarks.curves MEASURED.jsonl`.

MEASURED is what `python -m tests.benchmarks.large` printed, one JSON object a size. Four drawings beside this file, as
SVG that reads on a light and on a dark page.
"""

import json
import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter, NullFormatter

FOLDER = Path(__file__).parent / "curves"
INK = "#7a7a7a"  # contrast of at least 4 to 1 with white and with black
COLOURS = ("#2f81c7", "#d0651b", "#3d9a50", "#b0529a")
DRAWINGS = {
    "time": (
        "Milliseconds of an answer, all but encoding (p95)",
        {"p95_ms": "any practice", "p95_ms_half": "half pass", "p95_ms_ten": "10 % pass", "p95_ms_one": "1 % pass"},
    ),
    "memory": (
        "Megabytes in memory after 1,000 questions",
        {"resident_mb": "with the files it has read", "own_mb": "of its own"},
    ),
    "disk": ("Megabytes of a release on disk", {"disk_mb": "release"}),
    "recall": ("Recall@10 against exact search", {"recall_at_10": "measured at build"}),
}


def draw(rows: list[dict[str, float]], name: str) -> None:
    """Write one drawing."""
    title, series = DRAWINGS[name]
    figure, axes = plt.subplots(figsize=(5, 3.2))
    for colour, (key, label) in zip(COLOURS, series.items(), strict=False):
        axes.plot([row["practices"] for row in rows], [row[key] for row in rows], marker="o", color=colour, label=label)
    axes.set_xscale("log")
    axes.set_title(title, color=INK, fontsize=10)
    axes.set_xlabel("practices", color=INK)
    if name == "recall":
        axes.set_ylim(0.97, 1.001)
        axes.axhline(0.98, color=INK, linestyle=":")
    else:
        axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.tick_params(colors=INK, which="both")
    axes.grid(visible=True, color=INK, alpha=0.25)
    for spine in axes.spines.values():
        spine.set_color(INK)
    if len(series) > 1:
        axes.legend(labelcolor=INK, framealpha=0, fontsize=8)
    FOLDER.mkdir(exist_ok=True)
    figure.savefig(FOLDER / f"{name}.svg", transparent=True, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Draw all of them."""
    mpl.use("svg")
    mpl.rcParams |= {"svg.hashsalt": "practices", "svg.fonttype": "none", "font.family": "sans-serif"}
    rows = [json.loads(line) for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
    for name in DRAWINGS:
        draw(rows, name)


if __name__ == "__main__":
    main()
