"""What an article shows: the words of its title and body, its names and numbers, its vector, its time.

Features hold raw counts of hashed terms and depend on the article alone; how much a term is worth is a matter of what
else was written (`background`), and is decided when articles are compared.
"""

from __future__ import annotations

import itertools
import math
import re
import struct
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from pipeline.records import Article, Vector
from pipeline.storylines.titles import strip_outlet

TERM_SPACE = 1 << 20
"""Terms are hashed into this many places (Weinberger et al. 2009, "Feature Hashing"): no vocabulary that grows for
ever. Two articles of 120 terms share a place by accident once in seventy comparisons, and then one of 120."""

FEATURES_MAKE = 1
"""Counts up whenever the same text gives other features: what was stored before is then read from the text again."""
_HEAD = struct.Struct("<BBHHH")
_MANY = 15

Ids = npt.NDArray[np.int32]
Weights = npt.NDArray[np.float32]

_BODY_WORDS = 400
_PIECE_CHARS = 5_000  # in most texts 400 words that carry meaning lie within this
_MOST_PLACES = 200_000  # terms whose hashes are remembered: 20 MB
_BODY_CHARS = 12_000  # 400 words that carry meaning lie within this; a longer text is cut before it is read
_NAME_CHARS = 2_500  # who and where stand in the first paragraphs; further down stands the background of the affair
_TITLE_STAND_IN_CHARS = 120  # of the text, where there is no title
_TOLD_SHARE = 1 / 3
_CLOCK_SKEW = timedelta(hours=1)  # outlets' clocks and zones are off; more than that is a date in the future

_STOP = frozenset(
    """a about above after again against ahead all also am amid among an and any are as at be because been before being
    below between both but by can could did do does doing down during each even ever every few for from further get
    gets got had has have having he her here hers him his how i if in into is it its itself just like made make makes
    many may me might more most much must my near new no nor not now of off on once one only or other our out over own
    per said same say says she should since so some still such than that the their them then there these they this
    those through to too toward towards two under until up upon us very via was we were what when where which while who
    whom whose why will with within without would yet you your""".split()
)


_WORD = re.compile(r"\w+")
_ASCII_WORD = re.compile(r"\w+", re.ASCII)
# Python's \w leaves out combining marks, which would cut Hindi, Tamil or Thai words at every vowel sign. The class that
# takes them in is twenty times slower, so it is kept for texts that have any.
_MARKS = frozenset(chr(c) for c in range(0x300, 0x1F000) if unicodedata.category(chr(c)).startswith("M"))
_FIRST_MARK = 0x300
_MARKED_WORD = re.compile(f"[\\w{''.join(sorted(_MARKS))}]+")
# Scripts that are written without spaces: their runs are read as overlapping pairs of characters.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")


def _phrases_with(upper: str, flags: int = 0) -> re.Pattern[str]:
    """Finds capitalised words that follow one another on a line, and numbers; anything else is passed over in one go,
    as an empty string."""
    capitalised = rf"[{upper}][\w'’-]*"
    passed = rf"(?![\d{upper}])\w[\w'’-]*[^\w]*"
    return re.compile(rf"(\d[\d.,]*|{capitalised}(?:[^\S\n]+{capitalised})*)|(?:{passed})+", flags)


# One class of all capitals would do, but those beyond the basic plane make matching ten times slower.
_UPPER = "".join(chr(c) for c in range(0x1F000) if chr(c).isupper())
_ASCII_PHRASES = _phrases_with("A-Z", re.ASCII)
_PLAIN_PHRASES = _phrases_with("".join(c for c in _UPPER if c <= "\uffff"))
_WIDE_PHRASES = _phrases_with(_UPPER)
_POSSESSIVE = re.compile(r"['’]s\b|['’]$")


@dataclass(frozen=True, slots=True)
class SparseVec:
    """Hashed terms and their numbers: `ids` (n,) int32, ascending and distinct; `values` (n,) float32."""

    ids: Ids
    values: Weights

    def __len__(self) -> int:
        return len(self.ids)

    def at(self, ids: Ids) -> Weights:
        """(n,) the numbers at these terms, 0 where there is none."""
        if not len(self.ids):
            return np.zeros(len(ids), np.float32)
        place = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return np.where(self.ids[place] == ids, self.values[place], np.float32(0.0))

    def present(self) -> SparseVec:
        """The same terms, each once."""
        return SparseVec(self.ids, np.ones(len(self.ids), np.float32))


EMPTY = SparseVec(np.empty(0, np.int32), np.empty(0, np.float32))


@dataclass(frozen=True, slots=True)
class Features:
    """What an article shows of itself: counts of terms, its unit vector (d,) or None, its language's short code, and
    whether it has a title (where not, the beginning of the text stands for it)."""

    title: SparseVec
    body: SparseVec
    names: SparseVec
    dense: Vector | None
    lang: str
    titled: bool


