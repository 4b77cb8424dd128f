"""What a release is made of beside its manifest: records, passages, their embeddings, words and vocabularies."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.catalogue import Vocabulary
from indexer.description import Description
from indexer.encoder import Embeddings
from indexer.facets import FacetColumns
from indexer.layout import Layout
from indexer.lexical import LexicalIndex
from indexer.linear_head import LinearHead
from indexer.names import NameIndex
from indexer.passages import Passages
from indexer.practice_table import PracticeTable
from indexer.stored_rows import StoredRows
from indexer.thesaurus import Thesaurus
from indexer.vectors import Mask, Vectors

ROLES = ("other", "what", "who", "why")
"""The classes of `Parts.role_head`, in the order of its rows."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a release; passages of one practice stand together, in catalogue order.

    All that grows with the catalogue is memory-mapped, or read from its file row by row: what no question touches is
    never read, and processes share it.
    Row r of `vectors` is the embedding of window r; row r of `sentence_embeddings` (n, dim) that of sentence
    r, and of `context_embeddings` that of the sentence with its neighbours. Each is centred: less the mean
    of its kind, and of unit length again, for what all texts have in common says nothing about any of them. They are
    float32 where they are so few that every one is compared, else float16.
    `is_telling` (n,) says which sentences tell something of their practice.
    `document_centroid` and `query_centroid` (dim,) are what to subtract from a text of the catalogue's kind and from a
    question. Row r of `lexical` is practice r, row r of `layout` (n, 2, float32, in [0, 1]) its place on a map on
    which like practices lie together, row r of `theme_embeddings` theme r of the vocabulary. `changed_at` (n,) says in
    seconds since 1970 when a practice was last changed, `description` what the catalogue says of itself. `topic_head`
    tells a question on the topic, `role_head` what a sentence says of a problem; each is None where the catalogue
    brings no examples to fit it with.
    """

    practices: PracticeTable
    facets: FacetColumns
    names: NameIndex
    windows: Passages
    vectors: Vectors
    sentences: Passages
    sentence_embeddings: StoredRows
    context_embeddings: StoredRows
    is_telling: Mask
    document_centroid: npt.NDArray[np.float32]
    query_centroid: npt.NDArray[np.float32]
    lexical: LexicalIndex
    vocabulary: Vocabulary
    thesaurus: Thesaurus
    theme_embeddings: Embeddings
    layout: Layout
    changed_at: npt.NDArray[np.int64]
    description: Description
    topic_head: LinearHead | None = None
    role_head: LinearHead | None = None
