"""The shapes of requests and answers: one object for the API, the terminal and every later reader."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from service.filters import Facets, Filters

MAX_QUERY_CHARACTERS = 20_000
MAX_TOP_K = 100
MAX_PAGE_SIZE = 100

QueryText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_QUERY_CHARACTERS)]
TopK = Annotated[int, Field(ge=1, le=MAX_TOP_K)]
Sort = Literal["title", "country", "newest", "evidence"]


class _Request(BaseModel):
    """Frozen; an unknown field is an error, so that a misspelt filter is not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SearchRequest(_Request):
    """A question in plain words, from a few of them to a page."""

    query: QueryText = Field(examples=["how to keep apprentices from dropping out"])
    top_k: TopK = 10
    filters: Filters = Filters()
    explain: bool = Field(default=True, description="whether hits say why they are there; no release does so yet")


class SearchParameters(Filters):
    """The same question as URL parameters: `q`, `top_k`, and each filter by its own name."""

    q: QueryText
    top_k: TopK = 10
    explain: bool = True

    def request(self) -> SearchRequest:
        """Return the request that says the same."""
        filters = Filters(**self.model_dump(include=set(Filters.model_fields)))
        return SearchRequest(query=self.q, top_k=self.top_k, filters=filters, explain=self.explain)


class SimilarRequest(_Request):
    """A programme that is not in the catalogue."""

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
    description: Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_QUERY_CHARACTERS)] = ""
    top_k: TopK = 10


class ListParameters(Filters):
    """One page of the listing."""

    page: Annotated[int, Field(ge=1)] = 1
    page_size: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)] = 12
    sort: Sort = "title"

    def filters(self) -> Filters:
        """Return the filters alone."""
        return Filters(**self.model_dump(include=set(Filters.model_fields)))


class PracticeSummary(BaseModel):
    """What a list shows of a practice."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    id: str
    title: str
    original_title: str | None
    summary: str | None
    country: str | None
    region: str | None
    period: str | None
    start_year: int | None
    end_year: int | None
    status: str
    target_groups: tuple[str, ...]
    approaches: tuple[str, ...]
    measure_types: tuple[str, ...]
    levels: tuple[str, ...]
    evidence_level: int | None
    effect: str
    is_verified: bool | None


class HitModel(BaseModel):
    """One practice in an answer. `score` is a cosine, comparable within one answer only; higher is better."""

    rank: int
    score: float
    confidence: float | None = Field(default=None, description="probability in [0, 1]; null: not calibrated yet")
    practice: PracticeSummary
    explanation: None = Field(default=None, description="why the hit is there; null: not computed yet")


class IndexInfo(BaseModel):
    """Which release answered, with which encoder."""

    release_id: str
    encoder: str


class SearchResponse(BaseModel):
    """The answer to a question. `facets` counts the values of the practices shown."""

    query: str
    language: str | None = Field(description="ISO 639-1 code of the language the question is probably in")
    verdict: Literal["good", "weak", "none"] | None = Field(
        default=None, description="whether anything fits; null: not calibrated yet"
    )
    hits: list[HitModel]
    facets: Facets
    index: IndexInfo
    took_ms: float


class RelatedResponse(BaseModel):
    """Practices close to a given one, which is never among them."""

    practice_id: str
    hits: list[HitModel]


class SimilarResponse(BaseModel):
    """Practices close to a programme that is not in the catalogue."""

    hits: list[HitModel]
    index: IndexInfo
    took_ms: float


class PracticePage(BaseModel):
    """One page of the listing: practices `first` to `last` of `total`, counted from 1; 0 where there are none."""

    total: int
    page: int
    pages: int
    page_size: int
    first: int
    last: int
    practices: list[PracticeSummary]


class FacetResponse(BaseModel):
    """How many practices have each value, over those that pass the filters."""

    total: int
    facets: Facets


class CanaryModel(BaseModel):
    """A text whose embedding is compared when the service starts."""

    text: str
    is_query: bool


class IndexResponse(BaseModel):
    """The manifest of the release that is being served; the canaries without their vectors."""

    model_config = ConfigDict(from_attributes=True)

    format_version: int
    release_id: str
    created_at: str
    duration_seconds: float
    catalogue_name: str
    catalogue_sha256: str
    encoder: dict[str, object]
    index: str
    counts: dict[str, int]
    versions: dict[str, str]
    files: dict[str, str]
    canaries: list[CanaryModel]


class Health(BaseModel):
    """Whether the service lives or is ready."""

    status: Literal["ok", "unavailable"]


class ProblemError(BaseModel):
    """One fault of a request: where it is, what was found and what was expected."""

    field: str
    found: str
    expected: str


class Problem(BaseModel):
    """An error as RFC 9457 has it (application/problem+json)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[ProblemError] = []
