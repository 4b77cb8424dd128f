"""Which texts of a catalogue may become links."""

import re
from urllib.parse import urlsplit

from service.downloads.xml_text import xml_text

LONGEST_LINK = 2_000  # characters; office programs refuse files with links that are a little longer
_WEB_ADDRESS = re.compile(r"https?://[^\s<>\"{}|\\^`\x7f-\x9f]+", re.IGNORECASE)


def is_web_address(text: str) -> bool:
    """Say whether a text is an http(s) URL that a link may lead to: a program is none, and Word opens no broken one."""
    if len(text) > LONGEST_LINK or xml_text(text) != text or not _WEB_ADDRESS.fullmatch(text):
        return False
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that are no IPv6 address, or a port that is no number
        return False
