"""From the bytes of a feed to XML that a strict parser can read: encoding, stray characters, entities.

Most broken feeds are broken in the same few ways (a byte of another encoding, a bare `&`, `&nbsp;`, a control
character, a blank line before the declaration). Mended here, they are read by the strict parser instead of the
forgiving one, which guesses. All of it is linear in the size of the body.
"""

from __future__ import annotations

import codecs
import html.entities
import re
import zlib

from pipeline.errors import FeedError
from pipeline.urls import mask

MAX_UNPACKED = 20_000_000
"""Bytes that a packed body may have unpacked. The protocol of sitemaps allows 50 MB; of those met in the wild the
largest news sites' have about 10 (50,000 URLs with dates)."""
_PIECE = 16_384

_BOMS = (
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
)
# `<` and the next character in encodings of two bytes, for documents that lost their BOM (XML 1.0, appendix F).
_WIDE = ((b"\x00<\x00", "utf-16-be"), (b"<\x00", "utf-16-le"))
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})[\"']")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
# Encodings in which every byte is ASCII, so that "it is valid UTF-8" says nothing.
_SEVEN_BIT = ("iso2022", "hz", "utf7")
# Codecs of Python that no document is written in; some of them take quadratic time.
_NO_CHARSETS = frozenset(("idna", "punycode", "unicodeescape", "rawunicodeescape", "undefined"))
# Bytes that are no UTF-8, per character that is: below it a slip of the pen, above it another encoding.
_SLIPS = 0.1

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_DECLARATION = re.compile(r"<\?xml\b[^>]{0,200}\?>")
_LITERAL = re.compile(r"<!\[CDATA\[|<!--")
_AMPERSAND = re.compile(r"&(?:#([0-9]{1,7});|#[xX]([0-9a-fA-F]{1,6});|([A-Za-z][A-Za-z0-9]{1,31});)?")
_XML_ENTITIES = frozenset(("lt", "gt", "amp", "quot", "apos"))
_FIRST_TAG = re.compile(r"<[A-Za-z_]")
_ENTITY = re.compile(r"<!ENTITY\s+([A-Za-z_][\w.-]{0,31})\s+(?:\"([^\"&%<]{0,32})\"|'([^'&%<]{0,32})')\s*>")
# Characters before the first tag that are looked through for a document type; real ones have a few hundred.
_PROLOG = 65_536
_MAX_BLANK_LINES = 200


def unpack(body: bytes, url: str) -> tuple[bytes, list[str]]:
    """Undo gzip that is the document's own (`sitemap.xml.gz`) rather than the transfer's; also gives sentences.

    What is cut off or damaged is read up to there. Raises FeedError with the reason `too-large`.
    """
    if not body.startswith(b"\x1f\x8b"):
        return body, []
    out = bytearray()
    whole = False
    unpacker = zlib.decompressobj(wbits=31)
    # In small pieces, because an error takes along what came out of the same piece.
    for start in range(0, len(body), _PIECE):
        rest = body[start : start + _PIECE]
        try:
            while rest and len(out) <= MAX_UNPACKED:
                if unpacker.eof:  # gzip files may follow each other; blocks are filled up with zeros
                    unpacker = zlib.decompressobj(wbits=31)
                out += unpacker.decompress(rest, MAX_UNPACKED + 1 - len(out))
                rest = unpacker.unconsumed_tail or unpacker.unused_data.lstrip(b"\0")
        except zlib.error:
            break
        whole = unpacker.eof
    if len(out) > MAX_UNPACKED:
        words = f"{mask(url)} has more than {MAX_UNPACKED // 1_000_000} MB when unpacked, which is the limit"
        raise FeedError(words, reason="too-large")
    if not out and not whole:
        raise FeedError(f"{mask(url)} is a damaged gzip file", reason="unreadable")
    return bytes(out), [] if whole else ["the gzip file is damaged or cut off: read up to there"]


