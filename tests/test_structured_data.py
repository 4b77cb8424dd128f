"""What other search services read of a practice."""

from indexer.practice import Practice, Source
from service.pages.structured_data import structured_data

URL = "https://practices.example/practices/quabb"


def test_a_practice_is_a_project_with_what_is_known_of_it() -> None:
    practice = Practice(
        id="quabb",
        title="Advice for apprentices",
        original_title="Qualifizierte Ausbildungsbegleitung",
        summary="Advisers help before a contract ends.",
        country="DE",
        region="Hessen",
        start_year=2009,
        end_year=2027,
        organisation="Ministry of Economics",
        sources=(Source(url="https://one.example/a?b=1"), Source(url="https://two.example/", note="in German")),
    )

    assert structured_data(practice, URL) == {
        "@context": "https://schema.org",
        "@type": "Project",
        "@id": URL,
        "url": URL,
        "name": "Advice for apprentices",
        "alternateName": "Qualifizierte Ausbildungsbegleitung",
        "description": "Advisers help before a contract ends.",
        "foundingDate": "2009",
        "dissolutionDate": "2027",
        "areaServed": {
            "@type": "AdministrativeArea",
            "name": "Hessen",
            "containedInPlace": {"@type": "Country", "identifier": "DE"},
        },
        "parentOrganization": {"@type": "Organization", "name": "Ministry of Economics"},
        "subjectOf": [
            {"@type": "WebPage", "url": "https://one.example/a?b=1"},
            {"@type": "WebPage", "url": "https://two.example/"},
        ],
    }


def test_what_is_not_known_is_left_out() -> None:
    assert structured_data(Practice(id="bare", title="Bare"), URL) == {
        "@context": "https://schema.org",
        "@type": "Project",
        "@id": URL,
        "url": URL,
        "name": "Bare",
    }


def test_an_area_is_a_country_or_a_region_where_only_one_is_known() -> None:
    country = structured_data(Practice(id="a", title="A", country="GR"), URL)
    region = structured_data(Practice(id="a", title="A", region="Alps"), URL)

    assert country["areaServed"] == {"@type": "Country", "identifier": "GR"}
    assert region["areaServed"] == {"@type": "AdministrativeArea", "name": "Alps"}


def test_only_web_addresses_are_named_as_pages() -> None:
    sources = (Source(url="javascript:alert(1)"), Source(url="in print"), Source(url="http://a.example/"))
    found = structured_data(Practice(id="a", title="A", sources=sources), URL)

    assert found["subjectOf"] == [{"@type": "WebPage", "url": "http://a.example/"}]
    assert "subjectOf" not in structured_data(Practice(id="a", title="A", sources=sources[:2]), URL)
