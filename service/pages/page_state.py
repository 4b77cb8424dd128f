"""Turn the URL of a page into its whole state, and a changed state back into a URL: nothing is kept anywhere else."""

from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, urlencode

from pydantic import ConfigDict, Field

from indexer.practice_table import Order
from service.filters import FILTER_FIELDS, Filters
from service.limits import MAX_QUERY_CHARACTERS, MAX_TOP_K, Mode
from service.schemas import SearchRequest

SHOWN_AT_ONCE = 10
"""Hits of a first answer, and how many more each request for more brings."""

MOST_COMPARED = 4
MOST_PICKED = 20

ColourBy = Literal["approaches", "country"]


class PageState(Filters):
    """What the URL of a page says: the question, the filters, the shortlist and the language.

    A parameter that no page knows is ignored: other sites add their own to links.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    q: str = ""
    top_k: Annotated[int, Field(ge=1, le=MAX_TOP_K)] = SHOWN_AT_ONCE
    page: Annotated[int, Field(ge=1)] = 1
    sort: Order = "title"
    mode: Mode = "similar"
    colour: ColourBy = "approaches"
    pick: Annotated[tuple[str, ...], Field(max_length=MOST_PICKED)] = ()
    lang: str | None = None
    release: str | None = None

    @property
    def query(self) -> str:
        """Return the question without white space at its ends; empty where there is none."""
        return self.q.strip()

    @property
    def filters(self) -> Filters:
        """Return the filters alone."""
        return self.alone()

    @property
    def excess(self) -> int:
        """Return by how many characters the question is too long to be read."""
        return max(0, len(self.query) - MAX_QUERY_CHARACTERS)

    def request(self) -> SearchRequest | None:
        """Return what to search for; None where there is no question, or one that is too long."""
        if not self.query or self.excess:
            return None
        return SearchRequest(query=self.query, top_k=self.top_k, filters=self.filters)

    @property
    def is_full(self) -> bool:
        """Say whether the shortlist takes no more practices."""
        return len(self.pick) >= MOST_PICKED

    def changed(self, **changes: Any) -> Self:  # noqa: ANN401  the values of any field
        """Return the state with other values in some fields."""
        return self.model_copy(update=changes)

    def without(self, field: str, value: str | None = None) -> Self:
        """Return the state without one value of a filter or of the shortlist, or without the whole filter."""
        values = tuple(one for one in getattr(self, field) if value is not None and one != value)
        return self.changed(**{field: values, "page": 1})

    def without_filters(self) -> Self:
        """Return the state without any filter."""
        return self.changed(**dict.fromkeys(FILTER_FIELDS, ()), page=1)

    def listing_of(self, field: str, value: str) -> str:
        """Return the URL of the listing of all practices that have a value."""
        empty = type(self)(lang=self.lang, pick=self.pick, release=self.release)
        return empty.changed(**{field: (value,)}).url("/practices")

    def picked(self, practice_id: str) -> Self:
        """Return the state with a practice put on the shortlist, or taken off it where it is there."""
        if practice_id in self.pick:
            return self.changed(pick=tuple(one for one in self.pick if one != practice_id))
        return self.changed(pick=(*self.pick, practice_id))

    def other_fields(self, field: str) -> tuple[str, ...]:
        """Return the names of all fields but one."""
        return tuple(name for name in type(self).model_fields if name != field)

    def parameters(self, *fields: str) -> list[tuple[str, str]]:
        """Return name and value of what differs from an empty state, of all fields or of some.

        An older release goes along to every page: whoever looks at a list as it was stays there.
        """
        pairs = []
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value == field.default or (fields and name not in (*fields, "release")):
                continue
            values = value if isinstance(value, tuple) else (value,)
            pairs += [(name, str(one)) for one in values]
        return pairs

    def url(self, path: str, *fields: str) -> str:
        """Return `path` with the parameters of this state, all of them or those of some fields."""
        parameters = self.parameters(*fields)
        return f"{path}?{urlencode(parameters)}" if parameters else path


def practice_path(practice_id: str) -> str:
    """Return the path of the page of a practice."""
    return f"/practices/{quote(practice_id, safe='')}"
