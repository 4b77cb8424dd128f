"""The comparison with the peer without a peer: what wrk printed, questions that never repeat, processes, the table."""

import json
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from tests.benchmarks.load import (
    Load,
    LoadError,
    Memory,
    Server,
    ask_all,
    distinct_questions,
    end,
    memory_of,
    parse_wrk,
    process_tree,
    seconds_to_first_answer,
    serving,
    wait_until_idle,
)
from tests.benchmarks.peer import (
    BARE,
    CLIENTS,
    OURS,
    THEIRS,
    Aim,
    LoadRun,
    Measured,
    PeerError,
    Row,
    absences,
    faults,
    main,
    markdown,
    parse,
    read_questions,
    table_rows,
    write_documents,
)

PRINTED = """Running 2s test @ http://127.0.0.1:8000
  1 threads and 4 connections
  412 requests in 2.00s, 1.20MB read
Requests/sec:    206.00
{"answers": 412, "microseconds": 2000000, "p50": 1940, "p99": 4125, "asked": 417, "refused": 3, "broken": 2, "late": 1}
"""

PARENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("ready", flush=True)
time.sleep(60)
"""

SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        status, body = (404, b"") if self.path == "/absent" else (200, self.path.encode())
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
"""


def write_lines(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_what_wrk_printed_becomes_seconds_milliseconds_and_all_errors() -> None:
    load = parse_wrk(PRINTED, 1_000)

    assert load == Load(answers=409, seconds=2.0, p50_ms=1.94, p99_ms=4.125, errors=6, repeated=0)
    assert load.per_second == 204.5


def test_questions_beyond_those_that_there_are_count_as_repeated() -> None:
    assert parse_wrk(PRINTED, 416).repeated == 0  # one of the 417 was only asked of the script
    assert parse_wrk(PRINTED, 20).repeated == 396


def test_output_without_measures_is_an_error_that_shows_it() -> None:
    with pytest.raises(LoadError, match=r"questions\.lua; found: unable to connect"):
        parse_wrk("unable to connect to 127.0.0.1:1\n", 10)


def test_questions_come_once_and_then_with_a_number_in_words() -> None:
    given = ["what helps", "who pays", "what helps one"]

    assert list(islice(distinct_questions(given), 7)) == [
        "what helps",
        "who pays",
        "what helps one",
        "who pays one",
        "what helps one one",
        "what helps two",
        "who pays two",
    ]


def test_slices_of_the_questions_are_disjoint_and_never_repeat() -> None:
    source = distinct_questions([f"question {number}" for number in range(20)])
    slices = [list(islice(source, 500)) for _ in range(6)]

    assert len({text for some in slices for text in some}) == 3_000


def test_the_questions_of_a_file_are_different_and_always_in_the_same_order(tmp_path: Path) -> None:
    texts = [f"question {number}" for number in range(20)]
    file = write_lines(tmp_path / "q.jsonl", [{"text": f" {text} "} for text in [*texts, *texts]])

    assert sorted(read_questions(file)) == sorted(texts)
    assert read_questions(file) == read_questions(file) != texts
    with pytest.raises(PeerError, match="1 different questions"):
        read_questions(write_lines(tmp_path / "few.jsonl", [{"text": "one"}]))


@pytest.mark.parametrize(
    "rows",
    [
        [{"_id": "a", "title": "Mentors", "text": "They help."}, {"_id": "b", "title": "Coaches", "text": ""}],
        [{"id": "a", "title": "Mentors", "description": "They help.", "region": "?"}, {"id": "b", "title": "Coaches"}],
    ],
)
def test_both_sides_get_the_same_texts_of_beir_and_of_a_catalogue(rows: list[dict[str, str]], tmp_path: Path) -> None:
    documents = write_lines(tmp_path / "source.jsonl", [*rows, {"_id": "c", "title": "Beyond", "text": "the limit"}])

    written = write_documents(documents, 2, tmp_path)

    assert [json.loads(line) for line in written.catalogue.read_text(encoding="utf-8").splitlines()] == [
        {"id": "a", "title": "Mentors", "description": "They help."},
        {"id": "b", "title": "Coaches"},
    ]
    assert [json.loads(line) for line in written.peer_lines.read_text(encoding="utf-8").splitlines()] == [
        {"id": "a", "text": "Mentors. They help."},
        {"id": "b", "text": "Coaches"},
    ]
    assert (written.count, written.probe_id, written.probe) == (2, "a", "Mentors. They help.")


def test_a_process_and_what_it_started_are_seen_and_ended() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    try:
        assert parent.stdout.readline() == b"ready\n"
        pids = [one.pid for one in process_tree(parent.pid)]
        memory = memory_of(parent.pid)
    finally:
        end(parent)
        parent.stdout.close()

    assert pids[0] == parent.pid
    assert len(pids) == len(memory.rss) == len(memory.pss) == 2
    assert all(0 < pss <= rss < 200 for rss, pss in zip(memory.rss, memory.pss, strict=True))
    assert [pid for one in pids for pid in process_tree(one)] == []


def test_a_server_answers_all_paths_in_order_and_ends_with_its_block(tmp_path: Path) -> None:
    def command(port: int) -> list[str]:
        return [sys.executable, "-c", SERVER, str(port)]

    paths = [f"/{number}" for number in range(25)]
    with serving(command, {}, tmp_path / "log") as server:
        seconds = seconds_to_first_answer(server, "/right", lambda body: body == b"/right", limit_seconds=30)
        assert 0 < seconds < 30
        assert ask_all(server.port, paths, clients=4) == [path.encode() for path in paths]
        with pytest.raises(LoadError, match="GET /absent answers 404, expected 200"):
            ask_all(server.port, ["/absent"], clients=1)
        wait_until_idle(server.process.pid)

    assert server.process.returncode is not None


def test_a_server_ends_when_its_block_fails(tmp_path: Path) -> None:
    def fail() -> None:
        with serving(lambda port: [sys.executable, "-c", SERVER, str(port)], {}, tmp_path / "log") as server:
            servers.append(server)
            raise KeyError

    servers: list[Server] = []
    with pytest.raises(KeyError):
        fail()

    assert servers[0].process.returncode is not None


def test_a_server_that_ends_by_itself_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    def command(_: int) -> list[str]:
        return [sys.executable, "-c", "import sys; sys.exit('no such index')"]

    with (
        pytest.raises(LoadError, match="status 1:\nno such index"),
        serving(command, {}, tmp_path / "log") as server,
    ):
        seconds_to_first_answer(server, "/", bool)


@pytest.mark.parametrize(
    ("aim", "ours", "theirs", "verdict", "shown"),
    [
        (Aim(times=3), 30.0, 10.0, "met", "≥ 3×"),
        (Aim(times=3), 29.9, 10.0, "missed", "≥ 3×"),
        (Aim(part=3), 10.0, 30.0, "met", "≤ 1/3"),
        (Aim(part=3), 10.1, 30.0, "missed", "≤ 1/3"),
        (Aim(part=10, below=1.5), 1.4, 14.0, "met", "≤ 1/10, < 1.5 s"),
        (Aim(part=10, below=1.5), 1.5, 20.0, "missed", "≤ 1/10, < 1.5 s"),
        (Aim(part=10, below=1.5), 1.4, 13.9, "missed", "≤ 1/10, < 1.5 s"),
        (Aim(below=60), 59.0, None, "met", "< 60 s"),
        (Aim(below=60), 60.0, None, "missed", "< 60 s"),
        (Aim(times=3), 30.0, None, "not measured", "≥ 3×"),
        (Aim(below=60), None, None, "not measured", "< 60 s"),
    ],
)
def test_an_aim_is_met_only_if_all_of_it_is(
    aim: Aim, ours: float | None, theirs: float | None, verdict: str, shown: str
) -> None:
    row = Row("waiting", "s", (ours, theirs), aim)

    assert row.verdict == verdict
    assert row.cells()[4] == shown


def test_the_table_shows_ratios_and_marks_what_is_missed() -> None:
    rows = [
        Row("1 client", "q/s", (1234.56, 100.0), Aim(times=3), digits=1),
        Row("first right answer", "s", (2.0, 4.0), Aim(part=10, below=1.5), digits=2),
        Row("PSS of one more worker", "MB", (12.4, None), Aim(below=60)),
        Row("building the index", "s", (None, 3.0)),
        Row("errors under load", "", (0, 0), Aim(below=1)),
    ]

    assert markdown(["measure", OURS, THEIRS, "ratio", "aim", ""], [row.cells() for row in rows]).splitlines() == [
        "| measure | practices | txtai | ratio | aim |  |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| 1 client, q/s | 1,234.6 | 100.0 | 12.35× | ≥ 3× | met |",
        "| first right answer, s | 2.00 | 4.00 | 0.50× | ≤ 1/10, < 1.5 s | **missed** |",
        "| PSS of one more worker, MB | 12 | – |  | < 60 MB | met |",
        "| building the index, s | – | 3 |  |  |  |",
        "| errors under load | 0 | 0 |  | < 1 | met |",
    ]


def measured_loads(*, errors: int = 0, repeated: int = 0) -> Measured:
    """Return a comparison of two rounds: we answer 300 and 100 questions a second, the peer 60 and 40."""

    def load(answers: int) -> Load:
        return Load(answers=answers, seconds=1.0, p50_ms=10.0, p99_ms=3_000 / answers, errors=errors, repeated=repeated)

    rates = {OURS: (300, 100), THEIRS: (60, 40), BARE: (400, 400)}
    loads = [
        LoadRun(name, kind, clients, load(answers))
        for name, both in rates.items()
        for answers in both
        for kind in ("different", "repeated")
        for clients in CLIENTS
    ]
    small, large = Memory(rss=(100.0,), pss=(80.0,)), Memory(rss=(500.0, 100.0), pss=(450.0, 50.0))
    return Measured(
        least_cosine=1.0,
        start_seconds={OURS: [1.0, 0.9, 5.0], THEIRS: [9.0, 11.0, 12.0]},
        memory_first={OURS: [small] * 3, THEIRS: [large] * 3},
        memory_later={OURS: small, THEIRS: large},
        memory_workers={
            2: Memory(rss=(30.0, 100.0, 100.0), pss=(20.0, 60.0, 60.0)),
            4: Memory(rss=(30.0, 100.0, 100.0, 100.0, 100.0), pss=(20.0, 55.0, 55.0, 65.0, 65.0)),
        },
        short_answers={OURS: 0, THEIRS: 0},
        loads=loads,
    )


def test_rows_are_medians_and_an_extra_worker_is_half_of_what_two_more_cost() -> None:
    rows = {row.measure: row for row in table_rows(measured_loads())}

    assert rows["first right answer"].values == (1.0, 11.0)
    assert rows["4 clients"].values == (200, 50)
    assert rows["4 clients"].verdict == "met"
    assert rows["4 clients, without explanations"].values == (400, 50)
    assert rows["16 clients, p99"].values == (20, 62.5)
    assert rows["16 clients, p99"].verdict == "met"
    assert rows["1 client, p99"].verdict == ""
    assert rows["20 questions over and over, 16 clients"].verdict == "missed"
    assert rows["RSS after 1,000 questions"].values == (100, 600)
    assert rows["PSS of two workers less that of one"].values == (60, None)
    assert rows["PSS of one more worker, from 2 to 4"].values == (60, None)
    assert rows["PSS of one more worker, from 2 to 4"].verdict == "missed"
    assert rows["building the index"].values == (None, None)


def test_what_is_wrong_stands_above_the_table() -> None:
    measured = measured_loads(errors=2, repeated=5)
    measured.short_answers[THEIRS] = 7
    measured.least_cosine = 0.9
    measured.has_given_vectors = True

    assert faults(measured_loads(), {"load_before": 3.0})[1:] == [
        "The machine was busy: load average 3.0 before the run."
    ]
    assert faults(measured, {"load_before": 0.1}) == [
        "**ERRORS: practices answered 24 questions under load with an error or not at all.**",
        "**practices: 30 questions came again, it was faster than questions were prepared.**",
        "**ERRORS: practices, explain=false answered 24 questions under load with an error or not at all.**",
        "**practices, explain=false: 30 questions came again, it was faster than questions were prepared.**",
        "**ERRORS: txtai answered 24 questions under load with an error or not at all.**",
        "**txtai: 30 questions came again, it was faster than questions were prepared.**",
        "**txtai: 7 of 1,000 answers had fewer than 10 hits.**",
        "A load has only 40 answers: a p99 of fewer than 100 is that of the slowest one.",
        "**The encoders differ: cosine of a question's embeddings 0.9000.**",
        "The index of txtai was built from given vectors, not from the texts.",
    ]


def test_without_the_peer_the_comparison_says_so_and_ends_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "bin" / "python"
    files = ["--documents", "documents.jsonl", "--questions", "questions.jsonl"]
    main(parse(["--peer-python", str(nowhere), "--peer-folder", str(tmp_path), *files]))

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"SKIPPED: no comparison with txtai: {tmp_path} has no build.py and serve.yml")
    assert f"there is no {nowhere}" in printed.err
    assert any("cannot import txtai.api" in one for one in absences(Path(sys.executable), tmp_path))