def to_text(body: bytes, content_type: str | None) -> tuple[str, list[str]]:
    """Decode `body`; also gives sentences on what was mended.

    In this order: byte order mark; valid UTF-8 (text in another encoding hardly ever is by chance, whatever is
    declared); UTF-8 with a few foreign bytes, which are read as Windows-1252 instead of spoiling all the rest; the
    charset of the Content-Type header; that of the XML declaration; Windows-1252.
    """
    marked = _by_mark(body)
    if marked is not None:
        return marked, []
    header = _CHARSET.search(content_type or "")
    inside = _DECLARED.search(body[:1000])
    declared = [name for name in (header and header[1], inside and inside[1].decode("ascii")) if name]
    text = next((text for name in declared if _is_seven_bit(name) and (text := _try(body, name)) is not None), None)
    text = _try(body, "utf-8") if text is None else text
    return _foreign(body, declared) if text is None else (text, [])


def _by_mark(body: bytes) -> str | None:
    """Decode by the byte order mark, or by the zero bytes of the wide encodings; None where there is neither."""
    for bom, name in _BOMS:
        if body.startswith(bom):
            return body[len(bom) :].decode(name, "replace")
    start = body[:100].lstrip(b" \t\r\n")
    return next((body.decode(name, "replace") for mark, name in _WIDE if start.startswith(mark)), None)


def _foreign(body: bytes, declared: list[str]) -> tuple[str, list[str]]:
    """Decode what is not valid UTF-8."""
    names = [name for name in declared if _squeeze(name) not in ("utf8", "usascii", "ascii")]
    mended, slips = _mend_utf8(body)
    other = next((text for name in names if (text := _try(body, _superset(name))) is not None), None)
    if mended is not None and (other is None or slips <= 3):
        return mended, [f"{slips} bytes are not UTF-8 and were read as Windows-1252"]
    if other is not None:
        return other, []
    note = f"neither UTF-8 nor {' nor '.join(names)}" if names else "not UTF-8"
    return body.decode("cp1252", "replace"), [f"the text is {note} and was read as Windows-1252"]


def to_xml(text: str) -> tuple[str, list[str]]:
    """Make `text` as well-formed as can be done without guessing; also gives sentences on what was mended.

    The document type goes, and with it every entity that is more than a few characters: nothing is left that could
    grow (XML bombs) or be fetched. Known entities become characters, bare ampersands are escaped. Lines keep their
    numbers, so that a parser's complaint names the right one.
    """
    problems: list[str] = []
    lines = text.count("\n")
    text, control = _ILLEGAL.subn("", text)
    if control:
        problems.append(f"{control} characters that XML forbids were left out")
    text = _from_declaration(text, problems)
    text, entities = _without_doctype(text)
    count = 0

    def mend(match: re.Match[str]) -> str:
        nonlocal count
        written = _reference(match, entities)
        count += written != match.group(0)
        return written

    pieces = _split(text)
    for position in range(0, len(pieces), 2):
        # An entity declaration that still stands is behind a tag or a comment, where there can be no honest one.
        piece = pieces[position].replace("<!ENTITY", "&lt;!ENTITY").replace("<!--", "&lt;!--")
        # What is never closed is text; the forgiving parser would look for its end again at each occurrence.
        closed = piece.rfind("?>") + 1
        piece = piece[:closed] + piece[closed:].replace("<?", "&lt;?")
        pieces[position] = _AMPERSAND.sub(mend, piece) if "&" in piece else piece
    if count:
        problems.append(f"{count} ampersands or entities that XML does not know were mended")
    mended = "".join(pieces)
    return "\n" * min(lines - mended.count("\n"), _MAX_BLANK_LINES) + mended, problems


