"""Turn what a user typed into a question: its language, and what its words mean in the catalogue's language."""

from dataclasses import dataclass

from indexer.thesaurus import Thesaurus, glosses
from service.language import detect_language


@dataclass(frozen=True, slots=True)
class Question:
    """A query and what is known of it. `language` is None where the text does not say enough."""

    text: str
    language: str | None
    glosses: tuple[str, ...]

    @property
    def encoder_text(self) -> str:
        """Return the text to encode: the query, and in brackets the glosses of the concepts that it names."""
        return f"{self.text} ({'; '.join(self.glosses)})" if self.glosses else self.text


def understand(text: str, thesaurus: Thesaurus) -> Question:
    """Return a query with its language and the glosses of the concepts that its words name."""
    language = detect_language(text)
    return Question(text, language, tuple(glosses(text, language, thesaurus)))
