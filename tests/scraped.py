"""What a monitoring service reads of a running one, as numbers that can be compared."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

Numbers = Mapping[tuple[str, ...], float]


def numbers(text: str) -> Numbers:
    """Return name and values of the labels -> number, of all but the single buckets of histograms."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_bucket")
    }


def changes(before: Numbers, after: Numbers) -> dict[tuple[str, ...], float]:
    """Return by how much what we count has changed; seconds are left out."""
    return {
        name: value - before.get(name, 0.0)
        for name, value in after.items()
        if name[0].startswith("practices_") and not name[0].endswith("_sum") and value != before.get(name, 0.0)
    }
