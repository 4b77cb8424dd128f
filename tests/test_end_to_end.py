"""What a new user does, with the real encoder and the shipped catalogue, and what the answers must be."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.build import build_release
from indexer.embedding_cache import EmbeddingCache
from indexer.encoder import Encoder
from indexer.registry import DEFAULT_ENCODER
from indexer.release import load_release
from indexer.release_files import CURRENT
from indexer.shipped import shipped_path
from indexer.source import read_source
from service.answers import search_response
from service.loading import load_encoder
from service.related import related
from service.retriever import Hit, Retriever
from service.schemas import SearchRequest, SearchResponse
from service.settings import Settings

pytestmark = pytest.mark.model

CATALOGUE = shipped_path("data/catalogue/practices.jsonl")
KEEP_APPRENTICES = {"quabb", "lehrlingscoaching", "vera"}
STARTING_LIST = {
    practice.id for practice in read_source(CATALOGUE).practices if "cedefop-starting-list" in practice.listed_in
}
JUDGED = [
    json.loads(line) for line in shipped_path("data/qrels/queries.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder(DEFAULT_ENCODER, Settings())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Path:
    folder = tmp_path_factory.mktemp("home")
    cache = EmbeddingCache(folder / "cache", encoder.spec.identity, encoder.spec.dim)
    build_release(read_source(CATALOGUE), encoder, releases=folder / "releases", cache=cache, progress=lambda *_: None)
    return folder


@pytest.fixture(scope="module")
def retriever(home: Path) -> Retriever:
    return Retriever(load_release(home / "releases" / CURRENT))


def ask(retriever: Retriever, encoder: Encoder, text: str, top_k: int = 10) -> list[Hit]:
    question = retriever.understand(text)
    return retriever.rank(question, encoder.encode_queries(question.encoder_texts), top_k=top_k)


def answer(retriever: Retriever, encoder: Encoder, text: str) -> SearchResponse:
    request = SearchRequest(query=text)
    question = retriever.understand(request.query)
    embeddings = encoder.encode_queries(question.encoder_texts)
    return search_response(retriever, request, question, embeddings, time.perf_counter())


KEEPING_APPRENTICES = [
    "how to keep apprentices from dropping out",
    "Wie hält man Auszubildende davon ab, die Ausbildung abzubrechen?",
    "Comment éviter que les apprentis abandonnent leur formation ?",
    "Hoe voorkom je dat leerlingen in een leerbaan afhaken?",
    "Jak zapobiec porzucaniu nauki zawodu przez uczniów?",
]


@pytest.mark.parametrize("text", KEEPING_APPRENTICES)
def test_a_real_question_is_answered_in_each_language(retriever: Retriever, encoder: Encoder, text: str) -> None:
    found = answer(retriever, encoder, text)

    assert found.verdict in ("good", "weak")
    assert [hit.rank for hit in found.hits] == list(range(1, 11))
    assert KEEP_APPRENTICES & {hit.practice.id for hit in found.hits}


@pytest.mark.parametrize(
    ("text", "practice_id"),
    [
        ("QuABB", "quabb"),
        ("quabb", "quabb"),
        ("PSAD", "siei-psad"),
        ("FGU", "fgu-dk"),
        ("AsA flex", "asa-flex"),
        ("Lehrlingscoching", "lehrlingscoaching"),
        ("Ohjamo", "ohjaamo"),
        ("what does QuABB cost a company", "quabb"),
    ],
)
def test_a_practice_that_is_called_by_its_name_comes_first(
    retriever: Retriever, encoder: Encoder, text: str, practice_id: str
) -> None:
    found = answer(retriever, encoder, text)

    assert found.hits[0].practice.id == practice_id
    assert found.verdict in ("good", "weak")


def test_a_name_that_two_practices_share_brings_both_first(retriever: Retriever, encoder: Encoder) -> None:
    first_two = {hit.practice.id for hit in ask(retriever, encoder, "E2C", top_k=2)}

    assert first_two == {"e2c-france", "e2c-luxembourg"}


@pytest.mark.parametrize(
    "text",
    [
        "apprentice electrician salary",
        "pension age for teachers",
        "teacher pension age in Spain",  # a word of the title of a practice
        "how do I lift a heavy box without hurting my back",  # the name of another one
    ],
)
def test_a_question_beside_the_topic_is_not_called_good(retriever: Retriever, encoder: Encoder, text: str) -> None:
    found = answer(retriever, encoder, text)

    assert found.verdict in ("weak", "none")
    assert found.nearest_theme is not None


def test_letters_without_a_meaning_bring_no_hits(retriever: Retriever, encoder: Encoder) -> None:
    found = answer(retriever, encoder, "asdkjh qwe")

    assert (found.verdict, found.hits) == ("none", [])
    assert found.nearest_theme is not None
    assert found.message == (
        f"Nothing in this catalogue fits the question. The nearest theme is: {found.nearest_theme.label}."
    )


def test_a_problem_of_two_needs_is_taken_apart_and_covered(retriever: Retriever, encoder: Encoder) -> None:
    problem = (
        "Good morning from a small vocational school. Two of our apprentices quarrel with their bosses every week "
        "and want to break off their contracts. We need somebody from outside who mediates between them and the "
        "companies. Other pupils are reported sick again and again, and nobody knows why. For them we are looking for "
        "a doctor or nurse who talks with pupils about their absence."
    )
    found = answer(retriever, encoder, problem)

    assert len(found.aspects) >= 2
    best = [{hit.practice.id for hit in aspect.hits} for aspect in found.aspects]
    assert any(KEEP_APPRENTICES & one for one in best)
    assert any("mazl-mass" in one for one in best)
    assert found.coverage is not None
    assert 1 <= len(found.coverage.smallest_set) <= len(found.aspects)


@pytest.mark.parametrize("text", KEEPING_APPRENTICES)
def test_keeping_apprentices_brings_a_programme_for_apprentices_first(
    retriever: Retriever, encoder: Encoder, text: str
) -> None:
    assert ask(retriever, encoder, text)[0].practice.id in KEEP_APPRENTICES


@pytest.mark.parametrize(
    "question",
    [one for one in JUDGED if one.get("practice_id") in STARTING_LIST],
    ids=lambda one: one["_id"],
)
def test_each_programme_of_the_starting_list_is_first_or_second(
    retriever: Retriever, encoder: Encoder, question: dict[str, str]
) -> None:
    first_two = [hit.practice.id for hit in ask(retriever, encoder, question["text"], top_k=2)]

    assert question["practice_id"] in first_two


def test_a_page_of_text_is_read_to_its_end(retriever: Retriever, encoder: Encoder) -> None:
    padding = "We are a small town with two schools and a river. " * 60
    need = "Our apprentices quarrel with their bosses and break off their contracts; who can mediate? " * 60

    assert {hit.practice.id for hit in ask(retriever, encoder, padding + need, top_k=5)} & KEEP_APPRENTICES


def test_related_practices_of_the_german_mediators_are_about_apprentices(retriever: Retriever) -> None:
    found = [one.hit.practice for one in related(retriever, "quabb", mode="similar", top_k=5)]

    assert "apprentices" in found[0].target_groups
    assert sum("apprentices" in practice.target_groups for practice in found) >= 3


@pytest.fixture(scope="module")
def service(home: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"PRACTICES_RELEASES": str(home / "releases"), "PRACTICES_CACHE": str(home / "cache")}
    command = [sys.executable, "-m", "service", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(address, process)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode in (0, -signal.SIGTERM)


def wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(240):
        assert process.poll() is None, process.stderr and process.stderr.read().decode()
        try:
            with urllib.request.urlopen(f"{address}/health/ready", timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise AssertionError("the service did not become ready")


def get(address: str) -> dict[str, object]:
    with urllib.request.urlopen(address, timeout=60) as answer:
        return json.load(answer)


def test_the_service_answers_a_question_over_http(service: str) -> None:
    answer = get(f"{service}/api/v1/search?q=how+to+keep+apprentices+from+dropping+out&top_k=3")

    assert [hit["rank"] for hit in answer["hits"]] == [1, 2, 3]
    assert answer["hits"][0]["practice"]["id"] in KEEP_APPRENTICES
    assert answer["language"] == "en"


def test_the_service_lists_the_catalogue_as_a_listing_page_needs_it(service: str) -> None:
    page = get(f"{service}/api/v1/practices?page=7&page_size=12")

    assert (page["first"], page["last"], page["total"], page["pages"]) == (73, 75, 75, 7)


def test_serve_refuses_a_damaged_release_with_one_message(home: Path, tmp_path: Path) -> None:
    broken = tmp_path / "releases" / "broken"
    source = (home / "releases" / CURRENT).resolve()
    broken.parent.mkdir()
    subprocess.run(["cp", "-r", str(source), str(broken)], check=True)
    (broken.parent / CURRENT).symlink_to("broken")
    practices = broken / "practices.jsonl"
    practices.write_bytes(practices.read_bytes().replace(b"QuABB", b"QuABC", 1))

    environment = os.environ | {"PRACTICES_RELEASES": str(broken.parent)}
    done = subprocess.run(
        [sys.executable, "-m", "service", "serve", "--port", "0"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 1
    assert "practices.jsonl: sha256 is" in done.stderr
    assert "rebuild it with `practices index`" in done.stderr
    assert "Traceback" not in done.stderr
