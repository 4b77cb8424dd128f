"""What a catalogue says of itself is read as it is; what is not known stays empty, what is wrong is named."""

from pathlib import Path

import pytest

from indexer.description import DESCRIPTION_FILE, Description, DescriptionError
from indexer.shipped import shipped_path


def described(folder: Path, text: str) -> Description:
    path = folder / DESCRIPTION_FILE
    path.write_text(text, encoding="utf-8")
    return Description.read(path)


def test_what_is_not_known_is_empty(tmp_path: Path) -> None:
    found = described(tmp_path, 'title = " Street work "\n')
    assert found == Description(title="Street work")
    assert found.licence is None


def test_a_catalogue_without_a_description_has_an_empty_one(tmp_path: Path) -> None:
    assert Description.read(tmp_path / DESCRIPTION_FILE) == Description()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('licenze = "MIT"', "field 'licenze' is 'MIT': Extra inputs are not permitted; fields are title, about"),
        ("title = 5", "field 'title' is 5: Input should be a valid string"),
        ('title = ""', "field 'title' is ''"),
        ("title = ", "not readable"),
    ],
)
def test_a_description_that_is_wrong_is_refused_with_the_field(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DescriptionError, match=r"catalogue\.toml") as caught:
        described(tmp_path, text)
    assert message in str(caught.value)


def test_the_shipped_catalogue_names_its_licence_and_its_provenance() -> None:
    found = Description.read(shipped_path(f"data/catalogue/{DESCRIPTION_FILE}"))
    assert found.licence == "MIT"
    assert "Cedefop" in (found.provenance or "")
