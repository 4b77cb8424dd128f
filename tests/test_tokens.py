"""Token ids are those of the tokenizer that an encoder was published with, for ordinary texts and for odd ones."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer as Original
from tokenizers.models import BPE, WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from indexer.export import _write_tokenizer
from indexer.passages import practice_text, sentence_limits
from indexer.registry import DEFAULT_ENCODER, find_spec, locate_encoder, read_registry
from indexer.shipped import shipped_path
from indexer.source import read_source
from indexer.tokens import JSON_FILE, UNIGRAM_FILE, JsonTokenizer, Tokenizer, UnigramTokenizer, read_tokenizer
from service.loading import load_encoder
from service.settings import Settings

BEGIN, END = 0, 2
MAX_SHARE_OF_OTHER_IDS = 0.005
PIECES = ("<s>", "<pad>", "</s>", "<unk>", "▁", "s", "▁mentor", "▁school", "<", ">", "/", "a")
"""What a small unigram tokenizer knows; the later of two ways to read a text is the dearer one."""

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "mentor", "##s", "school", "[", "]", "sep", "pad")

ODD = [
    "",
    "   ",
    "\n\t\u2028",
    "\0",
    "pupils\0leave",
    "pu\u200bpils",
    "ﬁne ﬂow ﬃ",
    "① ½ ™ Ⅷ",
    "A\u030angstro\u0308m",
    "👩\u200d🏭 welds 🎓",
    "\u200fالطلاب يتركون المدرسة\u200f .",
    "学校中途退学を防ぐ",
    "ผู้เรียนออกกลางคัน",
    "two  spaces,\n\na line\r\nbreak",
    "\u3000school\xa0",
    "▁school",
    "a\ufffdb",
    "x" * 3000,
]


@pytest.fixture
def unigram(tmp_path: Path) -> Tokenizer:
    """The small unigram tokenizer, read from what the export of an encoder writes."""
    content = {
        "added_tokens": [{"id": PIECES.index(one), "content": one} for one in ("<s>", "<pad>", "</s>", "<unk>")],
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": ""},
        "model": {"type": "Unigram", "unk_id": 3, "vocab": [[piece, -place] for place, piece in enumerate(PIECES)]},
    }
    (tmp_path / JSON_FILE).write_text(json.dumps(content), encoding="utf-8")
    folder = tmp_path / "unigram"
    folder.mkdir()
    _write_tokenizer(tmp_path / JSON_FILE, folder)
    assert [path.name for path in folder.iterdir()] == [UNIGRAM_FILE]
    return read_tokenizer(folder)


@pytest.fixture
def wordpiece(tmp_path: Path) -> Tokenizer:
    """A small tokenizer of another kind, whose file says to cut texts and to fill them up."""
    original = Original(WordPiece({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    original.normalizer = BertNormalizer()
    original.pre_tokenizer = BertPreTokenizer()
    special = [("[CLS]", WORDS.index("[CLS]")), ("[SEP]", WORDS.index("[SEP]"))]
    original.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=special)
    original.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    original.enable_truncation(4)
    original.enable_padding(length=8)
    original.save(str(tmp_path / "published.json"))
    folder = tmp_path / "wordpiece"
    folder.mkdir()
    _write_tokenizer(tmp_path / "published.json", folder)
    assert [path.name for path in folder.iterdir()] == [JSON_FILE]
    return read_tokenizer(folder)


def pieces(tokenizer: Tokenizer, text: str, known: tuple[str, ...]) -> list[str]:
    return [known[one] for one in tokenizer.ids(text)]


def test_a_folder_with_a_unigram_model_is_read_by_it_and_any_other_by_its_json(unigram, wordpiece):
    assert isinstance(unigram, UnigramTokenizer)
    assert isinstance(wordpiece, JsonTokenizer)


@pytest.mark.parametrize("text", ["mentors school", "  mentors  school\n", "\u3000mentors school\xa0"])
def test_unigram_reads_the_best_pieces_between_beginning_and_end(unigram, text):
    assert pieces(unigram, text, PIECES) == ["<s>", "▁mentor", "s", "▁school", "</s>"]


def test_unigram_reads_what_it_does_not_know_as_one_unknown_piece(unigram):
    assert pieces(unigram, "mentor øøø", PIECES) == ["<s>", "▁mentor", "▁", "<unk>", "</s>"]


def test_unigram_reads_a_special_token_in_a_text_as_text(unigram):
    assert pieces(unigram, "mentor </s>", PIECES) == ["<s>", "▁mentor", "▁", "<", "/", "s", ">", "</s>"]
    assert pieces(unigram, "<s>", PIECES) == ["<s>", "▁", "<", "s", ">", "</s>"]


def test_json_reads_a_text_whole_and_fills_nothing_up(wordpiece):
    assert pieces(wordpiece, " mentors school\n", WORDS) == ["[CLS]", "mentor", "##s", "school", "[SEP]"]
    assert pieces(wordpiece, "school " * 20, WORDS) == ["[CLS]", *["school"] * 20, "[SEP]"]


def test_json_reads_a_special_token_in_a_text_as_text(wordpiece):
    assert pieces(wordpiece, "[SEP] mentor [PAD]", WORDS) == (
        ["[CLS]", "[", "sep", "]", "mentor", "[", "pad", "]", "[SEP]"]
    )


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_a_text_of_white_space_is_beginning_and_end(unigram, wordpiece, text):
    assert pieces(unigram, text, PIECES) == ["<s>", "</s>"]
    assert pieces(wordpiece, text, WORDS) == ["[CLS]", "[SEP]"]


@pytest.mark.parametrize("half", [chr(0xD800), chr(0xDCFF), chr(0xDFFF)], ids=ascii)
def test_half_a_character_is_read_as_an_unknown_one(unigram, wordpiece, half):
    for tokenizer, known in ((unigram, PIECES), (wordpiece, WORDS)):
        assert tokenizer.ids(f"mentor {half} school") == tokenizer.ids("mentor \ufffd school")
        assert pieces(tokenizer, f"{half} school", known)[-2].endswith("school")


def test_a_folder_without_a_tokenizer_is_refused(tmp_path):
    with pytest.raises(Exception, match="No such file"):
        read_tokenizer(tmp_path)


@pytest.fixture(scope="module")
def ours() -> Tokenizer:
    folder = load_encoder(DEFAULT_ENCODER, Settings()).folder
    assert folder is not None
    return read_tokenizer(folder)


@pytest.fixture(scope="module")
def original() -> Original:
    """The published tokenizer of the default encoder, run by the library that it was published for."""
    folder = locate_encoder(find_spec(DEFAULT_ENCODER, read_registry()), Settings().models)
    return Original.from_file(str(folder / JSON_FILE))


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """All that the shipped catalogue asks and tells, with the prompts that go before it."""
    source = read_source(shipped_path("data/catalogue/practices.jsonl"))
    assert len({probe.language for probe in source.probes} - {"und"}) == 25
    told = [
        practice_text(practice)[start:end] for practice in source.practices for start, end in sentence_limits(practice)
    ]
    return [*(f"query: {probe.text}" for probe in source.probes), *(f"passage: {text}" for text in told)]


@pytest.mark.model
def test_ids_are_those_of_the_published_tokenizer_in_25_languages(
    ours: Tokenizer, original: Original, texts: list[str]
):
    others = [text for text in texts if ours.ids(text) != original.encode(text).ids]
    assert len(texts) > 1000
    assert len(others) / len(texts) < MAX_SHARE_OF_OTHER_IDS, others


@pytest.mark.model
@pytest.mark.parametrize("text", ODD, ids=lambda text: ascii(text)[:24])
def test_ids_of_odd_texts_are_those_of_the_published_tokenizer(ours: Tokenizer, original: Original, text: str):
    for prompt in ("", "query: "):
        assert ours.ids(prompt + text) == original.encode((prompt + text).strip()).ids


@pytest.mark.model
@pytest.mark.parametrize("text", ["\u200b", "\u200b\u200d", "school\u200e", "school \x01\x02", "\ufffd"], ids=ascii)
def test_an_invisible_character_at_the_end_leaves_no_token_of_its_own(ours: Tokenizer, original: Original, text: str):
    """The library makes it a piece of white space; sentencepiece, which trained the encoder's model, does not."""
    *visible, space, end = original.encode(text).ids
    assert original.id_to_token(space) == "▁"
    assert ours.ids(text) == [*visible, end]


