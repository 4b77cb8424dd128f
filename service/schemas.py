"""The shapes of requests and answers: one object for the API, the terminal and every later reader."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from indexer.practice_table import Order
from service.confidence import Verdict
from service.filters import Facets, Filters
from service.limits import MAX_PAGE_SIZE, MAX_QUERY_CHARACTERS, MAX_TOP_K, Mode

QueryText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_QUERY_CHARACTERS)]
TopK = Annotated[int, Field(ge=1, le=MAX_TOP_K)]
ReleaseId = Annotated[str | None, Field(description="id of an older release, which gives the same list later")]
"""Named in the models of parameters so that they let it pass; it is read where it is decided what answers."""


class _Request(BaseModel):
    """Frozen; an unknown field is an error, so that a misspelt filter is not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SearchRequest(_Request):
    """A question in plain words, from a few of them to a page."""

    query: QueryText = Field(examples=["how to keep apprentices from dropping out"])
    top_k: TopK = 10
    filters: Filters = Filters()
    explain: bool = Field(default=True, description="whether hits say why they are there")


class SearchParameters(Filters):
    """The same question as URL parameters: `q`, `top_k`, and each filter by its own name."""

    q: QueryText
    top_k: TopK = 10
    explain: bool = True
    release: ReleaseId = None

    def request(self) -> SearchRequest:
        """Return the request that says the same."""
        return SearchRequest(query=self.q, top_k=self.top_k, filters=self.alone(), explain=self.explain)


class SimilarRequest(_Request):
    """A programme that is not in the catalogue."""

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
    description: Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_QUERY_CHARACTERS)] = ""
    top_k: TopK = 10

    @property
    def text(self) -> str:
        """Return the text of the programme as a practice has it: the title, then the description."""
        return f"{self.title}\n{self.description}".strip()


class RelatedParameters(_Request):
    """One page of the practices related to a practice, and which of them."""

    top_k: TopK = 5
    page: Annotated[int, Field(ge=1, le=1000)] = 1
    release: ReleaseId = None
    mode: Mode = Field(default="similar", description="the nearest; those of one kind only; or diverse ones first")


class ListParameters(Filters):
    """One page of the listing."""

    page: Annotated[int, Field(ge=1)] = 1
    page_size: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)] = 12
    sort: Order = "title"
    release: ReleaseId = None

    def filters(self) -> Filters:
        """Return the filters alone."""
        return self.alone()


class FacetParameters(Filters):
    """The practices to count."""

    release: ReleaseId = None


class PracticeSummary(BaseModel):
    """What a list shows of a practice."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    id: str
    title: str
    original_title: str | None
    summary: str | None
    language: str | None = Field(description="ISO 639-1 code of the language of the texts of this record")
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


class SpanModel(BaseModel):
    """Characters `start` to `end` (exclusive, in Unicode code points) of a text, and what stands there."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    text: str
    start: int
    end: int


class SharedModel(BaseModel):
    """A value that the practice has and the question is about, or that two related practices both have."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    field: str
    value: str
    label: str


class ExplanationModel(BaseModel):
    """Why a practice is there: a sentence of it, and what that sentence answers."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    sentence: SpanModel = Field(
        description="of the practice's text: titles, summary, description, results, a line each"
    )
    answers: SpanModel = Field(description="of the query; in a related practice, of the text of the other practice")
    shared: tuple[SharedModel, ...]


class HitModel(BaseModel):
    """One practice in an answer, best first. `score`: higher is better, of one encoder and catalogue only."""

    rank: int
    score: float
    confidence: float | None = Field(
        description="probability in [0, 1] that the practice is relevant; null where the catalogue has no calibration"
    )
    practice: PracticeSummary
    explanation: ExplanationModel | None = Field(description="null where none was asked for")


class RelatedHitModel(HitModel):
    """One practice related to another one; `same_as` holds the ids of practices that say the same as it."""

    same_as: tuple[str, ...]


