"""Probes and examples of roles are read in order, and a line that is none is named."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from indexer.probes import Probe, ProbesError, RoleExample, read_probes, read_roles

LINES = (
    '{"text": " who helps pupils that are often away ", "language": "en", "kind": "on-topic"}',
    '{"text": "was verdient ein Klempner", "language": "de", "kind": "near-topic"}',
    '{"text": "asdf 1234", "language": "und", "kind": "off-topic"}',
)


def write(folder: Path, *lines: str, end: str = "\n") -> Path:
    path = folder / "probes.jsonl"
    path.write_bytes("".join(line + end for line in lines).encode())
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_probes_come_in_the_order_of_the_file(tmp_path: Path, end: str) -> None:
    assert read_probes(write(tmp_path, *LINES, end=end), ().__contains__) == (
        Probe(text="who helps pupils that are often away", language="en", kind="on-topic"),
        Probe(text="was verdient ein Klempner", language="de", kind="near-topic"),
        Probe(text="asdf 1234", language="und", kind="off-topic"),
    )


def test_no_file_is_no_probes(tmp_path: Path) -> None:
    assert read_probes(tmp_path / "probes.jsonl", ().__contains__) == ()


def test_a_line_separator_inside_a_question_is_not_the_end_of_it(tmp_path: Path) -> None:
    [probe] = read_probes(
        write(tmp_path, '{"text": "one\u2028two\u0085three", "language": "en", "kind": "on-topic"}'), ().__contains__
    )
    assert probe.text == "one\u2028two\u0085three"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": "a", "language": "en"}', "kind"),
        ('{"text": "a", "kind": "on-topic"}', "language"),
        ('{"text": " ", "language": "en", "kind": "on-topic"}', "text"),
        ('{"text": "a", "language": "en", "kind": "on topic"}', "'on-topic', 'near-topic' or 'off-topic'"),
        ('{"text": "a", "language": "en", "kind": "on-topic", "note": "b"}', "note"),
        ('{"text": "a"', "Invalid JSON"),
        ("[]", "an object"),
    ],
)
def test_a_line_that_is_no_probe_is_named_with_the_reason(tmp_path: Path, line: str, reason: str) -> None:
    path = write(tmp_path, LINES[0], line, LINES[2])
    with pytest.raises(ProbesError) as refusal:
        read_probes(path, ().__contains__)
    assert str(refusal.value).startswith(f"{path}, line 2: ")
    assert reason in str(refusal.value)


def test_bytes_that_are_not_utf_8_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, *LINES)
    path.write_bytes(path.read_bytes() + b'{"text": "\xff", "language": "en", "kind": "on-topic"}')
    with pytest.raises(ProbesError, match="line 4: "):
        read_probes(path, ().__contains__)


def test_the_judgements_of_a_probe_are_ids_of_the_catalogue_and_may_be_none(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '{"text": "a", "language": "en", "kind": "on-topic", "relevant": ["vera", "quabb"]}',
        '{"text": "b", "language": "en", "kind": "on-topic", "relevant": []}',
        '{"text": "c", "language": "en", "kind": "on-topic"}',
        '{"text": "d", "language": "en", "kind": "on-topic", "relevant": null}',
    )
    probes = read_probes(path, {"quabb", "vera"}.__contains__)
    assert [probe.relevant for probe in probes] == [("vera", "quabb"), (), None, None]


def test_a_judgement_of_a_practice_that_is_not_in_the_catalogue_is_named_with_its_line(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        LINES[0],
        "",
        '{"text": "a", "language": "en", "kind": "on-topic", "relevant": ["vera", "vear", "quab"]}',
    )
    with pytest.raises(ProbesError) as refusal:
        read_probes(path, ("vera", "quabb").__contains__)
    assert str(refusal.value) == (
        f"{path}, line 3: field 'relevant' names ['vear', 'quab'], expected ids of the catalogue"
    )


ROLE_LINES = (
    '{"text": "Our apprentices are seventeen. ", "language": "en", "role": "who"}',
    '{"text": "Sie kommen oft zu spät.", "language": "de", "role": "why"}',
    '{"text": "Qui peut les aider ?", "language": "fr", "role": "what"}',
    '{"text": "Good morning.", "language": "en", "role": "other"}',
)


def test_roles_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    assert read_roles(write(tmp_path, *ROLE_LINES)) == (
        RoleExample(text="Our apprentices are seventeen.", language="en", role="who"),
        RoleExample(text="Sie kommen oft zu spät.", language="de", role="why"),
        RoleExample(text="Qui peut les aider ?", language="fr", role="what"),
        RoleExample(text="Good morning.", language="en", role="other"),
    )


def test_no_file_is_no_roles(tmp_path: Path) -> None:
    assert read_roles(tmp_path / "roles.jsonl") == ()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": "a", "language": "en"}', "role"),
        ('{"text": "a", "role": "who"}', "language"),
        ('{"text": "", "language": "en", "role": "who"}', "text"),
        ('{"text": "a", "language": "en", "role": "where"}', "'who', 'why', 'what' or 'other'"),
        ('{"text": "a", "language": "en", "role": "who", "kind": "on-topic"}', "kind"),
        ("{", "Invalid JSON"),
    ],
)
def test_a_line_that_is_no_role_is_named_with_the_reason(tmp_path: Path, line: str, reason: str) -> None:
    path = write(tmp_path, ROLE_LINES[0], line, ROLE_LINES[2])
    with pytest.raises(ProbesError) as refusal:
        read_roles(path)
    assert str(refusal.value).startswith(f"{path}, line 2: ")
    assert reason in str(refusal.value)


def test_a_probe_cannot_be_changed() -> None:
    probe = Probe(text="a", language="en", kind="on-topic")
    with pytest.raises(ValidationError, match="frozen"):
        probe.kind = "off-topic"
    assert probe.kind == "on-topic"
