"""Turn a release into a folder of related practices that a static site can show without any server."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from indexer.drafts import draft_folder
from service.answers import related_response
from service.embeds.links import RelatedLinks, links_of
from service.embeds.widget import widget_script
from service.pages.rendering import render
from service.retriever import Retriever
from service.schemas import RelatedParameters
from service.wording import LANGUAGES, wording

INDEX_NAME = "index.json"
WIDGET_NAME = "widget.js"
MADE_BY = "practices export-related"

_LONGEST_NAME = 255
"""Bytes that the usual file systems allow for a name."""


class ExportError(RuntimeError):
    """Related practices cannot be exported as asked."""


def export_related(
    retriever: Retriever, folder: Path, *, base_url: str, languages: Sequence[str], top_k: int
) -> dict[str, Any]:
    """Write the related practices of every practice to `folder` and return the content of its index.

    `base_url` is where the pages of the practices are. The folder is made beside its place and put there as a whole;
    a former export is replaced. Raises ExportError where something else is there, and where an argument is wrong.
    """
    _check(base_url, languages)
    folder = folder.resolve()
    _refuse_foreign(folder)
    home = base_url.rstrip("/")
    index = _index(retriever, home, languages, top_k)
    with draft_folder(folder.parent) as draft:
        made = draft / "export"
        made.mkdir()
        for name, content in _files(retriever, home, languages, top_k):
            (made / name).write_text(content, encoding="utf-8")
        (made / WIDGET_NAME).write_text(widget_script(home), encoding="utf-8")
        (made / INDEX_NAME).write_text(json.dumps(index, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        if folder.exists():
            folder.rename(draft / "former")
        made.rename(folder)
    return index


def file_name(practice_id: str, language: str, kind: str) -> str:
    """Return the name of a file of one practice; the id is encoded as in URLs. Raises ExportError if it is too long."""
    name = f"{quote(practice_id, safe='')}.{language}.{kind}"
    if len(name) > _LONGEST_NAME:
        raise ExportError(
            f"practice '{practice_id}': its file name would have {len(name)} bytes, expected at most {_LONGEST_NAME}; "
            "give it a shorter id"
        )
    return name


def _files(retriever: Retriever, home: str, languages: Sequence[str], top_k: int) -> Iterator[tuple[str, str]]:
    for practice in retriever.release.parts.practices:
        answer = related_response(retriever, practice.id, RelatedParameters(top_k=top_k))
        for language in languages:
            links = links_of(answer, wording(language)).at(home)
            yield file_name(practice.id, language, "json"), links.model_dump_json() + "\n"
            yield file_name(practice.id, language, "html"), _fragment(links)


def _fragment(links: RelatedLinks) -> str:
    return render("_related_links.html", links.lang, links=links)


def _index(retriever: Retriever, home: str, languages: Sequence[str], top_k: int) -> dict[str, Any]:
    return {
        "made_by": MADE_BY,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "release_id": retriever.release.manifest.release_id,
        "base_url": home,
        "top_k": top_k,
        "languages": list(languages),
        "ids": [practice.id for practice in retriever.release.parts.practices],
    }


def _check(base_url: str, languages: Sequence[str]) -> None:
    address = urlsplit(base_url)
    if address.scheme not in ("http", "https") or not address.netloc or address.query or address.fragment:
        raise ExportError(
            f"--base-url is '{base_url}', expected the address of the service such as https://example.org"
        )
    unknown = [language for language in languages if language not in LANGUAGES]
    if unknown or not languages:
        raise ExportError(f"--lang is '{', '.join(unknown)}', expected some of: {', '.join(LANGUAGES)}")


def _refuse_foreign(folder: Path) -> None:
    """Raise ExportError unless `folder` is absent, empty, or holds an export and nothing else."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ExportError(f"{folder} is a file, expected a folder or nothing")
    found = {path.name for path in folder.iterdir()}
    foreign = sorted(found - _names_in_export(folder))
    if foreign:
        raise ExportError(
            f"{folder} holds '{foreign[0]}', which `{MADE_BY}` did not make; name an empty folder or a former export"
        )


def _names_in_export(folder: Path) -> set[str]:
    """Return the names that an export in `folder` has by its own index; none where there is no index."""
    try:
        index = json.loads((folder / INDEX_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    if not isinstance(index, dict) or index.get("made_by") != MADE_BY:
        return set()
    names = {
        file_name(practice_id, language, kind)
        for practice_id in index["ids"]
        for language in index["languages"]
        for kind in ("json", "html")
    }
    return names | {INDEX_NAME, WIDGET_NAME}
