"""Turn a release into one schema.org Dataset in JSON-LD, with every practice as a part of it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote

from indexer.catalogue import Vocabulary
from indexer.description import Description
from indexer.practice import Practice, Source, field_values
from indexer.release import Release
from service.exports.fields import practice_fields
from service.exports.kinds import MEDIA_TYPES, Kind
from service.pages.page_state import practice_path
from service.pages.structured_data import structured_data
from service.web_address import is_web_address


def to_json_ld(release: Release, home: str | None) -> Iterator[str]:
    """Yield a JSON-LD document, one practice a line (https://schema.org/Dataset); what is not known is left out.

    `home` is the address of the service; without one, practices have names within the document and no pages.
    """
    yield json.dumps(_dataset(release, home), ensure_ascii=False, indent=1).removesuffix("\n}")
    before = ',\n "hasPart": [\n'
    for practice in release.parts.practices:
        yield before + json.dumps(_part(practice, home, release.parts.vocabulary), ensure_ascii=False)
        before = ",\n"
    yield "\n ]\n}\n"


def _dataset(release: Release, home: str | None) -> dict[str, object]:
    description, manifest = release.parts.description, release.manifest
    changed = datetime.fromtimestamp(int(release.parts.changed_at.max()), UTC)
    found: dict[str, object | None] = {
        "@context": "https://schema.org",
        "@type": "Dataset",
        "@id": home and f"{home}/about",
        "name": description.title or manifest.catalogue_name,
        "description": description.about,
        "url": description.homepage or home,
        "license": _licence(description),
        "publisher": description.publisher and {"@type": "Organization", "name": description.publisher},
        "creditText": description.provenance,
        "version": manifest.release_id,
        "dateModified": changed.isoformat(),
        "distribution": home and [_distribution(kind, home) for kind in Kind],
    }
    return {name: value for name, value in found.items() if value}


def _licence(description: Description) -> str | dict[str, object] | None:
    if description.licence is None:
        return description.licence_url
    named: dict[str, object] = {"@type": "CreativeWork", "name": description.licence}
    return named | {"url": description.licence_url} if description.licence_url else named


def _distribution(kind: Kind, home: str) -> dict[str, object]:
    media_type = MEDIA_TYPES[kind].partition(";")[0]
    return {"@type": "DataDownload", "encodingFormat": media_type, "contentUrl": f"{home}/download/catalogue.{kind}"}


def _part(practice: Practice, home: str | None, vocabulary: Vocabulary) -> dict[str, object]:
    name = f"#{quote(practice.id, safe='')}"
    told = structured_data(practice, name if home is None else home + practice_path(practice.id))
    without_page = () if home else ("url",)
    found = {key: value for key, value in told.items() if key not in ("@context", *without_page)}
    terms = [
        _term(field.name, code, vocabulary.get(field.name, {}).get(code))
        for field in practice_fields()
        if field.is_coded
        for code in field_values(practice, field.name)
    ]
    sources = [_source(source) for source in practice.sources]
    return found | ({"keywords": terms} if terms else {}) | ({"subjectOf": sources} if sources else {})


def _term(field: str, code: str, label: str | None) -> dict[str, object]:
    found: dict[str, object] = {"@type": "DefinedTerm", "inDefinedTermSet": field, "termCode": code}
    return found | {"name": label} if label else found


def _source(source: Source) -> dict[str, object]:
    is_page = is_web_address(source.url)
    found: dict[str, object] = {"@type": "WebPage", "url": source.url} if is_page else {"@type": "CreativeWork"}
    found |= {} if is_page else {"name": source.url}
    return found | {"description": source.note} if source.note else found
