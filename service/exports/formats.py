"""Turn a release into the content of a file of any kind, block by block: no catalogue is too large."""

from collections.abc import Iterable, Iterator

from indexer.release import Release
from service.exports.json_lines import to_json_lines
from service.exports.kinds import Kind
from service.exports.linked_data import to_json_ld
from service.exports.table import to_csv
from service.exports.workbook import to_xlsx

_BLOCK = 1 << 18  # bytes: each costs a change of thread, and less would be compressed in the thread that answers


def content(kind: Kind, release: Release, home: str | None = None) -> Iterator[bytes]:
    """Yield the content of a file. `home` is the address of the service, where there is one."""
    if kind is Kind.XLSX:
        return to_xlsx(release)
    if kind is Kind.CSV:
        return _blocks(to_csv(release))
    if kind is Kind.JSONLD:
        return _blocks(to_json_ld(release, home))
    return _blocks(to_json_lines(release))


def _blocks(texts: Iterable[str]) -> Iterator[bytes]:
    """Yield texts in UTF-8, as many as make a block at once."""
    block = bytearray()
    for text in texts:
        block += text.encode()
        if len(block) >= _BLOCK:
            yield bytes(block)
            block.clear()
    yield bytes(block)
