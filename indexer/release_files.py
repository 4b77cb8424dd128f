"""The names of what lies in the folder of releases and in that of one of them, and the error that it is not sound."""

CURRENT = "current"
ENCODER_FOLDER = "encoder"
FACETS_FOLDER = "facets"
NAMES_FOLDER = "names"
WINDOWS = "windows"
VECTORS_FOLDER = "vectors"
SENTENCES = "sentences"
SENTENCE_EMBEDDINGS_FILE = "sentences.npy"
CONTEXT_EMBEDDINGS_FILE = "contexts.npy"
TELLING_FILE = "telling.npy"
CENTROIDS_FILE = "centroids.npy"
LEXICAL_FOLDER = "lexical"
VOCABULARY_FILE = "vocabulary.json"
THESAURUS_FILE = "thesaurus.json"
THEMES_FILE = "themes.npy"
LAYOUT_FILE = "layout.npy"
TOPIC_HEAD_FILE = "topic.npy"
ROLE_HEAD_FILE = "roles.npy"


class ReleaseError(RuntimeError):
    """A release cannot be used; the message says which one, what is wrong and what to do."""
