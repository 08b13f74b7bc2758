"""Filing as it goes: what is remembered of the articles so far, and where the next one belongs.

One pass, no network, no clock, no database. The state follows from the articles filed and the storylines declared, in
their order, and from nothing else: feed a new `Filing` the same ones and it decides the same.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.records import Article, Vector
from pipeline.storylines.background import Background
from pipeline.storylines.copies import CopyIndex, Original, comparable, signature
from pipeline.storylines.decide import Decision, Evidence, judge, reprint, weigh
from pipeline.storylines.evidence import EMPTY, Features, features, moment, read, tells_of_title
from pipeline.storylines.index import StorylineIndex
from pipeline.storylines.measure import Arrival, Gauge, Terms
from pipeline.storylines.members import Members, Strand
from pipeline.storylines.options import FilingOptions
from pipeline.storylines.rhythm import Rhythm

__all__ = ["Decision", "Evidence", "Filing", "FilingOptions"]

_LONGER_THAN_WALLS = 60  # words without function words: registration walls and error pages have fewer
_READ_AHEAD = 256  # articles read by `decide` whose features wait for `file`


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was read from an article, as long as it is the same article."""

    article: Article
    features: Features
    mark: bytes | None
    told: bool

    def still(self, article: Article) -> bool:
        old = self.article
        return (
            old.vector is article.vector
            and (old.title, old.text, old.lang, old.outlet, old.url, old.signature)
            == (article.title, article.text, article.lang, article.outlet, article.url, article.signature)
        )  # fmt: skip


