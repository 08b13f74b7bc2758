"""Tables that lay a page out rather than show data: unwrapped, so that paragraphs in their cells are paragraphs again.

Pages of the older kind set everything in nested tables. To an extractor each is one grid of data: the article becomes
a single cell, and navigation, calendar and footer become rows beside it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from lxml.html import HtmlElement

from pipeline.articles.wording import squeeze

MAX_TABLES = 400
"""Of one page; further ones stay as they are."""
MAX_DEPTH = 40
"""How far up from a paragraph its cell is looked for: walks without a bound are quadratic on nested markup."""
PARAGRAPH_CHARS = 80
"""A run of text this long, not made of links, is prose (as in `prune`)."""
LEAST_PROSE_CHARS = 200
"""With less in the cells of all layout tables together, none is known for chrome: the article may be outside."""
TABLE_SHARE = 0.25
"""A layout table whose own cells hold less than this share of what the richest one holds is chrome around it."""
ONE_CELL_SHARE = 0.8
"""A cell with so much of its table's prose is the article; what stands in other rows without prose is no part of it."""
LINK_SHARE = 0.5
LEAST_TIMED_ROWS, TIMED_SHARE, MAX_ROWS = 3, 0.6, 200
"""A programme has at least so many rows that begin with a clock time, and they are most of its rows."""

_SECTIONS = ("tbody", "thead", "tfoot")
_DATA = ("th", "caption", "thead", "colgroup")
_GRID_COLUMNS, _GRID_ROWS = 2, 2
INLINE = frozenset(
    "a abbr acronym b big br cite code del dfn em i img ins kbd mark nobr q s small span strike strong sub sup time tt "
    "u var wbr".split()
)
"""Elements within a line; whatever else stands in a cell is a block of its own."""


_CLOCK = re.compile(r"\d{1,2}[:.h]\d{2}(?:\s*[ap]\.?m\.?)?(?:\s*[-–]\s*\d{1,2}[:.h]\d{2})?", re.IGNORECASE)


class _Cell:
    __slots__ = ("element", "leaf", "prose", "row", "table")

    def __init__(self, element: HtmlElement, row: HtmlElement, table: HtmlElement) -> None:
        self.element, self.row, self.table = element, row, table
        self.prose = 0
        self.leaf = element.find(".//table") is None


def unwrap(tree: HtmlElement) -> None:
    """Turn the layout tables of `tree` into blocks, in place, and drop those of their cells that surround the prose."""
    found = list(islice(tree.iter("table"), MAX_TABLES))
    layout = [table for table in found if not _drop_schedule(table) and _lays_out(table)]
    if not layout:
        return
    blocks = _font_blocks(tree)
    cells = [cell for table in layout for cell in _cells(table)]
    for block in [*blocks, *(cell.element for cell in cells)]:
        make_paragraphs(block)
    _count_prose(tree, cells)
    if sum(cell.prose for cell in cells) >= LEAST_PROSE_CHARS:
        for cell in list(_chrome(cells)):
            cell.element.drop_tree()
    for table in layout:
        _rename(table)


def _drop_schedule(table: HtmlElement) -> bool:
    """Drop a table whose rows are a clock time and a few words each: tonight's programme, which stands beside
    articles. Rows with sentences are a live report."""
    if table.find(".//table") is not None:
        return False
    rows = [[squeeze("".join(cell.itertext())) for cell in row] for row in islice(_rows(table), MAX_ROWS)]
    timed = sum(1 for row in rows if len(row) >= 2 and _CLOCK.fullmatch(row[0]))
    if timed < LEAST_TIMED_ROWS or timed < TIMED_SHARE * len(rows):
        return False
    if any(len(text) >= PARAGRAPH_CHARS for row in rows for text in row):
        return False
    table.drop_tree()
    return True


def _lays_out(table: HtmlElement) -> bool:
    if table.get("role") == "presentation" or table.find(".//table") is not None:
        return True
    if any(table.find(f".//{tag}") is not None for tag in _DATA):
        return False
    rows = [[len(squeeze("".join(cell.itertext()))) for cell in row if cell.tag == "td"] for row in _rows(table)]
    if any(size >= LEAST_PROSE_CHARS for row in rows for size in row):
        return True
    # What has no columns is no grid.
    return max(map(len, rows), default=0) < _GRID_COLUMNS or len(rows) < _GRID_ROWS


def _rows(table: HtmlElement) -> Iterator[HtmlElement]:
    for part in table:
        if part.tag in _SECTIONS:
            yield from (row for row in part if row.tag == "tr")
        elif part.tag == "tr":
            yield part


def _cells(table: HtmlElement) -> Iterator[_Cell]:
    for row in _rows(table):
        for cell in row:
            if cell.tag in ("td", "th"):
                yield _Cell(cell, row, table)


