"""Turn HTML into elements with their attributes and texts, and say what is wrong with it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise

_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)
_BLOCKS = frozenset(
    (
        *("article", "aside", "blockquote", "details", "div", "dl", "fieldset", "figure", "footer", "form", "header"),
        *("h1", "h2", "h3", "h4", "main", "nav", "ol", "p", "pre", "section", "table", "ul"),
    )
)
_CONTROLS = frozenset(("button", "input", "meter", "select", "textarea"))
_INTERACTIVE = frozenset(("a", "button", "label", "select", "summary", "textarea"))
_NAMING = ("for", "aria-labelledby", "aria-describedby", "aria-controls")


@dataclass
class Element:
    """One element: its attributes, all the text within it, and the tags that it stands in, the outermost first."""

    tag: str
    attributes: dict[str, str]
    parents: tuple[str, ...]
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Return the text within, white space made one space."""
        return " ".join("".join(self.texts).split())

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]


class Markup(HTMLParser):
    """The elements of a page in their order. `faults` says what a browser would have to mend or a reader would miss."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self._faults: list[str] = []
        self.feed(html)
        self.close()
        self._faults += [f"<{element.tag}> is never closed" for element in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = Counter(name for name, _ in attrs)
        self._faults += [f"<{tag}> has {name} twice" for name, count in names.items() if count > 1]
        parents = tuple(element.tag for element in self._open)
        if tag in _BLOCKS and "p" in parents:
            self._faults.append(f"<{tag}> within <p>")
        if tag in ("a", "button", "input", "select", "textarea") and set(parents) & (_INTERACTIVE - {"label"}):
            self._faults.append(f"<{tag}> within {parents}")
        element = Element(tag, {name: value or "" for name, value in attrs}, parents)
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1].tag == tag:
            self._open.pop()
        else:
            self._faults.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.texts.append(data)

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Return the elements of a tag that have these attributes; `class_` is one of the classes."""
        wanted = attributes.pop("class_", None)
        return [
            element
            for element in self.elements
            if element.tag == tag
            and attributes.items() <= element.attributes.items()
            and (wanted is None or wanted in element.attributes.get("class", "").split())
        ]

    def one(self, tag: str, **attributes: str) -> Element:
        """Return the only element of a tag that has these attributes."""
        (found,) = self.all(tag, **attributes)
        return found

    def faults(self) -> list[str]:
        """Return what is wrong: nesting, ids that are there twice or not at all, headings that skip a level."""
        return [*self._faults, *self._faults_of_ids(), *self._faults_of_headings()]

    def _faults_of_ids(self) -> Iterator[str]:
        ids = Counter(element["id"] for element in self.elements if "id" in element.attributes)
        tags = {element["id"]: element.tag for element in self.elements if "id" in element.attributes}
        yield from (f"id {name!r} is there {count} times" for name, count in ids.items() if count > 1 or not name)
        for element in self.elements:
            for attribute in _NAMING:
                for name in element.attributes.get(attribute, "").split():
                    if name not in ids:
                        yield f"<{element.tag} {attribute}={name!r}> names nothing"
            if element.tag == "label" and tags.get(element.attributes.get("for", ""), "input") not in _CONTROLS:
                yield f"a label names <{tags[element['for']]}>"
            if "form" in element.attributes and tags.get(element["form"]) != "form":
                yield f"<{element.tag} form={element['form']!r}> belongs to no form"
            target = element.attributes.get("href", "")
            if target.startswith("#") and target[1:] not in ids:
                yield f"{target} leads nowhere"

    def _faults_of_headings(self) -> Iterator[str]:
        levels = [int(element.tag[1]) for element in self.elements if element.tag in ("h1", "h2", "h3", "h4")]
        if levels.count(1) != 1 or levels[0] != 1:
            yield f"headings are {levels}"
        skipped = [(above, below) for above, below in pairwise(levels) if below > above + 1]
        yield from (f"h{below} follows h{above}" for above, below in skipped)
