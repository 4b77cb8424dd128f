"""Every field of the model is known by itself: what it holds, whether it is a list, and what its records hold."""

from indexer.practice import Practice, Result, Source
from service.exports.fields import practice_fields

BY_NAME = {field.name: field for field in practice_fields()}


def test_the_fields_are_those_of_the_models_in_their_order() -> None:
    assert [field.name for field in practice_fields()] == list(Practice.model_fields)
    assert [part.name for part in BY_NAME["sources"].parts] == list(Source.model_fields)
    assert [part.name for part in BY_NAME["results"].parts] == list(Result.model_fields)


def test_a_field_that_may_be_empty_is_known_by_its_value() -> None:
    year = BY_NAME["start_year"]

    assert (year.value["type"], year.value["minimum"], year.value["maximum"]) == ("integer", 1800, 2200)
    assert (year.is_list, year.is_required, year.parts) == (False, False, ())


def test_only_id_and_title_and_the_first_of_a_record_are_required() -> None:
    every = (*practice_fields(), *BY_NAME["sources"].parts, *BY_NAME["results"].parts)

    assert [field.name for field in every if field.is_required] == ["id", "title", "url", "text"]


def test_lists_of_codes_are_coded_and_other_lists_are_not() -> None:
    coded = ["target_groups", "approaches", "measure_types", "levels", "listed_in"]

    assert [field.name for field in practice_fields() if field.is_coded] == coded
    lists = [field.name for field in practice_fields() if field.is_list]
    assert sorted(lists) == sorted([*coded, "languages", "results", "sources"])


def test_every_field_says_what_it_means() -> None:
    every = (*practice_fields(), *BY_NAME["sources"].parts, *BY_NAME["results"].parts)

    assert [field.name for field in every if not field.description.endswith(".")] == []
