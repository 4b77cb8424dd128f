"""Turn a practice into schema.org JSON-LD, so that other search services know what its page is about."""

from indexer.practice import Practice
from service.web_address import is_web_address


def structured_data(practice: Practice, url: str) -> dict[str, object]:
    """Return a practice as a schema.org Project (https://schema.org/Project); what is not known is left out."""
    found: dict[str, object | None] = {
        "@context": "https://schema.org",
        "@type": "Project",
        "@id": url,
        "url": url,
        "name": practice.title,
        "alternateName": practice.original_title,
        "description": practice.summary,
        "foundingDate": str(practice.start_year) if practice.start_year else None,
        "dissolutionDate": str(practice.end_year) if practice.end_year else None,
        "areaServed": _area(practice),
        "parentOrganization": _organisation(practice),
        "subjectOf": [{"@type": "WebPage", "url": one.url} for one in practice.sources if is_web_address(one.url)],
    }
    return {name: value for name, value in found.items() if value}


def _organisation(practice: Practice) -> dict[str, object] | None:
    return {"@type": "Organization", "name": practice.organisation} if practice.organisation else None


def _area(practice: Practice) -> dict[str, object] | None:
    country: dict[str, object] | None = None
    if practice.country is not None:
        country = {"@type": "Country", "identifier": practice.country}
    if practice.region is None:
        return country
    region: dict[str, object] = {"@type": "AdministrativeArea", "name": practice.region}
    return region | {"containedInPlace": country} if country else region