class Filing:
    """Decides where articles belong, and remembers where they were filed. Not thread-safe: it has one writer."""

    def __init__(self, options: FilingOptions = FilingOptions()) -> None:  # noqa: B008 - frozen
        self.options = options
        self._terms = Terms()
        self._background = Background(
            options.background_articles, options.background_prior, options.background_languages
        )
        self._index = StorylineIndex(options)
        self._members = Members()
        self._strands: OrderedDict[int, Strand] = OrderedDict()
        self._copies = CopyIndex(
            window_hours=options.copy_window_hours,
            most=options.max_originals,
            least_similarity=options.copy_similarity,
        )
        self._rhythm = Rhythm()
        self._gauge = Gauge(options, self._terms, self._members, self._index, self._rhythm)
        self._readings: OrderedDict[int, _Reading] = OrderedDict()

    def __len__(self) -> int:
        """Storylines remembered, declared ones included."""
        return len(self._strands)

    def decide(self, article: Article) -> Decision:
        """Where the article belongs: a storyline, or None for a new one, with the reason.

        Changes nothing that a later decision would see. Raises InputError when the article's vector has another
        dimension than those before it.
        """
        reading = self._read(article)
        if reading.mark is not None:
            written = moment(article)
            found = self._copies.find(article.id, article.url, reading.mark, written, told=reading.told)
            if found is not None:
                original, share = found
                return reprint(original.article, original.storyline, share, self.options)
        return judge(self.compare(article), self.options)

    def compare(self, article: Article) -> list[tuple[int, tuple[Evidence, ...]]]:
        """The evidence for each storyline that the article is compared with, reprint or not; changes nothing."""
        shown, written = self._read(article).features, moment(article)
        weighed = self._terms.weigh(shown, counted=False)
        ordinary = self._background.measure(shown.dense, shown.lang)
        candidates = self._index.candidates(weighed.title, shown.dense, written)
        strands = [self._strands[storyline] for storyline in candidates]
        arrival = Arrival(shown=shown, weighed=weighed, written=written, outlet=article.outlet, ordinary=ordinary)
        likenesses = self._gauge.measure(strands, arrival)
        return [(likeness.storyline, weigh(likeness, ordinary, self.options)) for likeness in likenesses]

    def file(self, article: Article, storyline: int, *, copy_of: int | None = None) -> None:
        """Remember that the article was filed under a storyline, which is opened if it is not known.

        A reprint (`copy_of`) keeps its storyline alive and changes nothing else: forty copies of one dispatch are no
        forty witnesses. An article that is filed again (a new version of its page) is not counted again; filed
        elsewhere, it no longer stands for its old storyline. Raises InputError as `decide` does.
        """
        reading = self._read(article)
        self._readings.pop(article.id, None)
        written, seen = moment(article), article.seen.timestamp() / 3600.0
        shown = reading.features
        strand = self._strands.get(storyline) or self._open(storyline)
        fresh = copy_of is None and not self._already_in(strand, article.id)
        if fresh:
            self._keep_time(strand, written, article.outlet)
        strand.covers(written)
        strand.seen = max(strand.seen, seen)
        strand.articles += 1
        if fresh:
            self._join(strand, article.id, shown)
            if reading.mark is not None:
                self._copies.add(
                    Original(article.id, storyline, article.url, reading.mark, written, seen, reading.told)
                )
            self._index.put(strand, shown.title.ids)
        else:
            self._index.put(strand, shown.title.ids[:0])
        self._strands.move_to_end(storyline)
        self._bound()

    def declare(self, storyline: int, *, title: str, text: str, vector: Vector | None, lang: str | None) -> None:
        """Tell of a storyline beforehand: it never expires, and its title, text and vector stand for it like a first
        member until it has coverage of its own. Call it again when the vector or the wording changes.

        When it is called makes no difference to later decisions: its words are weighed when they are compared.
        """
        seed = read(title, text, vector, lang)
        if seed.dense is not None:
            self._index.check(seed.dense)
        strand = self._strands.get(storyline) or self._open(storyline)
        strand.seed = seed
        self._index.put(strand, seed.title.ids)

    def forget(self, before: datetime) -> int:
        """Drop storylines (not declared ones) and originals whose last article was first seen before that time;
        returns how many storylines went. A good `before` is now minus `options.horizon`."""
        hour = before.timestamp() / 3600.0
        gone = [s.storyline for s in self._strands.values() if s.seed is None and s.seen < hour]
        for storyline in gone:
            self._close(storyline)
        self._copies.forget(hour)
        return len(gone)

    def merge(self, loser: int, winner: int) -> None:
        """Move all that is known of `loser` to `winner`; an unknown loser changes nothing."""
        lost = self._strands.get(loser)
        if lost is None or loser == winner:
            return
        kept = self._strands.get(winner) or self._open(winner)
        for total, other in (
            (kept.title, lost.title), (kept.names, lost.names),
            (kept.told, lost.told), (kept.named, lost.named),
        ):  # fmt: skip
            total.add(other.total)
        kept.members += lost.members
        if lost.dense is not None:
            kept.dense = lost.dense if kept.dense is None else kept.dense + lost.dense
        for outlet in lost.outlets:
            kept.reported_by(outlet)
        kept.covers(lost.first)
        kept.covers(lost.last)
        kept.seen, kept.articles = max(kept.seen, lost.seen), kept.articles + lost.articles
        kept.seed = kept.seed or lost.seed
        kept.rows.extendleft(reversed(lost.rows))
        lost.rows.clear()
        self._trim(kept)
        self._index.put(kept, self._index.terms(loser))
        self._copies.move(loser, winner)
        self._close(loser)

    def restate(self, storyline: int, originals: Sequence[Article]) -> None:
        """Drop what is known of a storyline and know it by these originals instead, in this order: people, or second
        thoughts, moved articles in or out of it.

        The seed of a declared one stays; without seed and originals the storyline goes. Nothing is counted again: the
        weights of words, the background and the rhythm of the stream stay as they are. Restate the storyline that
        gave articles away before the one that got them. Raises InputError as `decide` does, and has changed nothing
        then.
        """
        readings = [self._read(article) for article in originals]
        known = self._strands.get(storyline)
        seed = known.seed if known is not None else None
        if known is not None:
            self._close(storyline)
        if seed is None and not originals:
            return
        strand = self._open(storyline)
        strand.seed = seed
        self._index.put(strand, seed.title.ids if seed is not None else EMPTY.ids)
        for article, reading in zip(originals, readings, strict=True):
            self._readings.pop(article.id, None)
            self._already_in(strand, article.id)  # of the storyline that it was in it is a member no longer
            self._take_back(strand, article, reading)
        self._bound()

    def _take_back(self, strand: Strand, article: Article, reading: _Reading) -> None:
        written, seen = moment(article), article.seen.timestamp() / 3600.0
        strand.reported_by(article.outlet)
        strand.covers(written)
        strand.seen = max(strand.seen, seen)
        strand.articles += 1
        self._hold(strand, article.id, reading.features)
        if reading.mark is not None:
            told = reading.told
            self._copies.add(Original(article.id, strand.storyline, article.url, reading.mark, written, seen, told))
        self._index.put(strand, reading.features.title.ids)

    def _read(self, article: Article) -> _Reading:
        known = self._readings.get(article.id)
        if known is not None and known.still(article):
            return known
        shown = features(article)
        if shown.dense is not None:
            self._index.check(shown.dense)
        told = tells_of_title(shown)
        long_enough = told or float(shown.body.values.sum()) >= _LONGER_THAN_WALLS
        mark = (article.signature or signature(article.text)) if long_enough else None
        reading = _Reading(article, shown, mark if mark is not None and comparable(mark) else None, told)
        self._readings[article.id] = reading
        while len(self._readings) > _READ_AHEAD:
            self._readings.popitem(last=False)
        return reading

    def _open(self, storyline: int) -> Strand:
        strand = self._strands[storyline] = Strand(storyline)
        return strand

    def _join(self, strand: Strand, article: int, shown: Features) -> None:
        self._terms.add(shown)
        self._background.add(shown.dense, shown.lang, strand.storyline)
        self._hold(strand, article, shown)

    def _hold(self, strand: Strand, article: int, shown: Features) -> None:
        weighed = self._terms.weigh(shown, counted=True)
        strand.title.add(weighed.title)
        strand.names.add(weighed.names)
        strand.told.add(shown.body.present())
        strand.named.add(shown.names.present())
        strand.members += 1
        if shown.dense is not None:
            strand.dense = shown.dense.copy() if strand.dense is None else strand.dense + shown.dense
        strand.rows.append(self._members.add(article, shown.dense))
        self._trim(strand)

    def _keep_time(self, strand: Strand, written: float | None, outlet: str) -> None:
        """Count how the storyline went on, before the article is part of it."""
        pause = strand.pause(written) if strand.members and strand.seed is None else None
        self._rhythm.add(pause, outlet, members=strand.members, came_back=outlet in strand.outlets)
        strand.reported_by(outlet)

    def _trim(self, strand: Strand) -> None:
        while len(strand.rows) > self.options.recent_members:
            self._members.free(strand.rows.popleft())

    def _already_in(self, strand: Strand, article: int) -> bool:
        """Whether the article is a recent member of this storyline; of another one it is one no longer."""
        if article not in self._members:
            return False
        row = self._members.row_of(article)
        if row in strand.rows:
            return True
        for other in self._strands.values():
            if row in other.rows:
                other.rows.remove(row)
        self._members.free(row)
        return False

    def _bound(self) -> None:
        if len(self._strands) > self.options.max_storylines:
            oldest = next((s.storyline for s in self._strands.values() if s.seed is None), None)
            if oldest is not None:
                self._close(oldest)

    def _close(self, storyline: int) -> None:
        for row in self._strands.pop(storyline).rows:
            self._members.free(row)
        self._index.remove(storyline)
