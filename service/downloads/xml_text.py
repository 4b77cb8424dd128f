"""Turn any text into one that an XML 1.0 file can hold, as the files of office programs are."""

import re

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What is no character of XML 1.0 (section 2.2): most control characters, lone surrogates, U+FFFE and U+FFFF."""


def xml_text(text: str) -> str:
    """Return a text with U+FFFD for each character that XML cannot hold, and line ends that XML does not change."""
    return _NOT_IN_XML.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