def _font_blocks(tree: HtmlElement) -> list[HtmlElement]:
    """Make a block of each `<font>` that holds more than a line, and return them; the others become part of a line."""
    blocks = []
    for font in reversed(list(tree.iter("font"))):  # the inner ones first: one with a block inside is a block too
        if any(child.tag == "br" or child.tag not in INLINE for child in font):
            font.tag = "div"
            blocks.append(font)
        else:
            font.tag = "span"
    return blocks


class _Lines:
    """Paragraphs as they are made in a cell, from pieces in their order."""

    def __init__(self, cell: HtmlElement) -> None:
        self._cell = cell
        self._current: HtmlElement | None = None
        self._last: HtmlElement | None = None  # libxml2 would count all children each time it is asked for it
        self.breaks = 0

    def put(self, child: HtmlElement) -> None:
        """A block, which ends the paragraph before it."""
        self._cell.append(child)
        self._current, self._last, self.breaks = None, None, 0

    def take(self, child: HtmlElement) -> None:
        """A piece of a line."""
        self._paragraph().append(child)
        self._last = child

    def say(self, text: str) -> None:
        if text.isspace() and (self._current is None or self.breaks):
            return
        paragraph = self._paragraph()
        if self._last is None:
            paragraph.text = text
        else:
            self._last.tail = text

    def _paragraph(self) -> HtmlElement:
        """The paragraph that goes on, after a single line break too, or a new one."""
        if self._current is None or self.breaks > 1:
            self._current, self._last = self._cell.makeelement("p"), None
            self._cell.append(self._current)
        elif self.breaks:
            self._last = self._cell.makeelement("br")
            self._current.append(self._last)
        self.breaks = 0
        return self._current


def make_paragraphs(cell: HtmlElement) -> None:
    """Make a `<p>` of each run of text that stands bare in a cell; two line breaks in a row end a run."""
    children = list(cell)
    texts = [cell.text, *(child.tail for child in children)]
    cell.text = None
    for child in children:
        cell.remove(child)
        child.tail = None
    made = _Lines(cell)
    for child, text in zip([None, *children], texts, strict=True):
        if child is not None and child.tag == "br":
            made.breaks += 1
        elif child is not None and child.tag in INLINE:
            made.take(child)
        elif child is not None:
            made.put(child)
        if text:
            made.say(str(text))


def _count_prose(tree: HtmlElement, cells: list[_Cell]) -> None:
    """Give each cell the characters of its own paragraphs; those in a table within it count there."""
    owners = {cell.element: cell for cell in cells}
    for paragraph in tree.iter("p", "div", "blockquote"):
        owner = next((near for near in islice(paragraph.iterancestors(), MAX_DEPTH) if near in owners), None)
        if owner is None:
            continue
        # Of a block only what stands bare in it: its paragraphs come by themselves.
        size = _size(paragraph) if paragraph.tag == "p" else len(squeeze(paragraph.text or ""))
        if size >= PARAGRAPH_CHARS and sum(map(_size, paragraph.iter("a"))) < size * LINK_SHARE:
            owners[owner].prose += size


def _chrome(cells: list[_Cell]) -> Iterator[_Cell]:
    """The cells without an inner table that hold navigation, boxes and bars, judged by what stands in and beside
    them."""
    in_table: Counter[HtmlElement] = Counter()
    in_row: Counter[HtmlElement] = Counter()
    most: dict[HtmlElement, int] = {}
    for cell in cells:
        in_table[cell.table] += cell.prose
        in_row[cell.row] += cell.prose
        most[cell.table] = max(most.get(cell.table, 0), cell.prose)
    richest = max(in_table.values())
    for cell in cells:
        if not cell.leaf:
            continue
        prose = in_table[cell.table]
        beside = in_row[cell.row] or most[cell.table] >= ONE_CELL_SHARE * prose
        if prose < TABLE_SHARE * richest or (not cell.prose and (beside or _is_linked(cell.element))):
            yield cell


def _is_linked(cell: HtmlElement) -> bool:
    return sum(map(_size, cell.iter("a"))) >= LINK_SHARE * max(1, _size(cell))


def _size(element: HtmlElement) -> int:
    return len(squeeze("".join(element.itertext())))


def _rename(table: HtmlElement) -> None:
    for part in list(table):
        for row in list(part) if part.tag in _SECTIONS else [part]:
            for cell in row:
                if cell.tag in ("td", "th"):
                    _as_block(cell)
            if row.tag == "tr":
                _as_block(row)
        if part.tag in _SECTIONS:
            _as_block(part)
    _as_block(table)


def _as_block(element: HtmlElement) -> None:
    element.tag = "div"
