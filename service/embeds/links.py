"""Turn related practices into the links that other sites show: one small object, in the reader's language."""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from service.limits import MOST_LINKS, USUAL_LINKS, Mode
from service.pages.page_state import practice_path
from service.schemas import HitModel, QueryText, RelatedResponse, SearchResponse, SharedModel
from service.wording import Wording

LinkCount = Annotated[int, Field(ge=1, le=MOST_LINKS)]


class LinkParameters(BaseModel):
    """Which practices to link to, and in which language. Parameters that other sites add to a URL are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    top_k: LinkCount = USUAL_LINKS
    mode: Mode = "similar"
    lang: str | None = None
    part: bool = Field(default=False, description="only the list, for a page that includes it")


class TextLinksRequest(BaseModel):
    """A text of another site that practices are wanted for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: QueryText
    top_k: LinkCount = USUAL_LINKS
    lang: str | None = None


class Target(BaseModel):
    """A page of ours. `path` begins with a slash, or is a whole address where the reader is elsewhere."""

    title: str
    path: str


class Link(BaseModel):
    """The page of a practice, as `Target` has it, and why it is there."""

    id: str
    title: str
    path: str
    summary: str | None
    country: str | None
    reason: str | None = Field(description="what both have, in a few words; null where that is nothing")


class RelatedLinks(BaseModel):
    """What a widget shows. Titles and summaries are the catalogue's own, everything else is in `lang`."""

    lang: str
    heading: str
    links: list[Link]
    all: Target

    def at(self, address: str) -> "RelatedLinks":
        """Return the same links as whole addresses; `address` is where the service is."""
        home = address.rstrip("/")
        links = [link.model_copy(update={"path": home + link.path}) for link in self.links]
        return self.model_copy(update={"links": links, "all": Target(title=self.all.title, path=home + self.all.path)})


def links_of(answer: RelatedResponse | SearchResponse, wording: Wording) -> RelatedLinks:
    """Return the links to the hits of an answer, best first."""
    return _links(answer.hits, wording)


def no_links(wording: Wording) -> RelatedLinks:
    """Return what is left where a practice is not known: the way to all of them."""
    return _links((), wording)


def embed_path(practice_id: str) -> str:
    """Return the path of the page with these links that is made for a frame."""
    return f"/embed/related/{quote(practice_id, safe='')}"


def _links(hits: Sequence[HitModel], wording: Wording) -> RelatedLinks:
    return RelatedLinks(
        lang=wording.language,
        heading=wording.gettext("Related practices"),
        links=[_link(hit, wording) for hit in hits],
        all=Target(title=wording.gettext("All practices"), path=_in_language("/practices", wording)),
    )


def _link(hit: HitModel, wording: Wording) -> Link:
    practice = hit.practice
    return Link(
        id=practice.id,
        title=practice.title,
        path=_in_language(practice_path(practice.id), wording),
        summary=practice.summary,
        country=wording.country(practice.country, practice.country) if practice.country else None,
        reason=_reason(hit.explanation.shared if hit.explanation else (), wording),
    )


def _reason(shared: Sequence[SharedModel], wording: Wording) -> str | None:
    """Return what is shared in a sentence; a country is left out, it is shown anyway."""
    labels = [wording.label(one.field, one.value, one.label) for one in shared if one.field != "country"]
    return wording.gettext("Shares: {values}").format(values=", ".join(labels)) if labels else None


def _in_language(path: str, wording: Wording) -> str:
    return f"{path}?lang={wording.language}"