def _split(text: str) -> list[str]:
    """Part markup (even places) from CDATA sections and comments (odd), where an ampersand is an ampersand."""
    pieces: list[str] = []
    ends = {"<![CDATA[": "]]>", "<!--": "-->"}
    start = position = 0
    while ends and (match := _LITERAL.search(text, position)):
        position = match.end()
        if match.group(0) not in ends:
            continue
        end = text.find(ends[match.group(0)], position)
        if end < 0:
            # Never closed, so no later one is either; looking again each time would take quadratic time.
            del ends[match.group(0)]
            continue
        pieces += [text[start : match.start()], text[match.start() : end + 3]]
        start = position = end + 3
    return [*pieces, text[start:]]


def _from_declaration(text: str, problems: list[str]) -> str:
    """Drop what stands before the document: blank lines, and warnings that a server-side program printed there."""
    text = text.lstrip("\ufeff\u200b \t\r\n")
    first = _FIRST_TAG.search(text, 0, _PROLOG)
    match = _DECLARATION.search(text, 0, first.start() if first else _PROLOG)
    if match is None:
        return text
    if match.start() and text[: match.start()].strip():
        problems.append("text before the XML declaration was left out")
    return text[match.end() :].lstrip()


def _without_doctype(text: str) -> tuple[str, dict[str, str]]:
    """Cut the document type out; also gives the short plain entities it declares."""
    first = _FIRST_TAG.search(text)
    prolog = text[: first.start()] if first else text
    start = prolog.upper().find("<!DOCTYPE")
    # feedparser's own search for these declarations takes quadratic time over runs of blank lines.
    rest = text[len(prolog) :]
    if start < 0:
        return re.sub(r"\s+", " ", prolog) + rest if first else text, {}
    entities = {m[1]: m[2] or m[3] or "" for m in _ENTITY.finditer(prolog[start : start + _PROLOG])}
    return re.sub(r"\s+", " ", prolog[:start]) + rest, entities


def _reference(match: re.Match[str], entities: dict[str, str]) -> str:
    """What to write for one `&`: a reference that XML knows, or an escaped ampersand."""
    decimal, hexadecimal, name = match.groups()
    if decimal or hexadecimal:
        number = int(decimal) if decimal else int(hexadecimal, 16)
        legal = number <= 0x10FFFF and not _ILLEGAL.match(chr(number))
        return match.group(0).lower() if legal else ""
    if name in _XML_ENTITIES:
        return match.group(0)
    if name in entities:
        return _escape(entities[name])
    if name and (known := html.entities.html5.get(f"{name};")):
        return _escape(known)
    return "&amp;" + match.group(0)[1:]


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _try(body: bytes, name: str) -> str | None:
    try:
        return None if _squeeze(codecs.lookup(name).name) in _NO_CHARSETS else body.decode(name)
    except (UnicodeError, LookupError, ValueError):
        return None


def _mend_utf8(body: bytes) -> tuple[str | None, int]:
    """UTF-8 with its few foreign bytes read as Windows-1252, and how many there are; None when they are too many."""
    text = body.decode("utf-8", "surrogateescape")
    foreign = len(re.findall("[\udc80-\udcff]", text))
    good = len(re.findall("[^\x00-\x7f\udc80-\udcff]", text))
    if foreign > max(good * _SLIPS, 3 if good else 0):
        return None, foreign

    def one(match: re.Match[str]) -> str:
        return bytes([ord(match.group(0)) - 0xDC00]).decode("cp1252", "replace")

    return re.sub("[\udc80-\udcff]", one, text), foreign


def _is_seven_bit(name: str) -> bool:
    return _squeeze(name).startswith(_SEVEN_BIT)


def _squeeze(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _superset(name: str) -> str:
    """The encoding that is meant by a name (WHATWG Encoding: browsers read Latin-1 as Windows-1252, and so on)."""
    return {
        "iso88591": "cp1252",
        "latin1": "cp1252",
        "iso88599": "cp1254",
        "gb2312": "gb18030",
        "gbk": "gb18030",
        "shiftjis": "cp932",
        "euckr": "cp949",
        "ksc56011987": "cp949",
    }.get(_squeeze(name), name)
