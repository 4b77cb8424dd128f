"""What may be asked for, in numbers and in names: for the command line too, which has to know before all else."""

from typing import Literal

Mode = Literal["similar", "same-approach", "same-target-group", "other-country", "diverse"]
"""Which of the practices that are related to one."""

MeasuredLeg = Literal["hybrid", "dense", "lexical", "plain"]
"""The legs of the retriever, and the cosine of texts cut off where the encoder stops reading, only measured."""

VectorSearcher = Literal["faiss", "milvus"]
"""What searches vectors: the index in the release, or a Milvus that holds a copy of them."""

Scope = Literal["read", "write"]
"""What a key allows."""

UploadMode = Literal["new", "replace", "whole"]
"""What an upload may do: add practices, also replace some, or also remove all that it does not name."""

MAX_QUERY_CHARACTERS = 20_000
MAX_TOP_K = 100
MAX_PAGE_SIZE = 100
MOST_LINKS = 10
USUAL_LINKS = 4
MOST_FILTER_VALUES = 100
MAX_URL_BYTES = 2**18  # room for a query of the greatest length whatever its script: 12 bytes a character
MAX_HEAD_BYTES = MAX_URL_BYTES + 2**16
MAX_QUESTION_BYTES = 2**19
MAX_RECORD_BYTES = 2**20
MAX_UPLOAD_BYTES = 64 * 2**20
MAX_UPLOAD_ROWS = 100_000
