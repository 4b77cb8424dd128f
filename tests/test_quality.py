"""The run over all collections with the fake encoder: its parts, its comparisons and the tables it prints."""

import json
import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from service.collection import Collection, JudgedQuery
from tests.benchmarks import quality
from tests.benchmarks.baselines import Baseline, read_baseline, write_baseline
from tests.benchmarks.measured import PUBLIC, Part, measure_collection, read_collections
from tests.benchmarks.quality import comparison_table, hybrid_table, shown_p
from tests.benchmarks.significance import PERMUTATIONS, holm, paired_p
from tests.fakes import PRACTICES, WordEncoder, fake_spec, small_source


def exact_p(differences) -> float:
    """Return the share of all choices of signs with a mean at least as far from 0."""
    means = [abs(np.dot(signs, differences)) for signs in product((-1, 1), repeat=len(differences))]
    return float(np.mean([mean >= abs(sum(differences)) - 1e-12 for mean in means]))


@pytest.mark.parametrize(
    "differences", [[0.1, 0.2, 0.3, 0.4], [0.5, -0.1, 0.2, 0.0, 0.3, -0.2], [-0.3, -0.3, -0.3], [0.4, -0.4], [0.4]]
)
def test_the_p_value_of_few_questions_is_that_of_all_signs(differences):
    assert paired_p(differences) == pytest.approx(exact_p(differences))


def test_rankings_that_never_differ_have_a_p_value_of_1():
    assert paired_p([0.0] * 50) == 1


def test_the_p_value_of_many_questions_is_near_the_normal_one_and_the_same_every_time():
    differences = np.random.default_rng(3).normal(0.02, 0.1, 200).tolist()
    z = abs(sum(differences)) / math.sqrt(sum(one * one for one in differences))
    first = paired_p(differences)
    assert first == pytest.approx(math.erfc(z / math.sqrt(2)), abs=0.01)
    assert paired_p(differences) == first


def test_a_difference_that_every_question_shows_has_the_smallest_p_value_there_is():
    assert paired_p([0.1] * 200) == pytest.approx(2 / (PERMUTATIONS + 1))


def test_holms_correction_has_the_values_of_the_paper_and_keeps_the_order():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02}
    )
    assert list(holm({"a": 0.9, "b": 0.5})) == ["a", "b"]
    assert holm({"a": 0.9, "b": 0.6}) == {"a": 1, "b": 1}
    assert holm({}) == {}


def values(ndcg: float) -> dict[str, float]:
    return {"nDCG@10": ndcg, "R@100": 1.0, "RR@10": 0.5, "P@1": 0.25}


def part(name: str, *, base_of=None, seconds=12.4, **by_leg: list[float]) -> Part:
    rows = {leg: {f"q{at}": values(one) for at, one in enumerate(numbers)} for leg, numbers in by_leg.items()}
    ids = next(iter(rows.values()))
    return Part(name, rows, base_of or {query_id: query_id for query_id in ids}, seconds)


TUNING = part("own-tuning", lexical=[0.0] * 12, plain=[0.5] * 12, hybrid=[0.6] * 11 + [0.4])
SCIFACT = part("scifact", seconds=3, lexical=[0.7, 0.7], plain=[0.6, 0.6], hybrid=[0.7, 0.7])


def test_a_question_and_its_translations_are_one_difference():
    translated = part(
        "own-translations",
        base_of={"q0": "a", "q1": "b", "q2": "a", "q3": "b"},
        plain=[0.0, 0.5, 0.2, 0.5],
        hybrid=[0.4, 0.5, 0.8, 0.4],
    )
    assert translated.differences("hybrid", "plain") == pytest.approx([0.5, -0.05])
    assert len(translated) == 4


def test_the_table_compares_hybrid_with_both_others():
    # p before Holm's correction for four: tuning 26 and 2 of 4,096 choices of signs, scifact 1/2 and 1
    assert comparison_table([TUNING, SCIFACT]).splitlines() == [
        "| collection | questions | nDCG@10 lexical | nDCG@10 plain | nDCG@10 hybrid "
        "| hybrid - plain | hybrid - lexical |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| own-tuning (tuning) | 12 | 0.000 | 0.500 | 0.583 | +0.083 (p 0.019) | +0.583 (p 0.002) |",
        "| scifact | 2 | 0.700 | 0.600 | 0.700 | +0.100 (p 1.000) | +0.000 (p 1.000) |",
    ]


