"""Turn texts into token ids with the tokenizer of an encoder's folder."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Protocol

UNIGRAM_FILE = "tokenizer.model"
"""A unigram model in the format of sentencepiece: a quarter of the memory of the same as JSON."""

JSON_FILE = "tokenizer.json"

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half a character, which no tokenizer takes."""

_WORDS_KEPT = 250_000
"""Words whose tokens are counted once: most of what a catalogue is made of, in some forty megabytes."""


class Tokenizer(Protocol):
    """What an encoder needs of a tokenizer; the name of a special token within a text is text like any other."""

    def ids(self, text: str) -> list[int]:
        """Return the ids of a text between those of its beginning and its end; white space around it is left out."""
        ...

    def count(self, text: str) -> int:
        """Return how many ids a text has; the words of the text are kept, so that the next ones are counted quickly."""
        ...


class UnigramTokenizer:
    """A tokenizer run by sentencepiece."""

    def __init__(self, path: Path) -> None:
        from sentencepiece import SentencePieceProcessor  # noqa: PLC0415  only the encoder that is loaded needs it

        self._model = SentencePieceProcessor(model_file=str(path))
        self._begin, self._end = self._model.bos_id(), self._model.eos_id()
        self._pieces = lru_cache(_WORDS_KEPT)(lambda word: len(self._model.encode(word)))

    def ids(self, text: str) -> list[int]:
        """Return the ids of a text between those of its beginning and its end; white space around it is left out."""
        return [self._begin, *self._model.encode(_whole(text)), self._end]

    def count(self, text: str) -> int:
        """Return how many ids a text has: none of its pieces goes over a blank."""
        return 2 + sum(map(self._pieces, _whole(text).split(" ")))


class JsonTokenizer:
    """A tokenizer run by the library tokenizers."""

    def __init__(self, path: Path) -> None:
        from tokenizers import Tokenizer as Loaded  # noqa: PLC0415  only the encoder that is loaded needs it
        from tokenizers.models import WordPiece  # noqa: PLC0415

        self._model = Loaded.from_file(str(path))
        self._model.no_truncation()  # some files cut texts and fill them up unless told not to
        self._model.no_padding()
        self._model.encode_special_tokens = True  # as text; those of beginning and end are added all the same
        self._around = len(self.ids(""))
        self._has_words = isinstance(self._model.model, WordPiece)
        self._pieces = lru_cache(_WORDS_KEPT)(lambda word: len(self.ids(word)) - self._around)

    def ids(self, text: str) -> list[int]:
        """Return the ids of a text between those of its beginning and its end; white space around it is left out."""
        return list(self._model.encode(_whole(text)).ids)

    def count(self, text: str) -> int:
        """Return how many ids a text has; word by word where no piece of this kind of model goes over a blank."""
        if not self._has_words:
            return len(self.ids(text))
        return self._around + sum(map(self._pieces, _whole(text).split(" ")))


def _whole(text: str) -> str:
    """Return a text of whole characters, without the white space around it."""
    return _LONE_SURROGATE.sub("\ufffd", text.strip())


def read_tokenizer(folder: Path) -> Tokenizer:
    """Return the tokenizer of an encoder's folder."""
    unigram = folder / UNIGRAM_FILE
    return UnigramTokenizer(unigram) if unigram.exists() else JsonTokenizer(folder / JSON_FILE)
