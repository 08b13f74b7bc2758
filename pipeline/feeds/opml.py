"""Lists of feeds in OPML 2.0 (opml.org/spec2.opml), in and out. Folders are tags.

What cannot be read is reported line by line, and the rest is taken. Entities are never expanded, so there is nothing
that could grow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lxml import etree

from pipeline.errors import InputError, OpmlError
from pipeline.feeds.addresses import feed_url, is_masked
from pipeline.feeds.text import to_text, to_xml
from pipeline.records import Feed
from pipeline.urls import canonical, mask

MAX_BYTES = 20_000_000
"""A list of 100,000 feeds; longer files are something else."""
MAX_TAGS = 50
MAX_WORD = 300
"""Tags of one feed, and characters of a title or a tag; what is beyond is cut off and was not written by a person."""

_WAY_OUT = (
    "export your list of feeds as OPML from the reader that has it, or give the feeds' URLs to `slugline feeds add`"
)
_MAX_PROBLEMS = 50
_MAX_ATTRIBUTES = 100
# A line of a plain list that is a remark or a headline, as text files have them.
_REMARK = re.compile(r"\s*(?:[#;]|$)")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Outline:
    """A feed in a list. `tags` are the folders it lies in, outermost first, then its categories."""

    url: str
    title: str
    tags: tuple[str, ...]


def read(text: bytes, *, source: str) -> tuple[list[Outline], list[str]]:
    """Give the feeds of an OPML document and sentences on the lines that could not be used.

    A feed that is listed twice is taken once, with the tags of both. `source` names the document in sentences.
    Raises OpmlError when it is no OPML at all.
    """
    _refuse_too_long(text, source)
    root, problems = _tree(text, source)
    found: dict[str, Outline] = {}
    for element, tags in _walk(root):
        address = _attribute(element, "xmlurl") or (_attribute(element, "url") if _is_feed(element) else "")
        title = _attribute(element, "title") or _attribute(element, "text")
        line = f"line {element.sourceline}"
        if not address:
            if len(element) == 0:
                problems.append(f"{line}: {mask(title)[:MAX_WORD] or 'an outline'!r} has no xmlUrl: left out")
            continue
        categories = (part.strip() for part in re.split("[,/]", _attribute(element, "category")))
        _take(found, problems, line, address, "" if title in (address, mask(address)) else title, (*tags, *categories))
    return list(found.values()), _bounded(problems)


def read_list(text: bytes, *, source: str) -> tuple[list[Outline], list[str]]:
    """Give the feeds of a plain list, one URL a line, and sentences on the lines that could not be used.

    Blank lines and lines that begin with `#` or `;` are passed over. Raises OpmlError when it holds no URL at all.
    """
    _refuse_too_long(text, source)
    decoded, problems = to_text(text, None)
    found: dict[str, Outline] = {}
    for number, line in enumerate(decoded.splitlines(), start=1):
        if not _REMARK.match(line):
            _take(found, problems, f"line {number}", line.strip().removeprefix("<").removesuffix(">"), "", ())
    if not found:
        raise OpmlError(f"{source} is neither OPML nor a list of URLs, one a line; {_WAY_OUT}")
    return list(found.values()), _bounded(problems)


def read_any(text: bytes, *, source: str) -> tuple[list[Outline], list[str]]:
    """As `read` for what looks like markup, else as `read_list`."""
    start = to_text(text[:1000], None)[0].lstrip("\ufeff \t\r\n")
    return (read if start.startswith("<") or not start else read_list)(text, source=source)


def _take(
    found: dict[str, Outline], problems: list[str], line: str, address: str, title: str, tags: Iterable[str]
) -> None:
    """Add a feed to `found`, or a sentence to `problems`."""
    try:
        url = feed_url(address)
        identity = canonical(url)
    except InputError as error:
        problems.append(f"{line}: {error}: left out")
        return
    outline = Outline(url, title[:MAX_WORD], _unique(tag[:MAX_WORD] for tag in tags))
    if identity in found:
        problems.append(f"{line}: {mask(url)} is listed twice: taken once")
        outline = _merge(found[identity], outline)
    found[identity] = outline


def _refuse_too_long(text: bytes, source: str) -> None:
    if len(text) > MAX_BYTES:
        raise OpmlError(f"{source} has {len(text):,} bytes, which is too long for a list of feeds; {_WAY_OUT}")


def _bounded(problems: list[str]) -> list[str]:
    if len(problems) <= _MAX_PROBLEMS:
        return problems
    return [*problems[:_MAX_PROBLEMS], f"and {len(problems) - _MAX_PROBLEMS} more lines"]


def write(feeds: Iterable[Feed], *, title: str, credentials: bool = False) -> str:
    """Give an OPML document of `feeds`, tags as nested folders; `read` gives the same URLs, titles and tags back.

    User names, passwords and secret parameters in URLs are masked unless `credentials` asks for them. Masked feeds are
    told by `masked`; `read` leaves them out, with a sentence.
    """
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = _clean(title)
    body = etree.SubElement(root, "body")
    folders: dict[tuple[str, ...], etree._Element] = {(): body}
    for feed in feeds:
        url = _clean(feed.url if credentials else mask(feed.url))
        name = _clean(feed.title) or mask(url)
        parent = _folder(folders, tuple(_clean(tag) for tag in feed.tags))
        etree.SubElement(parent, "outline", type="rss", text=name, title=name, xmlUrl=url)
    return etree.tostring(root, pretty_print=True, xml_declaration=True, encoding="UTF-8").decode("utf-8")


def masked(feeds: Iterable[Feed]) -> int:
    """How many of `feeds` an export without credentials masks: these cannot be imported from it."""
    return sum(is_masked(mask(feed.url)) for feed in feeds)


def _tree(text: bytes, source: str) -> tuple[etree._Element, list[str]]:
    decoded, problems = to_text(text, None)
    xml, mended = to_xml(decoded)
    problems += mended
    data = xml.encode("utf-8")
    try:
        root = etree.fromstring(data, _parser(recover=False))
    except etree.XMLSyntaxError as error:
        try:
            root = etree.fromstring(data, _parser(recover=True)) if data else None
        except etree.XMLSyntaxError:
            root = None
        problems.append(f"line {error.lineno or 1}: not well-formed ({error.msg}); what follows may be incomplete")
    if root is None:
        raise OpmlError(f"{source} is not XML; {_WAY_OUT}")
    name = etree.QName(root).localname.lower()
    if name != "opml":
        what = {"html": "a web page", "rss": "a feed", "feed": "a feed", "rdf": "a feed"}.get(name, f"<{name}>")
        raise OpmlError(f"{source} is {what}, not OPML; {_WAY_OUT}")
    return root, problems


def _parser(*, recover: bool) -> etree.XMLParser:
    return etree.XMLParser(
        recover=recover,
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        encoding="utf-8",
    )


def _walk(root: etree._Element) -> Iterator[tuple[etree._Element, tuple[str, ...]]]:
    """All outlines in the order of the document, each with the names of the folders around it."""
    stack: list[tuple[etree._Element, tuple[str, ...]]] = [(root, ())]
    while stack:
        element, tags = stack.pop()
        inside = tags
        if _is_outline(element):
            yield element, tags
            if not _attribute(element, "xmlurl"):
                name = _attribute(element, "text") or _attribute(element, "title")
                inside = (*tags, name) if name else tags
        stack.extend((child, inside) for child in reversed(element))


def _is_outline(element: etree._Element) -> bool:
    return isinstance(element.tag, str) and etree.QName(element).localname.lower() == "outline"


def _is_feed(element: etree._Element) -> bool:
    return _attribute(element, "type").lower() in ("rss", "atom", "feed")


def _attribute(element: etree._Element, name: str) -> str:
    """An attribute, whatever its letter case: `xmlUrl`, `xmlurl` and `XMLURL` are all found in the wild."""
    if len(element.attrib) > _MAX_ATTRIBUTES:  # lxml takes quadratic time to go through them
        return ""
    for key, value in element.attrib.items():
        if str(key).lower() == name:
            return " ".join(str(value).split())
    return ""


def _merge(one: Outline, other: Outline) -> Outline:
    return Outline(one.url, one.title or other.title, _unique((*one.tags, *other.tags)))


def _unique(tags: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tag for tag in tags if tag))[:MAX_TAGS]


def _folder(folders: dict[tuple[str, ...], etree._Element], tags: tuple[str, ...]) -> etree._Element:
    for depth in range(1, len(tags) + 1):
        path = tags[:depth]
        if path not in folders:
            folders[path] = etree.SubElement(folders[path[:-1]], "outline", text=path[-1], title=path[-1])
    return folders[tags]


def _clean(text: str) -> str:
    return " ".join(_ILLEGAL.sub("", text).split())