class ThemeModel(BaseModel):
    """A value of a vocabulary, to filter by: what the catalogue has that is nearest to the question."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    field: str
    code: str
    label: str


class AspectPartModel(SpanModel):
    """A sentence of the query and what it says of the problem."""

    role: Literal["who", "why", "what", "other"] | None = Field(
        description="who the people are, why they are at risk, what is missing; null where nobody knows"
    )


class AspectModel(BaseModel):
    """One need within a long description, and the practices that fit it best."""

    parts: list[AspectPartModel]
    hits: list[HitModel]


class CoverageRow(BaseModel):
    """How surely one practice addresses each aspect, in their order, and whether that counts as addressed."""

    practice_id: str
    confidence: tuple[float, ...]
    addresses: tuple[bool, ...]


class CoverageModel(BaseModel):
    """Which practice addresses which aspect, and the fewest practices that are expected to address enough of them."""

    matrix: list[CoverageRow]
    smallest_set: tuple[str, ...]


class IndexInfo(BaseModel):
    """Which release answered, with which encoder."""

    release_id: str
    encoder: str


class SearchResponse(BaseModel):
    """The answer to a question. `facets` counts the values of the practices shown."""

    query: str
    language: str | None = Field(description="ISO 639-1 code of the language the question is probably in")
    verdict: Verdict | None = Field(
        description="whether anything fits; `none` brings no hits; null where no practice passes the filters, or the "
        "catalogue has no calibration"
    )
    message: str | None = Field(description="the verdict in plain words; null where there is no verdict")
    nearest_theme: ThemeModel | None = Field(description="what to look at instead, where the verdict is not good")
    hits: list[HitModel]
    aspects: list[AspectModel] = Field(description="the needs within a long description; empty for a short question")
    coverage: CoverageModel | None = Field(description="null where there are fewer than two aspects")
    facets: Facets
    index: IndexInfo
    took_ms: float


class RelatedResponse(BaseModel):
    """Practices close to a given one, which is never among them."""

    practice_id: str
    mode: Mode
    page: int
    hits: list[RelatedHitModel]


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


class VectorIndexModel(BaseModel):
    """The index of the embeddings: how it was made, and how near to exact search it was measured to be."""

    name: str
    parameters: dict[str, int] = Field(description="empty for an exact index")
    recall_at_10: float = Field(description="share of the ten nearest rows of exact search that it finds")
    recall_sample: int = Field(description="questions that it was measured with; 0 for an exact index")


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
    vectors: VectorIndexModel
    counts: dict[str, int]
    calibration: dict[str, object]
    versions: dict[str, str]
    files: dict[str, str]
    canaries: list[CanaryModel]
    parity: dict[str, float] | None = Field(description="1 - cosine of the exported encoder to the original")


class Health(BaseModel):
    """Whether the service lives or is ready."""

    status: Literal["ok", "unavailable"]


class Readiness(Health):
    """Which release answers; `fault` says why it cannot be asked now, or why no newer one answers."""

    release: str
    fault: str | None


class WrittenModel(BaseModel):
    """What became of a practice that was written."""

    practice_id: str
    change: Literal["created", "replaced", "unchanged", "removed"]
    edit: int | None = Field(description="number of the edit; null where nothing had to be changed")


class Uploaded(BaseModel):
    """How many practices an upload changed, and the number of its last edit, null where it changed none."""

    created: int
    replaced: int
    unchanged: int
    removed: int
    last_edit: int | None


class EditState(BaseModel):
    """How far the release that answers is behind what was written; `fault` says why no newer one could be built."""

    pending: int = Field(description="edits that are in no release yet")
    last_edit: int = Field(description="number of the last edit that was made; 0 for none")
    release: str
    fault: str | None


class ProblemError(BaseModel):
    """One fault of a request: where it is, what was found and what was expected."""

    field: str
    found: str
    expected: str


class Problem(BaseModel):
    """An error as RFC 9457 has it (application/problem+json); `instance` is the id of the request."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    errors: list[ProblemError] = []
