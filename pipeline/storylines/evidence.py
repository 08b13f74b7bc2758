"""What an article shows: the words of its title and body, its names and numbers, its vector, its time.

Features hold raw counts of hashed terms and depend on the article alone; how much a term is worth is a matter of what
else was written (`background`), and is decided when articles are compared.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from pipeline.records import Article, Vector
from pipeline.storylines.titles import strip_outlet

TERM_SPACE = 1 << 20
"""Terms are hashed into this many places (Weinberger et al. 2009, "Feature Hashing"): no vocabulary that grows for
ever. Two articles of 120 terms share a place by accident once in seventy comparisons, and then one of 120."""

Ids = npt.NDArray[np.int32]
Weights = npt.NDArray[np.float32]

_BODY_WORDS = 400
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
# Python's \w leaves out combining marks, which would cut Hindi, Tamil or Thai words at every vowel sign. The class that
# takes them in is twenty times slower, so it is kept for texts that have any.
_MARKS = frozenset(chr(c) for c in range(0x300, 0x1F000) if unicodedata.category(chr(c)).startswith("M"))
_MARKED_WORD = re.compile(f"[\\w{''.join(sorted(_MARKS))}]+")
# Scripts that are written without spaces: their runs are read as overlapping pairs of characters.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
_TOKEN = re.compile(r"\d[\d.,]*|\w[\w'’-]*")
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


def words(text: str) -> list[str]:
    """Lower-cased words without function words; runs of unspaced scripts as overlapping pairs of characters."""
    return [token for token in _tokens(text) if token not in _STOP and (len(token) > 1 or _UNSPACED.match(token))]


def plain_tokens(text: str, *, most: int) -> list[str]:
    """The first `most` lower-cased words with function words kept, for comparing texts word by word."""
    return _tokens(text)[:most]


def names(title: str, text: str) -> Counter[str]:
    """Capitalised phrases with their parts, and numbers; in the title every capitalised word.

    Scripts without capitals give numbers only; where there are none either, the decision lets the other words speak.
    """
    counts: Counter[str] = Counter()
    for phrase in _phrases(unicodedata.normalize("NFKC", text[:_NAME_CHARS])):
        parts = [part for part in map(_bare, phrase) if part]
        while parts and parts[0] in _STOP:
            parts.pop(0)
        name = " ".join(parts)
        if len(name) > 1:
            counts[name] += 1
            counts.update(part for part in parts if len(part) > 2 and part not in _STOP)
    for token in unicodedata.normalize("NFKC", title).split():
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
    body = words(title) * 2 + words(text[:_BODY_CHARS])[:_BODY_WORDS]
    return Features(
        title=hashed(Counter(head)),
        body=hashed(Counter(body)),
        names=hashed(names(title, text)),
        dense=usable_vector(vector),
        lang=short_lang(lang),
        titled=bool(title),
    )


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
    return float(np.mean(counts > from_title)) >= _TOLD_SHARE


def hashed(counts: Mapping[str, int]) -> SparseVec:
    """Counts of terms as a sparse vector; CRC-32 because it is the same in every process, unlike `hash`."""
    places: Counter[int] = Counter()
    for term, count in counts.items():
        places[zlib.crc32(term.encode("utf-8", "replace")) % TERM_SPACE] += count
    if not places:
        return EMPTY
    ids = np.fromiter(places.keys(), np.int32, len(places))
    values = np.fromiter(places.values(), np.float32, len(places))
    order = np.argsort(ids)
    return SparseVec(ids[order], values[order])


def usable_vector(vector: Vector | None) -> Vector | None:
    """The vector with length 1, or None where it says nothing: no vector, no numbers in it, or length zero.

    A model gives zeros for text it has no token of, and NaN when its arithmetic overflowed. Either would be near to
    everything or to nothing, so such an article is filed by its words.
    """
    if vector is None or vector.ndim != 1 or not len(vector):
        return None
    length = float(np.linalg.norm(vector.astype(np.float64)))
    if not np.isfinite(length) or length < 1e-6:
        return None
    return (vector / length).astype(np.float32)


def moment(article: Article) -> float | None:
    """When an article was written, in hours since 1970: None where it does not say; a date in the future is taken
    for the time it was first seen, or one wrong year would keep a storyline open until then."""
    if article.published is None:
        return None
    written = article.published if article.published <= article.seen + _CLOCK_SKEW else article.seen
    return written.timestamp() / 3600.0


def short_lang(lang: str | None) -> str:
    """`en` of "en-GB" or "EN_us"; empty where unknown."""
    return re.split(r"[-_]", lang.strip(), maxsplit=1)[0].lower() if lang else ""


def _tokens(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    if folded.isascii():
        return _WORD.findall(folded)
    found = (_WORD if _MARKS.isdisjoint(folded) else _MARKED_WORD).findall(folded)
    if not _UNSPACED.search(folded):
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


def _phrases(text: str) -> Iterator[list[str]]:
    """Capitalised words that follow one another on a line, and numbers one by one."""
    phrase: list[str] = []
    end = 0
    for match in _TOKEN.finditer(text):
        token = match.group()
        follows = phrase and text[end : match.start()].isspace() and "\n" not in text[end : match.start()]
        if phrase and not (follows and token[0].isupper()):
            yield phrase
            phrase = []
        if token[0].isupper():
            phrase.append(token)
        elif token[0].isdigit():
            yield [token]
        end = match.end()
    if phrase:
        yield phrase


def _bare(word: str) -> str:
    return _POSSESSIVE.sub("", word.casefold()).strip("'’-.,")
