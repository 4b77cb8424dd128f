"""A program with a key changes practices: checked at once, kept before the answer, never over someone else's change."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from indexer.edits import Edit, edited_source, entity_tag
from indexer.practice import Practice
from indexer.release import activate
from service import admin, request_bounds
from service.administration import Administration
from service.app import create_app
from service.journal import Journal
from service.keys import KeyStore
from service.retriever import Retriever
from tests.fakes import PRACTICES, WordEncoder, small_source
from tests.test_build import build, tiny_spec
from tests.test_switching import FolderReleases

NEW = {"id": "night-bus", "title": "Night bus for trainees", "country": "DE", "approaches": ["mentoring"]}
PRACTICE = PRACTICES[0]
PATH = f"/api/v1/admin/practices/{PRACTICE.id}"
NEW_PATH = "/api/v1/admin/practices/night-bus"
UPLOAD = "/api/v1/admin/practices"
LINES = {"Content-Type": "application/x-ndjson"}


class NoBuilder:
    """Builds nothing: the tests say when a release is built."""

    async def keep(self) -> None:
        return None


@dataclass
class Site:
    folder: Path
    client: TestClient
    journal: Journal
    keys: KeyStore
    release_ids: list[str] = field(default_factory=list)

    def build_next(self) -> str:
        """Build the release that has all pending edits, and return its id; it is not made current."""
        releases = self.folder / "releases"
        base = self.client.app.state.switch.answering.retriever.release
        pending = self.journal.pending()
        built = build(self.folder, edited_source(base, (one.edit for one in pending)))
        activate(releases, base.manifest.release_id)
        with self.journal.writing() as writer:
            writer.release(pending, built.manifest.release_id)
        return built.manifest.release_id


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    release = build(tmp_path, small_source())
    followed = FolderReleases(tmp_path / "releases")
    keys, journal = KeyStore(tmp_path / "keys.sqlite"), Journal(tmp_path / "journal.sqlite")
    app = create_app(
        Retriever(release),
        WordEncoder(tiny_spec()),
        queue_size=8,
        releases=followed,
        administration=Administration(keys, journal, NoBuilder(), followed.current_id),
    )
    with TestClient(app) as client:
        client.headers["Authorization"] = f"Bearer {keys.create('cms', ['write'])}"
        yield Site(tmp_path, client, journal, keys)


def tag(practice: Practice) -> dict[str, str]:
    return {"If-Match": entity_tag(practice)}


def changed(**values: object) -> dict:
    return PRACTICE.model_copy(update=values).model_dump(mode="json", exclude_defaults=True)


def lines(*records: dict) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in records)


def edits_of(site: Site) -> list[tuple[str, str | None]]:
    return [(one.edit.practice_id, one.edit.practice and one.edit.practice.title) for one in site.journal.pending()]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", PATH), ("PUT", PATH), ("DELETE", PATH), ("POST", UPLOAD), ("GET", "/api/v1/admin/edits")],
)
def test_nothing_is_told_or_changed_without_a_key(site: Site, method: str, path: str) -> None:
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer practices_guess"}):
        answer = site.client.request(method, path, headers=headers, content=b"{}")
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    reader = site.keys.create("reader", ["read"])
    answer = site.client.request(method, path, headers={"Authorization": f"Bearer {reader}"}, content=b"{}")
    assert answer.status_code == 403
    assert site.journal.state().last_edit == 0


def test_a_new_practice_is_kept_before_the_answer_and_can_be_read_at_once(site: Site) -> None:
    answer = site.client.put(NEW_PATH, json=NEW)
    assert (answer.status_code, answer.json()) == (201, {"practice_id": "night-bus", "change": "created", "edit": 1})
    assert edits_of(site) == [("night-bus", "Night bus for trainees")]
    read = site.client.get(NEW_PATH)
    assert read.json()["title"] == "Night bus for trainees"
    assert read.headers["etag"] == answer.headers["etag"] == entity_tag(Practice.model_validate(NEW))
    assert site.client.get("/api/v1/admin/edits").json() | {"release": ""} == {
        "pending": 1,
        "last_edit": 1,
        "release": "",
        "fault": None,
    }


def test_a_practice_is_replaced_by_who_has_read_it(site: Site) -> None:
    read = site.client.get(PATH)
    assert Practice.model_validate(read.json()) == PRACTICE
    answer = site.client.put(PATH, json=changed(region="Bremen"), headers={"If-Match": read.headers["etag"]})
    assert (answer.status_code, answer.json()["change"]) == (200, "replaced")
    assert site.client.get(PATH).json()["region"] == "Bremen"
    again = site.client.put(PATH, json=changed(region="Hessen"), headers={"If-Match": answer.headers["etag"]})
    assert again.json() == {"practice_id": PRACTICE.id, "change": "replaced", "edit": 2}


def test_of_two_writers_the_second_is_told_of_the_first(site: Site) -> None:
    site.client.put(PATH, json=changed(region="Bremen"), headers=tag(PRACTICE))
    answer = site.client.put(PATH, json=changed(region="Hessen"), headers=tag(PRACTICE))
    assert answer.status_code == 412
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["etag"] == site.client.get(PATH).headers["etag"]
    assert "someone else has changed it" in answer.json()["detail"]
    assert site.client.get(PATH).json()["region"] == "Bremen"


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (PATH, {}, 428),
        (PATH, {"If-None-Match": "*"}, 412),
        (PATH, {"If-Match": '"other"'}, 412),
        (PATH, {"If-Match": ""}, 412),
        (PATH, {"If-Match": f"W/{entity_tag(PRACTICE)}"}, 412),
        (PATH, {"If-Match": f'"other", {entity_tag(PRACTICE)}'}, 200),
        (PATH, {"If-Match": "*"}, 200),
        (NEW_PATH, {"If-Match": "*"}, 412),
        (NEW_PATH, {"If-Match": '"other"'}, 412),
        (NEW_PATH, {"If-None-Match": "*"}, 201),
        (NEW_PATH, {}, 201),
    ],
)
def test_conditions_are_those_of_http(site: Site, path: str, headers: dict[str, str], status: int) -> None:
    record = changed(region="Bremen") if path == PATH else NEW
    assert site.client.put(path, json=record, headers=headers).status_code == status
    assert site.journal.state().last_edit == (status < 400)


def test_the_same_record_once_more_changes_nothing(site: Site) -> None:
    answer = site.client.put(PATH, json=changed())
    assert (answer.status_code, answer.json()["change"], answer.json()["edit"]) == (200, "unchanged", None)
    assert site.journal.state().last_edit == 0


def test_a_practice_is_removed_by_who_has_read_it(site: Site) -> None:
    assert site.client.delete(PATH).status_code == 428
    assert site.client.delete(PATH, headers={"If-Match": '"other"'}).status_code == 412
    answer = site.client.delete(PATH, headers=tag(PRACTICE))
    assert answer.json() == {"practice_id": PRACTICE.id, "change": "removed", "edit": 1}
    assert site.client.get(PATH).status_code == 404
    assert site.client.delete(PATH, headers={"If-Match": "*"}).status_code == 404
    assert site.client.put(PATH, json=changed()).status_code == 201


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"id": "night-bus"', "Invalid JSON"),
        (b"[]", "row is not valid"),
        (b'{"id": "night-bus"}', "field 'title' is missing"),
        (b'{"id": "night-bus", "title": "Bus", "title": "Tram"}', "stands there twice"),
        (b'{"id": "night-bus", "title": "Bus", "country": "XX"}', "ISO 3166"),
        (b'{"id": "night-bus", "title": "Bus", "approaches": ["busses"]}', "expected one of"),
        (b'{"id": "night-bus", "title": "Bus", "colour": "red"}', "'colour'"),
        (b'{"id": "day-bus", "title": "Bus"}', "expected 'night-bus', as in the path"),
        (b"[" * 100_000, "row is not valid"),
        (b"\xff\xfe", "row is not valid"),
    ],
)
def test_a_record_that_is_not_valid_is_refused_with_what_is_wrong(site: Site, body: bytes, message: str) -> None:
    answer = site.client.put(NEW_PATH, content=body)
    assert answer.status_code == 422
    assert message in answer.json()["detail"]
    assert answer.json()["errors"]
    assert site.journal.state().last_edit == 0


def test_a_successor_has_to_be_there_and_to_stay(site: Site) -> None:
    dead = site.client.put(NEW_PATH, json=NEW | {"succeeded_by": "nobody"})
    assert (dead.status_code, dead.json()["type"]) == (409, "urn:practices:problem:contradiction")
    assert "'night-bus' by 'nobody'" in dead.json()["detail"]
    assert site.client.put(NEW_PATH, json=NEW | {"succeeded_by": PRACTICE.id}).status_code == 201
    assert site.client.delete(PATH, headers=tag(PRACTICE)).status_code == 409
    own_tag = {"If-Match": site.client.get(NEW_PATH).headers["etag"]}
    assert site.client.put(NEW_PATH, json=NEW, headers=own_tag).status_code == 200
    assert site.client.delete(PATH, headers=tag(PRACTICE)).status_code == 200


def test_the_last_practice_stays(site: Site) -> None:
    for one in PRACTICES[1:]:
        assert site.client.delete(f"/api/v1/admin/practices/{one.id}", headers={"If-Match": "*"}).status_code == 200
    answer = site.client.delete(PATH, headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "no practice would be left; a catalogue has one at least",
    )


def test_an_upload_is_taken_as_a_whole(site: Site) -> None:
    answer = site.client.post(UPLOAD, content=lines(NEW, changed(), NEW | {"id": "day-bus"}), headers=LINES)
    assert answer.json() == {"created": 2, "replaced": 0, "unchanged": 1, "removed": 0, "last_edit": 2}
    assert [one for one, _ in edits_of(site)] == ["night-bus", "day-bus"]


def test_an_upload_with_a_bad_line_is_refused_as_a_whole_and_every_fault_is_named(site: Site) -> None:
    content = lines(NEW, NEW | {"country": "XX"}) + b"\n{\n" + lines(NEW | {"id": "day-bus", "approaches": ["x"]})
    answer = site.client.post(UPLOAD, content=content, headers=LINES)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == ["line 2: country", "line 4", "line 5: approaches"]
    assert site.journal.state().last_edit == 0


def test_an_upload_names_no_practice_twice(site: Site) -> None:
    answer = site.client.post(UPLOAD, content=lines(NEW, NEW | {"title": "Bus"}), headers=LINES)
    assert answer.status_code == 422
    assert "line 1 has this one already" in answer.json()["detail"]


def test_an_upload_replaces_only_where_it_says_so(site: Site) -> None:
    content = lines(NEW, changed(region="Bremen"))
    refused = site.client.post(UPLOAD, content=content, headers=LINES)
    assert refused.status_code == 428
    assert PRACTICE.id in refused.json()["detail"]
    assert site.journal.state().last_edit == 0
    answer = site.client.post(f"{UPLOAD}?mode=replace", content=content, headers=LINES)
    assert answer.json() == {"created": 1, "replaced": 1, "unchanged": 0, "removed": 0, "last_edit": 2}


def test_an_upload_of_the_whole_catalogue_removes_what_it_does_not_name(site: Site) -> None:
    answer = site.client.post(f"{UPLOAD}?mode=whole", content=lines(NEW, changed()), headers=LINES)
    removed = len(PRACTICES) - 1
    assert answer.json() == {
        "created": 1,
        "replaced": 0,
        "unchanged": 1,
        "removed": removed,
        "last_edit": 1 + removed,
    }
    assert site.client.get(f"/api/v1/admin/practices/{PRACTICES[1].id}").status_code == 404


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [(b"", LINES, 422), (lines(NEW), {"Content-Type": "application/json"}, 415), (b"x" * 2_000, LINES, 413)],
)
def test_uploads_are_bounded_and_say_what_they_are(
    site: Site, monkeypatch: pytest.MonkeyPatch, content: bytes, headers: dict[str, str], status: int
) -> None:
    monkeypatch.setattr(request_bounds, "MAX_UPLOAD_BYTES", 1_000)
    assert site.client.post(UPLOAD, content=content, headers=headers).status_code == status


def test_an_upload_of_too_many_lines_and_a_record_that_is_too_large_are_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "MAX_UPLOAD_ROWS", 1)
    monkeypatch.setattr(request_bounds, "MAX_RECORD_BYTES", 100)
    two = lines(NEW, NEW | {"id": "day-bus"})
    assert site.client.post(UPLOAD, content=two, headers=LINES).status_code == 413
    assert site.client.put(NEW_PATH, json=NEW | {"note": "x" * 100}).status_code == 413
    assert site.journal.state().last_edit == 0


def test_what_is_in_a_release_is_what_the_next_change_is_held_against(site: Site) -> None:
    site.client.put(PATH, json=changed(region="Bremen"), headers=tag(PRACTICE))
    site.client.delete(f"/api/v1/admin/practices/{PRACTICES[1].id}", headers={"If-Match": "*"})
    activate(site.folder / "releases", site.build_next())
    assert site.client.get(PATH).json()["region"] == "Bremen"
    assert site.client.get("/api/v1/admin/edits").json()["pending"] == 0
    assert site.client.get(f"/api/v1/practices/{PRACTICES[1].id}").status_code == 404
    assert site.client.put(PATH, json=changed(region="Hessen"), headers=tag(PRACTICE)).status_code == 412


def test_nothing_is_written_while_the_current_release_does_not_answer(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "_LOOKS", 2)
    monkeypatch.setattr(site.client.app.state.administration.current_id.__self__, "folder", site.folder / "nowhere")
    answer = site.client.put(NEW_PATH, json=NEW)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert site.journal.state().last_edit == 0


def test_what_was_last_written_is_read_while_someone_writes(site: Site) -> None:
    site.client.put(PATH, json=changed(region="Bremen"), headers=tag(PRACTICE))
    with site.journal.writing() as writer:
        writer.append(Edit(PRACTICE.id, PRACTICE), None, "cms")
        answer = site.client.get(PATH)
    assert (answer.status_code, answer.json()["region"]) == (200, "Bremen")


def test_a_disk_that_takes_nothing_is_no_answer_that_something_was_kept(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.client.put(NEW_PATH, json=NEW)
    (site.folder / "journal.sqlite").write_bytes(b"no database " * 200)
    answer = site.client.put(PATH, json=changed(region="Bremen"), headers=tag(PRACTICE))
    assert answer.status_code == 503
    assert str(site.folder) not in answer.text


def test_a_service_that_cannot_build_takes_no_changes(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    administration = site.client.app.state.administration
    without = Administration(
        administration.keys, administration.journal, NoBuilder(), administration.current_id, ("sklearn",)
    )
    monkeypatch.setattr(site.client.app.state, "administration", without)
    answer = site.client.put(NEW_PATH, json=NEW)
    assert (answer.status_code, site.journal.state().last_edit) == (501, 0)
    assert "sklearn are missing (practices[edit])" in answer.json()["detail"]