class _Places(dict[str, int]):
    """Hashes of terms already met; CRC-32 because it is the same in every process, unlike `hash`."""

    def __missing__(self, term: str) -> int:
        if len(self) >= _MOST_PLACES:
            self.clear()
        place = self[term] = zlib.crc32(term.encode("utf-8", "replace")) % TERM_SPACE
        return place


_places = _Places()


def words(text: str) -> list[str]:
    """Lower-cased words without function words; runs of unspaced scripts as overlapping pairs of characters."""
    return [token for token in _tokens(text) if token not in _STOP and (len(token) > 1 or _UNSPACED.match(token))]


def _first_words(text: str, most: int) -> list[str]:
    """The first `most` words: where a text has more, what follows is mostly not looked at."""
    cut = text.rfind(" ", 0, _PIECE_CHARS) if len(text) > _PIECE_CHARS else -1
    found = words(text[:cut]) if cut > 0 else []
    return (found if len(found) >= most else words(text))[:most]


def plain_tokens(text: str, *, most: int) -> list[str]:
    """The first `most` lower-cased words with function words kept, for comparing texts word by word."""
    return _tokens(text)[:most]


def names(title: str, text: str) -> Counter[str]:
    """Capitalised phrases with their parts, and numbers; in the title every capitalised word.

    Scripts without capitals give numbers only; where there are none either, the decision lets the other words speak.
    """
    counts: Counter[str] = Counter()
    for phrase in _phrases(_composed(text[:_NAME_CHARS])):
        if not phrase:
            continue
        parts = [part for part in map(_bare, phrase.split()) if part]
        while parts and parts[0] in _STOP:
            parts.pop(0)
        name = " ".join(parts)
        if len(name) > 1:
            counts[name] += 1
            counts.update(part for part in parts if len(part) > 2 and part not in _STOP)
    for token in _composed(title).split():
        bare = token.strip(".,:;'\"!?()[]“”‘’«»")
        if bare[:1].isupper() or bare[:1].isdigit():
            bare = _bare(bare)
            if len(bare) > 1 and bare not in _STOP:
                counts[bare] += 1
    return counts


def features(article: Article) -> Features:
    """Read an article once. Any field may be empty; nothing is raised for odd text."""
    title = strip_outlet(article.title, outlet=article.outlet, url=article.url)
    return read(title, article.text, article.vector, article.lang)


def read(title: str, text: str, vector: Vector | None, lang: str | None) -> Features:
    """Features of a title and a text, such as those of a storyline declared beforehand."""
    head = words(title or text[:_TITLE_STAND_IN_CHARS])
    body = (head if title else []) * 2 + _first_words(text[:_BODY_CHARS], _BODY_WORDS)
    return Features(
        title=hashed(Counter(head)),
        body=hashed(Counter(body)),
        names=hashed(names(title, text)),
        dense=usable_vector(vector),
        lang=short_lang(lang),
        titled=bool(title),
    )


def stored(title: str, text: str, lang: str | None, outlet: str, url: str) -> bytes:
    """What a worker keeps of an article so that filing need not read its text again: `pack_features` of it.

    Title, outlet and URL are part of it, since the outlet's name is taken off the title: read again when one changes.
    """
    return pack_features(read(strip_outlet(title, outlet=outlet, url=url), text, None, lang))


def pack_features(shown: Features) -> bytes:
    """The counts of terms, without vector and language: a byte for the make, one for whether there is a title, three
    lengths, then three bytes a term (20 bits of place, 4 of count) and two for each count of 16 and more."""
    parts = (shown.title, shown.body, shown.names)
    ids = np.concatenate([part.ids for part in parts]).astype("<u4")
    counts = np.concatenate([part.values for part in parts]).astype(np.uint32)
    small = np.minimum(counts - 1, _MANY)
    terms = (ids | (small << 20).astype("<u4")).view(np.uint8).reshape(-1, 4)[:, :3]
    rest = np.minimum(counts[small == _MANY], 0xFFFF).astype("<u2")
    head = _HEAD.pack(FEATURES_MAKE, shown.titled, *(len(part) for part in parts))
    return head + bytes(terms.tobytes() + rest.tobytes())


