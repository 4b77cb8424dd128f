"""The kinds of files that a catalogue is exported as, by the endings of their names."""

from collections.abc import Mapping
from enum import StrEnum


class Kind(StrEnum):
    """The endings of the files."""

    JSONL = "jsonl"
    CSV = "csv"
    XLSX = "xlsx"
    JSONLD = "jsonld"


MEDIA_TYPES: Mapping[Kind, str] = {
    Kind.JSONL: "application/jsonl",
    Kind.CSV: "text/csv; charset=utf-8; header=present",
    Kind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Kind.JSONLD: "application/ld+json",
}
