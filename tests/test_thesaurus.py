"""The thesaurus finds whole words whatever their case and accents, only in the language of the question."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.thesaurus import ThesaurusError, fold, glosses, read_thesaurus
from tests.fakes import THESAURUS

LETTERS = "abcdefghijklmnopqrstuvwxyzàáâãäåăąçćčďèéêëēėęěíîïįīñńňóôõöőřśšşșťțùúûüůűųūýźżž"
GREEK_AND_BULGARIAN = "αάβγδεέζηήθιίκλμνξοόπρσςτυύφχψωώабвгдежзийклмнопрстуфхцчшщъьюя"


def finds(pattern: str, text: str) -> bool:
    return glosses(text, "de", {"concept": {"de": [pattern]}}) == ["concept"]


def test_read_thesaurus_gives_patterns_by_gloss_and_language(tmp_path: Path) -> None:
    path = tmp_path / "thesaurus.toml"
    path.write_text(
        '["training company, employer"]\nde = ["betrieb*"]\nfr = ["entreprise*", "employeur*"]\n["absence"]\n', "utf-8"
    )
    thesaurus = read_thesaurus(path)
    assert thesaurus == {
        "training company, employer": {"de": ["betrieb*"], "fr": ["entreprise*", "employeur*"]},
        "absence": {},
    }
    assert list(thesaurus) == ["training company, employer", "absence"]


def test_no_file_is_an_empty_thesaurus(tmp_path: Path) -> None:
    assert read_thesaurus(tmp_path / "thesaurus.toml") == {}


@pytest.mark.parametrize("content", ["absence = 1", '["absence"]\nde = "fehl*"', '["absence"]\nde = [1]', '["absence'])
def test_a_file_that_is_no_thesaurus_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "thesaurus.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ThesaurusError) as refusal:
        read_thesaurus(path)
    assert str(refusal.value).startswith(f"{path} is not a thesaurus: ")


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Élève", "eleve"),
        ("ÉLÈVE", "eleve"),
        ("e\u0301le\u0300ve", "eleve"),
        ("Straße", "strasse"),
        ("ΜΑΘΗΤΕΊΑΣ", "μαθητειασ"),
        ("μαθητείας", "μαθητειασ"),
        ("Чиракът", "чиракът"),
        ("õpipoiss", "opipoiss"),
        ("İstanbul", "istanbul"),
        ("ﬁrma", "firma"),
        ("two  words\n", "two  words\n"),
        ("", ""),
    ],
)
def test_fold_takes_away_case_and_accents_and_nothing_else(text: str, folded: str) -> None:
    assert fold(text) == folded


@settings(derandomize=True, deadline=None)
@given(st.text(LETTERS + GREEK_AND_BULGARIAN + " .,-'"))
def test_upper_case_and_lower_case_fold_to_the_same_text(text: str) -> None:
    assert fold(text.upper()) == fold(text)
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Meine Azubis fehlen oft", "de", ["apprentices"]),
        ("Ein Lehrling, der die Schule schwänzt, ist ein Schulschwänzer", "de", ["apprentices", "absence"]),
        ("Schulschwänzer und Lehrlinge", "de", ["apprentices", "absence"]),
        ("Trop d'absences en CAP", "fr", ["absence"]),
        ("Trop d'absences en CAP", "de", []),
        ("Meine Azubis fehlen oft", "fr", []),
        ("Meine Azubis fehlen oft", "it", []),
        ("Meine Azubis fehlen oft", None, []),
        ("Der Meister", "de", []),
        ("", "de", []),
    ],
)
def test_glosses_are_those_of_the_language_in_the_order_of_the_thesaurus(
    text: str, language: str | None, expected: list[str]
) -> None:
    assert glosses(text, language, THESAURUS) == expected


def test_a_gloss_comes_once_however_often_its_words_do() -> None:
    assert glosses("Azubi, Azubi und Lehrling", "de", THESAURUS) == ["apprentices"]


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("lehre", "die Lehre abbrechen", True),
        ("lehre", "der Lehrer", False),
        ("lehre", "Berufslehre", False),
        ("lehr*", "der Lehrer", True),
        ("lehr*", "Lehr", True),
        ("lehr*", "Berufslehre", False),
        ("élève*", "DES ELEVES", True),
        ("eleve*", "l'élève", True),
        ("straße*", "STRASSEN", True),
        ("κατάρτισ*", "ΕΠΑΓΓΕΛΜΑΤΙΚΉ ΚΑΤΆΡΤΙΣΗ", True),
        ("ученик*", "Учениците", False),
        ("учени*", "Учениците", True),
        ("nauk* zawodu", "nauka zawodu", True),
        ("nauk* zawodu", "nauką\n  zawodu", True),
        ("nauk* zawodu", "nauka nowego zawodu", False),
        ("nauk* zawodu", "nauka zawoduje", False),
        ("mbo'er*", "onze mbo'ers", True),
        ("mbo-er*", "onze mbo-ers", True),
        ("a.b", "a.b", True),
        ("a.b", "axb", False),
        ("ba+", "baa", False),
        ("[ab]", "a", False),
        ("(ab)", "ab", False),
        ("ab|cd", "ab", False),
    ],
)
def test_a_pattern_is_whole_words_and_a_star_is_any_ending(pattern: str, text: str, *, expected: bool) -> None:
    assert finds(pattern, text) is expected


def test_any_pattern_of_a_concept_is_enough() -> None:
    thesaurus = {"concept": {"de": ["azubi*", "lehrling*", "lehre"]}}
    assert [glosses(text, "de", thesaurus) for text in ("Azubine", "Lehrlinge", "Lehre", "Lehrer")] == [
        ["concept"],
        ["concept"],
        ["concept"],
        [],
    ]


@settings(derandomize=True, deadline=None)
@given(
    stem=st.text(LETTERS, min_size=1, max_size=8),
    ending=st.text(LETTERS, max_size=5),
    before=st.sampled_from(["", "der ", "(", "„", "die-", "l'"]),
    after=st.sampled_from(["", " ist", ".", "?", ")", "“", ", aber"]),
)
def test_a_starred_stem_is_found_with_every_ending_between_any_signs(
    stem: str, ending: str, before: str, after: str
) -> None:
    assert finds(f"{stem}*", before + (stem + ending).upper() + after)
    assert not finds(f"{stem}*", f"9{stem}{ending}")


@given(
    st.lists(st.text("abc é-*", min_size=1, max_size=5).filter(lambda one: one[0] in "abcé"), min_size=1, max_size=3),
    st.text("abcÉ -", max_size=12),
)
def test_what_rules_patterns_out_rules_out_none_that_would_be_found(patterns: list[str], text: str) -> None:
    phrases = (re.escape(fold(one)).replace(r"\*", r"\w*").replace(r"\ ", r"\s+") for one in patterns)
    is_there = re.search(rf"(?<!\w)(?:{'|'.join(phrases)})(?!\w)", fold(text)) is not None
    assert glosses(text, "de", {"concept": {"de": patterns}}) == (["concept"] if is_there else [])
