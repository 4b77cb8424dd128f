"""Turn a release back into its catalogue file: JSON lines, as `practices index` and `practices check` read them."""

from collections.abc import Iterator

from indexer.release import Release


def to_json_lines(release: Release) -> Iterator[str]:
    """Yield one line a practice, in the order of the catalogue."""
    for practice in release.parts.practices:
        yield practice.model_dump_json(exclude_defaults=True) + "\n"