def unpack_features(packed: bytes, vector: Vector | None, lang: str | None) -> Features | None:
    """The features again, with a vector and a language; None when they are of another make or damaged, and must be
    read from the text."""
    if len(packed) < _HEAD.size or packed[0] != FEATURES_MAKE:
        return None
    _, titled, *lengths = _HEAD.unpack_from(packed)
    end = _HEAD.size + 3 * sum(lengths)
    if len(packed) < end:
        return None
    raw = np.zeros((sum(lengths), 4), np.uint8)
    raw[:, :3] = np.frombuffer(packed, np.uint8, end - _HEAD.size, _HEAD.size).reshape(-1, 3)
    joined = raw.view("<u4")[:, 0]
    small = joined >> 20
    values = (small + 1).astype(np.float32)
    rest = np.frombuffer(packed, "<u2", offset=end) if not (len(packed) - end) % 2 else EMPTY.values
    if len(rest) != int((small == _MANY).sum()):
        return None
    values[small == _MANY] = rest
    ids = (joined & (TERM_SPACE - 1)).astype(np.int32)
    at = [0, *itertools.accumulate(lengths)]
    title, body, names = (SparseVec(ids[a:b], values[a:b]) for a, b in itertools.pairwise(at))
    return Features(title, body, names, usable_vector(vector), short_lang(lang), bool(titled))


def tells_of_title(shown: Features) -> bool:
    """Whether the text speaks of what the title says: a third of the title's words stand in it, or there is no title.

    Registration walls and error pages carry an article's title above a text that forty other pages have too. Such a
    text proves no reprint.
    """
    if not len(shown.title) or not len(shown.body):
        return True
    at = np.searchsorted(shown.body.ids, shown.title.ids)
    at = np.minimum(at, len(shown.body) - 1)
    counts = np.where(shown.body.ids[at] == shown.title.ids, shown.body.values[at], 0.0)
    # Of a title the body counts the words twice (`read`): what is beyond that comes from the text. Where there is no
    # title, the beginning of the text stands for it.
    from_title = 2.0 * shown.title.values if shown.titled else 0.0
    return bool(np.count_nonzero(counts > from_title) / len(counts) >= _TOLD_SHARE)


def hashed(counts: Mapping[str, int]) -> SparseVec:
    """Counts of terms as a sparse vector."""
    if not counts:
        return EMPTY
    ids = np.fromiter(map(_places.__getitem__, counts), np.int32, len(counts))
    values = np.fromiter(counts.values(), np.float32, len(counts))
    order = np.argsort(ids)
    ids, values = ids[order], values[order]
    first = np.concatenate(([True], ids[1:] != ids[:-1]))
    if not first.all():
        values, ids = np.add.reduceat(values, np.flatnonzero(first)), ids[first]
    return SparseVec(ids, values)


def usable_vector(vector: Vector | None) -> Vector | None:
    """The vector with length 1, or None where it says nothing: no vector, no numbers in it, or length zero.

    A model gives zeros for text it has no token of, and NaN when its arithmetic overflowed. Either would be near to
    everything or to nothing, so such an article is filed by its words.
    """
    if vector is None or vector.ndim != 1 or not len(vector):
        return None
    exact = vector.astype(np.float64)
    length = math.sqrt(float(exact @ exact))
    if not math.isfinite(length) or length < 1e-6:
        return None
    return (vector / length).astype(np.float32)


def moment(article: Article) -> float | None:
    """When an article was written, in hours since 1970: None where it does not say; a date in the future is taken
    for the time it was first seen, or one wrong year would keep a storyline open until then."""
    return written_at(article.published, article.seen)


def written_at(published: datetime | None, seen: datetime) -> float | None:
    """`moment` of an article by its times."""
    if published is None:
        return None
    return (published if published <= seen + _CLOCK_SKEW else seen).timestamp() / 3600.0


def short_lang(lang: str | None) -> str:
    """`en` of "en-GB" or "EN_us"; empty where unknown."""
    return re.split(r"[-_]", lang.strip(), maxsplit=1)[0].lower() if lang else ""


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _tokens(text: str) -> list[str]:
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    folded = unicodedata.normalize("NFKC", text).casefold()
    codes = np.frombuffer(folded.encode("utf-32-le", "surrogatepass"), "<u4")
    far = {chr(code) for code in set(codes[codes >= _FIRST_MARK].tolist())}
    found = (_WORD if _MARKS.isdisjoint(far) else _MARKED_WORD).findall(folded)
    if not _UNSPACED.search("".join(far)):
        return found
    return [part for token in found for part in (_pairs(token) if _UNSPACED.search(token) else (token,))]


def _pairs(token: str) -> Iterator[str]:
    start = 0
    for run in _UNSPACED.finditer(token):
        if run.start() > start:
            yield token[start : run.start()]
        text = run.group()
        yield from (text[i : i + 2] for i in range(max(1, len(text) - 1)))
        start = run.end()
    if len(token) > start:
        yield token[start:]


def _phrases(text: str) -> list[str]:
    if text.isascii():
        return _ASCII_PHRASES.findall(text)
    return (_PLAIN_PHRASES if max(text) <= "\uffff" else _WIDE_PHRASES).findall(text)


def _bare(word: str) -> str:
    bare = word.casefold()
    if "'" in bare or "’" in bare:
        bare = _POSSESSIVE.sub("", bare)
    return bare.strip("'’-.,")
