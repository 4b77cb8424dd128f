"""Bytes become the text that they were, by the encoding that they were written in."""

import codecs
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.foreign.decoding import decode
from indexer.foreign.rows import ForeignFileError

GREEK = "id;τίτλος\n1;Σχολείο δεύτερης ευκαιρίας\n"
GERMAN = "id;titel\n1;Produktionsschule für Schüler, die die Ausbildung abbrechen: Übergänge – größer\n"
POLISH = "id;tytuł\n1;Szkoła drugiej szansy dla młodzieży zagrożonej wykluczeniem, doświadczenie\n"
SLOVENE = "id;naslov\n1;Druga priložnost za mlade, ki zapuščajo šolo, učenje na delovnem mestu in več\n"
FRENCH = "id;titre\n1;École de la deuxième chance à Paris, où les élèves décrocheurs reprennent leur parcours\n"
TURKISH = "id;başlık\n1;İkinci şans eğitim okulu. Gençler için mesleki eğitim ve danışmanlık hizmetleri\n"
BULGARIAN = "id;заглавие\n1;Училище за втори шанс за младежи, които напускат образованието\n"
LITHUANIAN = "id;pavadinimas\n1;Antrosios galimybės mokykla: jaunuolių grįžimas į švietimo sistemą, mokymąsi ir darbą\n"


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        *((GREEK, "cp1253"), (GERMAN, "cp1252"), (POLISH, "cp1250"), (SLOVENE, "cp1250"), (FRENCH, "cp1252")),
        *((TURKISH, "cp1254"), (BULGARIAN, "cp1251"), (LITHUANIAN, "cp1257")),
    ],
)
def test_the_encodings_of_old_programs_are_guessed_and_the_guess_is_told(text: str, codec: str) -> None:
    decoded = decode(text.encode(codec), "a.csv")

    assert (decoded.text, decoded.encoding) == (text, codec)
    assert [doubt.found for doubt in decoded.doubts] == ["the file is not UTF-8"]


@pytest.mark.parametrize("text", [GREEK, GERMAN, "a", ""])
@pytest.mark.parametrize(
    ("mark", "codec", "name"),
    [
        (codecs.BOM_UTF8, "utf-8", "UTF-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16 LE"),
        (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16 BE"),
        (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32 LE"),
        (b"", "utf-8", "UTF-8"),
    ],
)
def test_a_byte_order_mark_is_believed_and_is_no_text(text: str, mark: bytes, codec: str, name: str) -> None:
    decoded = decode(mark + text.encode(codec), "a.csv")

    assert (decoded.text, decoded.encoding, decoded.doubts) == (text, name, ())


@pytest.mark.parametrize("text", [GREEK, GERMAN])
@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_known_by_its_zeros(text: str, codec: str) -> None:
    assert decode(text.encode(codec), "a.csv").text == text


def test_a_few_damaged_bytes_do_not_make_utf_8_another_encoding() -> None:
    data = GREEK.encode().replace("Σ".encode(), b"\xff")

    decoded = decode(data, "a.csv")
    assert (decoded.encoding, decoded.text) == ("UTF-8", GREEK.replace("Σ", "\ufffd"))
    assert [doubt.found for doubt in decoded.doubts] == ["bytes that are not UTF-8"]


def test_the_encoding_that_a_page_declares_goes_before_a_guess() -> None:
    assert decode("Café".encode("cp1252"), "a.html", "ISO-8859-1").encoding == "cp1252"
    assert decode(GREEK.encode("iso8859-7"), "a.html", "iso-8859-7").text == GREEK
    assert decode(GERMAN.encode("cp1252"), "a.html", "utf-8").encoding == "cp1252"
    assert decode(GERMAN.encode("cp1252"), "a.html", "rot13").encoding == "cp1252"


@pytest.mark.parametrize("data", [bytes(range(256)) * 4, b"\x00" * 90 + b"\x01" * 90, bytes(range(32)) * 9])
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(ForeignFileError, match=r"a\.csv: these bytes are no text; expected"):
        decode(data, "a.csv")


@given(st.binary(max_size=300))
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    with suppress(ForeignFileError):
        assert len(decode(data, "a.csv").text) <= len(data)
