"""Which texts of a catalogue may become links."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.web_address import LONGEST_LINK, is_web_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://one.example/a?b=1&c=ä#d", True),
        ("HTTP://localhost:8000/", True),
        ("http://[::1]:8000/", True),
        ("https://one.example", True),
        ("https://ελλάδα.example/(a)'b'", True),
        (f"https://one.example/{'x' * (LONGEST_LINK - 20)}", True),
        (f"https://one.example/{'x' * LONGEST_LINK}", False),
        ("javascript:alert(1)", False),
        ("JavaScript:alert(1)//http://one.example/", False),
        ("data:text/html,<script>", False),
        ("ftp://one.example/", False),
        ("file:///etc/passwd", False),
        ("//one.example/", False),
        ("one.example", False),
        ("", False),
        ("https://", False),
        ("https:///path", False),
        ("https:/one.example/", False),
        ("http://[broken", False),
        ("http://one.example:port/", False),
        ("http://one.example:0/", False),
        ("http://one.example:65536/", False),
        ("http://one.example/a b", False),
        ("http://one.example/a\nb", False),
        ("http://one.example/\\", False),
        ('http://one.example/"', False),
        ("http://one.example/<b>", False),
        ("http://one.example/\ud800", False),
        ("http://one.example/\x00", False),
        ("http://one.example/\x85", False),
        (" http://one.example/", False),
        ("http://one.example/\n", False),
    ],
)
def test_only_whole_http_addresses_may_become_links(text: str, expected: bool) -> None:  # noqa: FBT001
    assert is_web_address(text) is expected


@given(text=st.text(st.characters(codec=None, categories=None), max_size=30))
def test_any_text_is_judged_and_no_link_leaves_its_attribute_or_its_scheme(text: str) -> None:
    for one in (text, f"http://{text}", f"https://one.example/{text}"):
        if is_web_address(one):
            assert one.lower().startswith(("http://", "https://"))
            assert not set(one) & set('"<> \t\r\n\\`')