def test_the_table_of_hybrid_has_its_measures_and_the_change_since_the_baseline(tmp_path, monkeypatch):
    monkeypatch.setattr(quality, "read_baseline", lambda name: read_baseline(name, tmp_path))
    write_baseline(Baseline("own-tuning", "words@1", 12, {"hybrid": values(0.6)}, {}), tmp_path)
    assert hybrid_table([TUNING, SCIFACT], "words@1").splitlines() == [
        "| hybrid | nDCG@10 | R@100 | RR@10 | P@1 | nDCG@10 - baseline | seconds |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| own-tuning (tuning) | 0.583 | 1.000 | 0.500 | 0.250 | -0.0167 | 12 |",
        "| scifact | 0.700 | 1.000 | 0.500 | 0.250 |  | 3 |",
    ]
    assert "-0.0167" not in hybrid_table([TUNING], "words@2")


@pytest.mark.parametrize(("p_value", "expected"), [(0.0004, "p < .001"), (0.001, "p 0.001"), (0.0494, "p 0.049")])
def test_a_p_value_is_never_shown_as_0(p_value, expected):
    assert shown_p(p_value) == expected


def test_a_collection_is_measured_by_every_leg(encoder, cache):
    queries = (JudgedQuery("q1", "retired masters mentor apprentices"), JudgedQuery("q2", "zzz"))
    collection = Collection("tiny", small_source(), queries, {"q1": {"mentors": 1}, "q2": {"mentors": 1}})
    (found,) = measure_collection("tiny", collection, encoder, cache)
    assert (found.name, len(found)) == ("tiny", 2)
    assert {leg: found.main_values(leg)["q1"] for leg in found.values} == {"plain": 1, "lexical": 1, "hybrid": 1}
    assert found.main_values("lexical")["q2"] == 0


def test_a_seed_is_dropped_by_every_leg(encoder, cache):
    text = f"{PRACTICES[0].title}. {PRACTICES[0].description}"
    for seed_id, expected in (("", 0), (PRACTICES[0].id, 1)):
        queries = (JudgedQuery("q", text + " Youth workers offer coffee.", seed_id=seed_id),)
        collection = Collection("papers", small_source(), queries, {"q": {"street-work": 1}})
        (found,) = measure_collection("papers", collection, encoder, cache)
        assert {leg: found.means(leg)["P@1"] for leg in found.values} == dict.fromkeys(found.values, expected)


def write_public(folder: Path, name: str) -> None:
    (folder / name / "qrels").mkdir(parents=True)
    (folder / name / "corpus.jsonl").write_text('{"_id": "d1", "title": "Street work", "text": "They visit homes."}\n')
    (folder / name / "queries.jsonl").write_text('{"_id": "q1", "text": "who visits homes"}\n')
    (folder / name / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n")


def small_catalogue(folder: Path) -> Path:
    path = folder / "small.jsonl"
    rows = [practice.model_dump(mode="json", exclude_defaults=True) for practice in PRACTICES]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_collections_that_are_absent_are_named_one_line_each(tmp_path, capsys):
    write_public(tmp_path, "xquad/de-en")
    names = [name for name, _ in read_collections(tmp_path, small_catalogue(tmp_path))]
    assert names == ["own", "xquad/de-en"]
    absent = [name for name in PUBLIC if name != "xquad/de-en"]
    assert capsys.readouterr().err.splitlines() == [f"SKIPPED: {name} is not in {tmp_path}" for name in absent]


def test_one_run_prints_both_tables_and_writes_a_baseline_a_part(tmp_path, monkeypatch, capsys):
    write_public(tmp_path, "scifact")
    monkeypatch.setenv("PRACTICES_CATALOGUE", str(small_catalogue(tmp_path)))
    monkeypatch.setenv("PRACTICES_CACHE", str(tmp_path / "cache"))
    loaded = []
    monkeypatch.setattr(quality, "load_encoder", lambda name, _: loaded.append(name) or WordEncoder(fake_spec(name)))
    queries = (JudgedQuery("q1", "retired masters"), JudgedQuery("ho-1", "masters", is_held_out=True))
    own = Collection("practices", small_source(), queries, {"q1": {"mentors": 1}, "ho-1": {"absence-call": 1}})
    monkeypatch.setattr("tests.benchmarks.measured.read_shipped_collection", lambda _: own)
    monkeypatch.setattr(quality, "read_baseline", lambda name: read_baseline(name, tmp_path))
    monkeypatch.setattr(quality, "write_baseline", lambda baseline: write_baseline(baseline, tmp_path))

    quality.main(tmp_path, has_to_write=True)

    out = capsys.readouterr().out
    assert len(loaded) == 1
    assert "| own-tuning (tuning) | 1 | 1.000 | 1.000 | 1.000 | +0.000 (p 1.000) | +0.000 (p 1.000) |" in out
    assert "| own-held-out | 1 | " in out
    assert "| scifact | 1.000 | 1.000 | 1.000 | 1.000 |  | " in out
    assert read_baseline("own-tuning", tmp_path).sample == {"q1": 1.0}
    assert list(read_baseline("own-held-out", tmp_path).sample) == ["ho-1"]
    assert read_baseline("scifact", tmp_path).questions == 1
