"""Keep the measures that were reached, one small file a collection, and tell when a change has lost some of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import TypeVar

from service.evaluate import Values
from tests.benchmarks.measured import OWN_PARTS, Part

FOLDER = Path(__file__).parent / "baselines"
WRITE = "`python -m tests.benchmarks.quality COLLECTIONS --write-baselines`"

TOLERANCE = 0.01
"""Loss of mean nDCG@10 that still passes: the differences that another version of a library makes are below it."""

SAMPLES: Mapping[str, int | None] = dict.fromkeys(OWN_PARTS) | {"xquad/de-en": 120}
"""The parts that the tests run, with the number of questions, None for all of them."""

_DIGITS = 4
_NAMED = 5  # questions that a failure names

Item = TypeVar("Item")


class BaselineError(AssertionError):
    """The measures are below their baseline, or there is none that they can be compared with."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was reached: leg -> measure -> mean; `sample` has query id -> nDCG@10 of hybrid for what the tests run."""

    collection: str
    encoder: str
    questions: int
    legs: Mapping[str, Values]
    sample: Mapping[str, float]


def baseline_of(part: Part, encoder: str) -> Baseline:
    """Return what to keep of a part, rounded."""
    values = part.main_values("hybrid")
    sampled = evenly(list(values), SAMPLES[part.name] or len(values)) if part.name in SAMPLES else []
    return Baseline(
        collection=part.name,
        encoder=encoder,
        questions=len(part),
        legs={leg: _rounded(part.means(leg)) for leg in part.values},
        sample=_rounded({query_id: values[query_id] for query_id in sampled}),
    )


def evenly(items: Sequence[Item], count: int) -> list[Item]:
    """Return `count` of the items, all if there are no more, spread evenly and always the same."""
    count = min(count, len(items))
    return [items[at * len(items) // count] for at in range(count)]


def baseline_path(name: str, folder: Path = FOLDER) -> Path:
    """Return where the baseline of a part is kept; 'xquad/de-en' is in 'xquad-de-en.json'."""
    return folder / f"{name.replace('/', '-')}.json"


def write_baseline(baseline: Baseline, folder: Path = FOLDER) -> None:
    """Write a baseline in place of the one before."""
    content = json.dumps(asdict(baseline), ensure_ascii=False, indent=1)
    baseline_path(baseline.collection, folder).write_text(content + "\n", encoding="utf-8")


def read_baseline(name: str, folder: Path = FOLDER) -> Baseline:
    """Return the baseline of a part. Raises BaselineError where there is none."""
    path = baseline_path(name, folder)
    if not path.is_file():
        raise BaselineError(f"{path} is missing; write it with {WRITE}")
    return Baseline(**json.loads(path.read_text(encoding="utf-8")))


def check_against(baseline: Baseline, encoder: str, found: Mapping[str, float]) -> None:
    """Compare the nDCG@10 of each question of the sample with what was reached, by their mean.

    Raises BaselineError if the mean is more than `TOLERANCE` lower, naming the questions that lost most, and if the
    encoder or the questions are not those of the baseline.
    """
    if encoder != baseline.encoder:
        raise BaselineError(
            f"{baseline.collection}: the baseline was made with encoder '{baseline.encoder}', found '{encoder}'; "
            f"write it again with {WRITE}"
        )
    changed = sorted(found.keys() ^ baseline.sample.keys())
    if changed:
        raise BaselineError(
            f"{baseline.collection}: {len(changed)} questions are new or gone since the baseline was made: "
            f"{', '.join(changed[:_NAMED])}; write it again with {WRITE}"
        )
    before, now = fmean(baseline.sample.values()), fmean(found.values())
    if round(before - now, _DIGITS) > TOLERANCE:
        raise BaselineError(
            f"{baseline.collection}: mean nDCG@10 of {len(found)} questions is {now:.4f}, {before - now:.4f} below the "
            f"baseline {before:.4f}, expected at most {TOLERANCE}; most lost {_losses(baseline.sample, found)}; "
            f"if it must be so, write the baseline again with {WRITE}"
        )


def _losses(before: Mapping[str, float], now: Mapping[str, float]) -> str:
    by_loss = sorted(before, key=lambda query_id: (now[query_id] - before[query_id], query_id))
    lost = [query_id for query_id in by_loss if now[query_id] < before[query_id]]
    return ", ".join(f"{query_id} {before[query_id]:.3f} -> {now[query_id]:.3f}" for query_id in lost[:_NAMED])


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, _DIGITS) for name, value in values.items()}
