"""Filing as it goes: what is remembered of the articles so far, and where the next one belongs.

One pass, no network, no clock, no database. The state follows from the articles filed and the storylines declared, in
their order, and from nothing else: feed a new `Filing` the same ones and it decides the same.
"""

from __future__ import annotations

import gc
import struct
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import numpy as np

from pipeline.errors import InputError
from pipeline.records import Article, Vector
from pipeline.storylines.background import Background
from pipeline.storylines.compare import Comparer
from pipeline.storylines.copies import CopyIndex
from pipeline.storylines.decide import Decision, Evidence, judge, reprint
from pipeline.storylines.evidence import (
    FEATURES_MAKE,
    Features,
    Ids,
    moment,
    read,
    written_at,
)
from pipeline.storylines.hours import Hours
from pipeline.storylines.index import StorylineIndex, title_terms
from pipeline.storylines.measure import Gauge
from pipeline.storylines.members import TITLE, Strand, Sums, pack, unpack
from pipeline.storylines.options import FilingOptions
from pipeline.storylines.reading import Readings
from pipeline.storylines.rhythm import Rhythm
from pipeline.storylines.state import FORMAT, Keeper, Parts, pack_arrays, pack_json, pack_strand, shaping
from pipeline.storylines.terms import Terms, Weighed

__all__ = ["Decision", "Evidence", "Filing", "FilingOptions"]

_NO_TERMS = np.empty(0, np.int32)


