"""How often one may ask: per address and per key, in a sliding window, in little memory, and forgotten afterwards."""

import tracemalloc

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from service.keys import KeyStore
from service.problems import MEDIA_TYPE
from service.rate_limits import MOST_COUNTED, Rate, RateLimits, counted_address, is_counted, share

SEARCH = "/api/v1/search?q=mentors"


class Clock:
    """The time, which passes when a test says so; it begins a second after a full minute."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_001.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.time", clock)
    return clock


@pytest.fixture
def keys(tmp_path) -> KeyStore:
    return KeyStore(tmp_path / "keys.sqlite")


def client_of(address: str = "192.0.2.1", *, app=None, **options) -> TestClient:
    if app is None:
        settings = {"rate": "", "key_rate": "", "workers": 1, "keys": None} | options
        app = Starlette(routes=[Route("/{path:path}", lambda _: PlainTextResponse("answer"))])
        app = RateLimits(app, **settings)
    return TestClient(app, client=(address, 50_000))


def statuses(client: TestClient, times: int, **headers: str) -> list[int]:
    return [client.get(SEARCH, headers=headers).status_code for _ in range(times)]


def test_calls_beyond_the_rate_are_told_when_to_come_again(clock):
    client = client_of(rate="2/minute")
    headers = client.get(SEARCH).headers
    assert headers["ratelimit-policy"] == '"address";q=2;w=60'
    assert headers["ratelimit"] == '"address";r=1;t=59'
    assert client.get(SEARCH).headers["ratelimit"] == '"address";r=0;t=59'

    clock.seconds += 19
    answer = client.get(SEARCH)
    assert answer.status_code == 429
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["retry-after"] == "40"
    assert answer.headers["ratelimit"] == '"address";r=0;t=40'
    problem = answer.json()
    assert problem["type"] == "urn:practices:problem:too-many-requests"
    assert problem["detail"].startswith("this address may ask 2 times in 60 seconds;")


def test_a_person_is_told_on_a_page_to_come_again(clock):
    client = client_of(rate="1/minute")
    client.get("/?q=mentors")
    answer = client.get("/?q=mentors", headers={"Accept": "text/html", "Accept-Language": "en"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "59")
    assert "Please load this page again in a few seconds." in answer.text


def test_the_window_slides(clock):
    client = client_of(rate="4/minute")
    clock.seconds += 58
    assert statuses(client, 5) == [200] * 4 + [429]
    clock.seconds += 2  # another minute, but the calls were made two seconds ago
    assert statuses(client, 2) == [200, 429]
    clock.seconds += 30  # half of them count no more
    assert statuses(client, 3) == [200, 200, 429]


def test_each_address_has_a_rate_of_its_own(clock):
    one = client_of(rate="1/minute")
    other = client_of("192.0.2.2", app=one.app)
    assert statuses(one, 2) == [200, 429]
    assert statuses(other, 2) == [200, 429]


def test_an_ipv6_line_is_one_asker_and_ipv4_in_ipv6_is_not(clock):
    assert counted_address("2001:db8:1:2:3:4:5:6") == counted_address("2001:db8:1:2:ffff::1")
    assert counted_address("2001:db8:1:2::1") != counted_address("2001:db8:1:3::1")
    assert counted_address("::ffff:192.0.2.1") == counted_address("192.0.2.1") == "192.0.2.1"
    assert counted_address("unix:") == "unix:"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/search",
        "/api/v1/similar",
        "/api/v1/practices/mentors/related",
        "/practices/mentors",
        "/embed/related.json",
        "/embed/related/mentors",
        "/download/practices.docx",
        "/?q=mentors",
        "/map?lang=de&q=mentors",
        "/?%71=mentors",
        "/practices.atom?q=x",
        "/api/v1/index?release=20260101",
    ],
)
def test_what_searches_encodes_makes_a_file_or_opens_a_release_counts(path):
    assert is_counted(scope_of(path))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/health/ready",
        "/static/page.css",
        "/widget.js",
        "/practices?page=2",
        "/api/v1/facets",
        "/?seq=1",
        "/about",
    ],
)
def test_other_calls_do_not_count(path):
    assert not is_counted(scope_of(path))


def scope_of(address: str) -> dict:
    path, _, query = address.partition("?")
    return {"type": "http", "path": path, "query_string": query.encode()}


def test_calls_that_do_not_count_are_answered_beyond_the_rate(clock):
    client = client_of(rate="1/minute")
    assert statuses(client, 2) == [200, 429]
    answer = client.get("/health/live")
    assert (answer.status_code, "ratelimit" in answer.headers) == (200, False)


def test_a_key_has_its_own_rate_wherever_it_asks_from(clock, keys):
    secret, other = (keys.create(name, ["read"]) for name in ("portal", "other"))
    client = client_of(rate="1/minute", key_rate="3/minute", keys=keys)
    elsewhere = client_of("192.0.2.2", app=client.app)
    authorization = {"Authorization": f"Bearer {secret}"}
    assert client.get(SEARCH, headers=authorization).headers["ratelimit-policy"] == '"key";q=3;w=60'
    assert statuses(elsewhere, 3, **authorization) == [200, 200, 429]
    assert statuses(client, 1, Authorization=f"Bearer {other}") == [200]
    assert statuses(client, 2) == [200, 429]


def test_a_made_up_key_counts_for_its_address(clock, keys):
    client = client_of(rate="2/minute", key_rate="9/minute", keys=keys)
    answers = [statuses(client, 1, Authorization=f"Bearer practices_{number}") for number in range(3)]
    assert answers == [[200], [200], [429]]


def test_without_a_rate_for_addresses_only_keys_are_bounded(clock, keys):
    secret = keys.create("portal", ["read"])
    client = client_of(key_rate="1/minute", keys=keys)
    assert statuses(client, 3) == [200] * 3
    assert statuses(client, 2, Authorization=f"bearer {secret}") == [200, 429]


@pytest.mark.parametrize(
    ("rate", "workers", "amount", "seconds"),
    [("120/minute", 4, 30, 60), ("10 per 2 hour", 3, 3, 7200), ("2/second", 8, 1, 1)],
)
def test_each_process_takes_its_share_but_at_least_one(rate, workers, amount, seconds):
    found = share(rate, workers)
    assert (found.amount, found.get_expiry()) == (amount, seconds)


def test_of_a_hundred_thousand_addresses_only_so_many_are_kept(clock):
    rate = Rate("address", share("1/minute", 1))
    for number in range(100_000):
        rate.take(f"198.18.{number}")
    assert len(rate.counters) == MOST_COUNTED
    assert not rate.take("198.18.99999")[0]  # the latest
    assert rate.take("198.18.0")[0]


def test_a_counter_takes_little_memory(clock):
    rate = Rate("address", share("120/minute", 1))
    tracemalloc.start()
    for number in range(2_000):
        rate.take(f"198.18.{number}")
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / len(rate.counters) < 700


def test_an_address_is_kept_as_a_salted_hash_and_no_longer_than_two_windows(clock):
    first, second = (Rate("address", share("2/minute", 1)) for _ in range(2))
    for rate in (first, second):
        rate.take("192.0.2.1")
    [kept], [other] = (list(rate.counters._counts) for rate in (first, second))
    assert "192.0.2.1" not in kept
    assert kept != other
    clock.seconds += 119
    assert len(first.counters) == 1
    clock.seconds += 2
    assert len(first.counters) == 0
