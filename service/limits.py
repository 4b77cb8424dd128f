"""What may be asked for, in numbers and in names: for the command line too, which has to know before all else."""

from typing import Literal

Mode = Literal["similar", "same-approach", "same-target-group", "other-country", "diverse"]
"""Which of the practices that are related to one."""

MeasuredLeg = Literal["hybrid", "dense", "lexical", "plain"]
"""The legs of the retriever, and the cosine of texts cut off where the encoder stops reading, only measured."""

MAX_QUERY_CHARACTERS = 20_000
MAX_TOP_K = 100
MAX_PAGE_SIZE = 100
MOST_LINKS = 10
USUAL_LINKS = 4