class Filing:
    """Decides where articles belong, and remembers where they were filed. Not thread-safe: it has one writer."""

    def __init__(self, options: FilingOptions = FilingOptions()) -> None:  # noqa: B008 - frozen
        self.options = options
        self._terms = Terms()
        self._background = Background(
            options.background_articles, options.background_prior, options.background_languages
        )
        self._index = StorylineIndex(options)
        self._strands: dict[int, Strand] = {}
        self._by_age: OrderedDict[int, None] = OrderedDict()
        """Storylines that were not declared, that which was longest without an article first."""
        self._seen = Hours()
        self._home: dict[int, int] = {}
        """Of which storyline an article is a recent member."""
        self._filed = 0
        self._copies = CopyIndex(
            window_hours=options.copy_window_hours,
            most=options.max_originals,
            least_similarity=options.copy_similarity,
        )
        self._rhythm = Rhythm()
        self._readings = Readings(self._index.check, self._terms)
        self._comparer = self._comparing()
        self._keeper = Keeper()
        self._dumped = False

    def __len__(self) -> int:
        """Storylines remembered, declared ones included."""
        return len(self._strands)

    def decide(self, article: Article) -> Decision:
        """Where the article belongs: a storyline, or None for a new one, with the reason.

        Changes nothing that a later decision would see. Raises InputError when the article's vector has another
        dimension than those before it.
        """
        reading = self._readings.of(article)
        if reading.mark is not None:
            written = moment(article)
            found = self._copies.find(article.id, article.url, reading.mark, written, told=reading.told)
            if found is not None:
                original, share = found
                return reprint(original.article, original.storyline, share, self.options)
        weighing = self._comparer.weighing(article)
        return judge(weighing, self.options)

    def compare(self, article: Article) -> list[tuple[int, tuple[Evidence, ...]]]:
        """The evidence for each storyline that the article is compared with, reprint or not; changes nothing."""
        weighing = self._comparer.weighing(article)
        if weighing is None:
            return []
        return [(storyline, weighing.evidence(n)) for n, storyline in enumerate(weighing.storylines)]

    def ranked(self, article: Article) -> list[tuple[int, float]]:
        """The storylines that the article is compared with, and its scores with them, in ascending order of ids."""
        weighing = self._comparer.weighing(article)
        return [] if weighing is None else list(zip(weighing.storylines, weighing.scores.tolist(), strict=True))

    def scores(self, article: Article, storylines: Sequence[int]) -> list[float]:
        """(n,) how well the article would fit each of these storylines now, on the scale of `options.threshold`; minus
        infinity for one that is not remembered. A member's own storyline is scored with the member in it."""
        return self._comparer.scores(article, storylines)

    def against(
        self, articles: Sequence[Article], storyline: int, parts: Sequence[Sequence[Article]]
    ) -> list[list[float]]:
        """(n, p) how well each article would fit the storyline if that were made of one of these parts alone."""
        return self._comparer.against(articles, storyline, parts)

    def file(self, article: Article, storyline: int, *, copy_of: int | None = None) -> None:
        """Remember that the article was filed under a storyline, which is opened if it is not known.

        A reprint (`copy_of`) keeps its storyline alive and changes nothing else: forty copies of one dispatch are no
        forty witnesses. An article that is filed again (a new version of its page) is not counted again; filed
        elsewhere, it no longer stands for its old storyline. Raises InputError as `decide` does.
        """
        reading = self._readings.of(article)
        self._readings.done(article)
        written, seen = moment(article), article.seen.timestamp() / 3600.0
        strand = self._strands.get(storyline) or self._open(storyline)
        fresh = copy_of is None and not self._already_in(storyline, article.id)
        if fresh:
            self._keep_time(strand, written, article.outlet)
        strand.covers(written)
        self._saw(strand, seen)
        strand.articles += 1
        if fresh:
            shown, weighed = reading.features, self._readings.weighed(reading)
            self._keeper.counted(self._terms.add(shown))
            found_by = self._join(strand, article.id, shown, weighed)
            kept = None if shown.dense is None else unpack(pack(shown.dense))
            self._background.add(kept, shown.lang, storyline)
            if (original := reading.original(storyline)) is not None:
                self._copies.add(original)
            self._index.put(strand, found_by)
        else:
            self._index.put(strand, _NO_TERMS)
        self._touch(strand)
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
        if strand.seed is not None:
            self._index.drop(storyline, np.setdiff1d(strand.seed.title.ids, strand.sums.kind(TITLE).ids))
        strand.seed = seed
        self._by_age.pop(storyline, None)
        self._index.put(strand, seed.title.ids)
        self._keeper.changed(storyline)

    def forget(self, before: datetime) -> int:
        """Drop storylines (not declared ones) and originals whose last article was first seen before that time;
        returns how many storylines went. A good `before` is now minus `options.horizon`."""
        hour = before.timestamp() / 3600.0
        old = (self._strands[storyline] for storyline in self._seen.before(hour))
        gone = [strand.storyline for strand in old if strand.seed is None and strand.seen < hour]
        for storyline in gone:
            self._close(storyline)
        self._copies.forget(hour)
        return len(gone)

    def merge(self, loser: int, winner: int) -> None:
        """Move all that is known of `loser` to `winner`; an unknown loser changes nothing."""
        lost = self._strands.get(loser)
        if lost is None or loser == winner:
            return
        kept = self._strands.get(winner)
        if kept is None:
            kept = self._open(winner)
            self._touch(kept)
        for mark in lost.recent:
            self._home[mark if mark >= 0 else ~mark] = winner
        self._seen.remove(winner, kept.seen)
        found_by, before = title_terms(lost), title_terms(kept)
        for article in kept.absorb(lost, most=self.options.recent_members):
            self._home.pop(article, None)
        lost.recent = []
        self._seen.put(winner, kept.seen)
        if kept.seed is not None:
            self._by_age.pop(winner, None)
        self._close(loser, found_by)
        self._find_anew(kept, before)
        self._copies.move(loser, winner)
        self._keeper.changed(winner)

    def restate(
        self, storyline: int, originals: Sequence[Article], *, reprints: Sequence[tuple[datetime | None, datetime]] = ()
    ) -> None:
        """Drop what is known of a storyline and learn it anew from these originals, in their order, and from its
        `reprints`, of which only the times count (published, first seen): they keep it alive. Where there are neither,
        the storyline goes. What was declared of it stays.

        Term statistics, background and rhythm stay as they are, since these articles were counted when they were filed.
        Reprints of these originals are filed with this storyline from now on. Raises InputError as `decide` does, and
        then nothing has changed.
        """
        readings = [self._readings.of(article) for article in originals]
        old = self._strands.get(storyline)
        if old is not None:
            self._close(storyline, for_good=not originals and not reprints)
        self._copies.hold(storyline, [o for r in readings if (o := r.original(storyline)) is not None])
        seed = None if old is None else old.seed
        if not originals and not reprints and seed is None:
            return
        strand = self._open(storyline)
        strand.seed, strand.touched = seed, 0 if old is None else old.touched
        for article, reading in zip(originals, readings, strict=True):
            self._readings.done(article)
            if self._already_in(storyline, article.id):
                continue
            strand.covers(moment(article))
            self._saw(strand, article.seen.timestamp() / 3600.0)
            strand.reported_by(article.outlet)
            strand.articles += 1
            self._join(strand, article.id, reading.features, self._terms.weigh(reading.features, counted=True))
        for published, seen in reprints:
            strand.covers(written_at(published, seen))
            self._saw(strand, seen.timestamp() / 3600.0)
        strand.articles += len(reprints)
        self._index.put(strand, title_terms(strand))
        if old is None:
            self._touch(strand)
        self._keeper.changed(storyline)
        self._bound()

    def dump(self, *, whole: bool = False) -> Iterator[tuple[str, bytes | None]]:
        """The parts of the state that changed since the last dump, or all of them: a key and its content, None where
        the part is gone. Whoever could not store them all asks for the whole the next time."""
        keeper, nearest = self._keeper, self._index.nearest
        whole = whole or not self._dumped
        self._dumped = True
        outline = {
            "format": FORMAT, "make": FEATURES_MAKE, "options": shaping(self.options), "filed": self._filed,
            "articles": self._terms.articles, "version": self._terms.version, "background": self._background.outline(),
            "copies": self._copies.following, "dimension": nearest.dimension, "generation": nearest.generation,
            "came": nearest.came, "there": nearest.there,
        }  # fmt: skip
        yield "meta", pack_json(outline)
        yield "rhythm", pack_json(self._rhythm.state())
        if nearest.pivots is not None and (whole or keeper.generation != nearest.generation):
            yield "pivots", pack_arrays(nearest.pivots.astype("<f2"))
        keeper.generation = nearest.generation
        yield from keeper.terms(self._terms.table, self._terms.halved, whole=whole)
        for key, arrays in self._background.dump(whole=whole):
            yield f"background/{key}", pack_arrays(*arrays)
        yield from keeper.originals(self._copies, whole=whole)
        for storyline in sorted(self._strands.keys() | keeper.stored if whole else keeper.strands):
            strand = self._strands.get(storyline)
            if strand is not None:
                keeper.stored.add(storyline)
                yield f"strand/{storyline}", pack_strand(strand, self._index.group(storyline))
            elif storyline in keeper.stored:
                keeper.stored.discard(storyline)
                yield f"strand/{storyline}", None
        keeper.strands.clear()

    @classmethod
    def load(cls, parts: Iterable[tuple[str, bytes]], options: FilingOptions) -> Filing:
        """One that decides and goes on exactly as the one whose parts these are, all of them in any order.

        The nearest storylines are found exactly alike as long as they are few (`nearest.EXACT`); beyond, only while
        new groups are found and vectors move to them may another far candidate be proposed. Raises InputError when the
        parts are of another format or other options, or are damaged or incomplete.
        """
        collecting = gc.isenabled()
        gc.disable()  # hundreds of thousands of objects come at once, and none of them is to go
        try:
            return cls(options)._restored(Parts(parts, options))
        except (KeyError, ValueError, TypeError, struct.error) as error:
            raise InputError(
                f"the stored state of filing cannot be read ({type(error).__name__}: {error}): rebuild it from the "
                "articles"
            ) from error
        finally:
            if collecting:
                gc.enable()

    def _restored(self, parts: Parts) -> Filing:
        outline, keeper, nearest = parts.outline, self._keeper, self._index.nearest
        self._filed, nearest.dimension = outline["filed"], outline["dimension"]
        self._terms.restore(parts.terms(), outline["articles"], outline["version"])
        self._background.restore(outline["background"], parts.background())
        self._rhythm = Rhythm.of(parts.rhythm())
        self._comparer = self._comparing()
        self._copies.restore(parts.originals(), outline["copies"])
        nearest.restore(parts.pivots(nearest.dimension), outline["generation"], outline["came"], outline["there"])
        parts.strands.sort(key=lambda found: found[0].touched)
        for strand, group in parts.strands:
            self._strands[strand.storyline] = strand
            self._seen.put(strand.storyline, strand.seen)
            self._home.update((mark if mark >= 0 else ~mark, strand.storyline) for mark in strand.recent)
            if strand.seed is None:
                self._by_age[strand.storyline] = None
            self._index.put(strand, title_terms(strand), group=group)
        keeper.resume(parts, nearest.generation)
        self._dumped = True
        return self

    def _comparing(self) -> Comparer:
        gauge = Gauge(self.options, self._terms, self._rhythm)
        return Comparer(self.options, self._strands, self._index, self._background, gauge, self._readings)

    def _open(self, storyline: int) -> Strand:
        strand = self._strands[storyline] = Strand(storyline)
        self._seen.put(storyline, strand.seen)
        return strand

    def _saw(self, strand: Strand, seen: float) -> None:
        if seen > strand.seen:
            self._seen.remove(strand.storyline, strand.seen)
            strand.seen = seen
            self._seen.put(strand.storyline, seen)

    def _join(self, strand: Strand, article: int, shown: Features, weighed: Weighed) -> Ids:
        """Make the article a member; returns the title words by which the storyline is found from now on as well."""
        found_by = weighed.title.ids
        lost = strand.sums.add(Sums.of(weighed.title, weighed.names, shown.body.present(), shown.names.present()))
        if len(lost):
            kept = title_terms(strand)
            self._index.drop(strand.storyline, np.setdiff1d(lost, kept))
            found_by = np.intersect1d(found_by, kept)
        strand.members += 1
        packed = None if shown.dense is None else pack(shown.dense)
        for gone in strand.keep(article, packed, most=self.options.recent_members):
            self._home.pop(gone, None)
        self._home[article] = strand.storyline
        return found_by

    def _find_anew(self, strand: Strand, before: Ids) -> None:
        after = title_terms(strand)
        self._index.drop(strand.storyline, np.setdiff1d(before, after))
        self._index.put(strand, after)

    def _keep_time(self, strand: Strand, written: float | None, outlet: str) -> None:
        """Count how the storyline went on, before the article is part of it."""
        pause = strand.pause(written) if strand.members and strand.seed is None else None
        self._rhythm.add(pause, outlet, members=strand.members, came_back=outlet in strand.outlets)
        strand.reported_by(outlet)

    def _already_in(self, storyline: int, article: int) -> bool:
        """Whether the article is a recent member of this storyline; of another one it is one no longer."""
        home = self._home.get(article)
        if home is None or home == storyline:
            return home == storyline
        self._strands[home].let_go(article)
        self._keeper.changed(home)
        del self._home[article]
        return False

    def _touch(self, strand: Strand) -> None:
        """The storyline is the one that had an article last."""
        self._filed += 1
        strand.touched = self._filed
        self._keeper.changed(strand.storyline)
        if strand.seed is None:
            self._by_age[strand.storyline] = None
            self._by_age.move_to_end(strand.storyline)

    def _bound(self) -> None:
        if len(self._strands) > self.options.max_storylines and self._by_age:
            self._close(next(iter(self._by_age)))

    def _close(self, storyline: int, found_by: Ids | None = None, *, for_good: bool = True) -> None:
        strand = self._strands.pop(storyline)
        for mark in strand.recent:
            self._home.pop(mark if mark >= 0 else ~mark, None)
        if for_good:
            self._by_age.pop(storyline, None)
        self._seen.remove(storyline, strand.seen)
        self._index.remove(storyline, title_terms(strand) if found_by is None else found_by)
        self._keeper.changed(storyline)
