"""Who asks and by which name: headers of proxies are believed from trusted ones alone, foreign hosts refused."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from service.problems import MEDIA_TYPE
from service.proxies import KnownHosts, TrustedProxies, plain_address

PROXIES = ["10.0.0.0/8", "192.0.2.9/32", "2001:db8::/64"]
FORWARDED = {
    "X-Forwarded-For": "198.51.100.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "practices.example",
}
DIRECT = ["203.0.113.5", "http://direct.example/"]


async def told(request: Request) -> JSONResponse:
    return JSONResponse([request.client.host, str(request.base_url)])


APP = Starlette(routes=[Route("/{path:path}", told)])


def asked(peer: str, headers: dict[str, str] | list[tuple[str, str]]) -> list[str]:
    client = TestClient(TrustedProxies(APP, proxies=PROXIES), base_url="http://direct.example", client=(peer, 1))
    return client.get("/", headers=headers).json()


def test_a_trusted_proxy_says_who_asks_and_by_which_name():
    assert asked("10.1.2.3", FORWARDED) == ["198.51.100.7", "https://practices.example/"]
    assert asked("2001:db8::5", FORWARDED) == ["198.51.100.7", "https://practices.example/"]
    assert asked("::ffff:10.1.2.3", FORWARDED) == ["198.51.100.7", "https://practices.example/"]


@pytest.mark.parametrize("headers", [FORWARDED, *({name: value} for name, value in FORWARDED.items())])
def test_from_any_other_address_the_headers_change_nothing(headers):
    assert asked(DIRECT[0], headers) == DIRECT


def test_of_several_hops_the_last_one_that_is_no_proxy_asks():
    headers = {"X-Forwarded-For": "127.0.0.1, 198.51.100.7, 192.0.2.9, 10.0.0.2"}
    assert asked("10.1.2.3", headers)[0] == "198.51.100.7"


def test_headers_that_come_several_times_are_read_to_the_last():
    headers = [("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-For", "198.51.100.7")]
    assert asked("10.1.2.3", headers)[0] == "198.51.100.7"
    hosts = [("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Host", "evil.example, practices.example")]
    assert asked("10.1.2.3", hosts)[1] == "http://practices.example/"


def test_what_a_proxy_leaves_out_stays_as_it_is():
    assert asked("10.1.2.3", {}) == ["10.1.2.3", "http://direct.example/"]
    assert asked("10.1.2.3", {"X-Forwarded-Host": " ", "X-Forwarded-Proto": "gopher"})[1] == "http://direct.example/"


@pytest.mark.parametrize(
    ("host", "plain"),
    [("::ffff:192.0.2.1", "192.0.2.1"), ("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::1"), ("", "")],
)
def test_an_ipv4_address_is_known_in_both_ways_to_write_it(host, plain):
    assert plain_address(host) == plain


def known(host: str, path: str = "/", **headers: str) -> TestClient:
    app = KnownHosts(APP, hosts=["practices.example", "*.sites.example", "[::1]"])
    return TestClient(app).get(path, headers={"Host": host, **headers})


@pytest.mark.parametrize(
    "host", ["practices.example", "PRACTICES.example:8000", "a.sites.example", "a.b.sites.example", "[::1]:80"]
)
def test_the_hosts_of_the_list_are_answered(host):
    assert known(host).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "practices.example.evil.example", "sites.example", "practices.example@evil.example", ""]
)
def test_another_host_is_refused_by_a_problem_document(host):
    answer = known(host)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json()["type"] == "urn:practices:problem:unknown-host"
    assert host not in answer.text or not host


def test_health_calls_may_name_any_host():
    assert known("10.0.0.7:8000", "/health/live").status_code == 200


def test_a_proxy_that_passes_a_foreign_host_on_is_not_followed():
    app = TrustedProxies(KnownHosts(APP, hosts=["practices.example"]), proxies=PROXIES)
    client = TestClient(app, base_url="http://practices.example", client=("10.0.0.1", 1))
    assert client.get("/").json()[1] == "http://practices.example/"
    assert client.get("/", headers={"X-Forwarded-Host": "evil.example"}).status_code == 400