@pytest.mark.model
@pytest.mark.parametrize("name", ["<s>", "</s>", "<mask>", "<pad>", "<unk>"])
def test_the_name_of_a_special_token_is_text(ours: Tokenizer, original: Original, name: str):
    found = ours.ids(f"say {name} now")
    special = {original.token_to_id(one) for one in ("<s>", "</s>", "<mask>", "<pad>", "<unk>")}
    assert special.isdisjoint(found[1:-1])
    assert "".join(original.id_to_token(one) for one in found) == f"<s>▁say▁{name}▁now</s>"


@pytest.mark.model
def test_white_space_around_a_text_is_left_out(ours: Tokenizer):
    assert ours.ids("\n  hello\u3000 ") == ours.ids("hello") == [BEGIN, 33600, 31, END]


@pytest.mark.model
def test_half_a_character_is_no_reason_to_fail(ours: Tokenizer):
    assert ours.ids("pupils \ud800 leave") == ours.ids("pupils \ufffd leave")
    assert ours.ids("pupils leave\udfff")[:3] == ours.ids("pupils leave")[:3]


@pytest.mark.parametrize("kind", ["unigram", "wordpiece"])
@pytest.mark.parametrize("text", [*ODD, "mentors  school mentor", "mentor\nschool mentors", " mentor "], ids=ascii)
def test_as_many_tokens_are_counted_as_there_are(request, kind: str, text: str) -> None:
    tokenizer: Tokenizer = request.getfixturevalue(kind)
    for _ in range(2):  # the second time from what was kept
        assert tokenizer.count(text) == len(tokenizer.ids(text))


@pytest.mark.model
@pytest.mark.parametrize("text", ODD, ids=ascii)
def test_the_encoder_counts_as_many_tokens_as_there_are(ours: Tokenizer, text: str) -> None:
    assert ours.count(f"{text} {text}") == len(ours.ids(f"{text} {text}"))


def test_a_model_whose_pieces_go_over_blanks_is_counted_whole(tmp_path: Path) -> None:
    original = Original(BPE({"a": 0, "b": 1, " ": 2, "a ": 3, "a b": 4}, [("a", " "), ("a ", "b")]))
    original.save(str(tmp_path / JSON_FILE))
    tokenizer = read_tokenizer(tmp_path)
    assert tokenizer.ids("a b") == [4]
    assert tokenizer.count("a b") == 1
