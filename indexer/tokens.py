"""Turn texts into token ids with the tokenizer of an encoder's folder."""

import re
from pathlib import Path
from typing import Protocol

UNIGRAM_FILE = "tokenizer.model"
"""A unigram model in the format of sentencepiece: a quarter of the memory of the same as JSON."""

JSON_FILE = "tokenizer.json"

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half a character, which no tokenizer takes."""


class Tokenizer(Protocol):
    """What an encoder needs of a tokenizer; the name of a special token within a text is text like any other."""

    def ids(self, text: str) -> list[int]:
        """Return the ids of a text between those of its beginning and its end; white space around it is left out."""
        ...


class UnigramTokenizer:
    """A tokenizer run by sentencepiece."""

    def __init__(self, path: Path) -> None:
        from sentencepiece import SentencePieceProcessor  # noqa: PLC0415  only the encoder that is loaded needs it

        self._model = SentencePieceProcessor(model_file=str(path))
        self._begin, self._end = self._model.bos_id(), self._model.eos_id()

    def ids(self, text: str) -> list[int]:
        """Return the ids of a text between those of its beginning and its end; white space around it is left out."""
        return [self._begin, *self._model.encode(_whole(text)), self._end]


class JsonTokenizer:
    """A tokenizer run by the library tokenizers."""

    def __init__(self, path: Path) -> None:
        from tokenizers import Tokenizer as Loaded  # noqa: PLC0415  only the encoder that is loaded needs it

        self._model = Loaded.from_file(str(path))
        self._model.no_truncation()  # some files cut texts and fill them up unless told not to
        self._model.no_padding()
        self._model.encode_special_tokens = True  # as text; those of beginning and end are added all the same

    def ids(self, text: str) -> list[int]:
        """Return the ids of a text between those of its beginning and its end; white space around it is left out."""
        return list(self._model.encode(_whole(text)).ids)


def _whole(text: str) -> str:
    """Return a text of whole characters, without the white space around it."""
    return _LONE_SURROGATE.sub("\ufffd", text.strip())


def read_tokenizer(folder: Path) -> Tokenizer:
    """Return the tokenizer of an encoder's folder."""
    unigram = folder / UNIGRAM_FILE
    return UnigramTokenizer(unigram) if unigram.exists() else JsonTokenizer(folder / JSON_FILE)
