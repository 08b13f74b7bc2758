"""An article compared: with the storylines that come into question, with named ones, with what one might be made of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.records import Article
from pipeline.storylines.background import Background
from pipeline.storylines.decide import Weighing, weigh
from pipeline.storylines.evidence import moment
from pipeline.storylines.index import StorylineIndex
from pipeline.storylines.measure import Arrival, Floats, Gauge
from pipeline.storylines.members import Strand, Sums, centroid, pack
from pipeline.storylines.options import FilingOptions
from pipeline.storylines.reading import Reading, Readings


class Comparer:
    """Reads what filing remembers, and changes nothing of it."""

    def __init__(
        self,
        options: FilingOptions,
        strands: Mapping[int, Strand],
        index: StorylineIndex,
        background: Background,
        gauge: Gauge,
        readings: Readings,
    ) -> None:
        self._options, self._strands, self._index = options, strands, index
        self._background, self._gauge, self._readings = background, gauge, readings

    def weighing(self, article: Article) -> Weighing | None:
        """The evidence for each storyline that comes into question; None where there is none."""
        reading = self._readings.of(article)
        title = self._readings.weighed(reading).title
        found, figures, centroids = self._index.candidates(title, reading.features.dense, moment(article))
        return self._weigh(reading, [self._strands[one] for one in found], figures, centroids) if found else None

    def _hold(self, article: Article, strands: Sequence[Strand]) -> Weighing:
        """Evidence for each of these storylines, one at least, as they are now."""
        reading = self._readings.of(article)
        dense, totals = reading.features.dense, [strand.sum_of_vectors() for strand in strands]
        units = [centroid(total) for total in totals]
        near = [math.nan if unit is None or dense is None else float(unit @ dense) for unit in units]
        figures = [strand.figures(total) for strand, total in zip(strands, totals, strict=True)]
        return self._weigh(reading, strands, np.array(figures), np.array(near))

    def _weigh(self, reading: Reading, strands: Sequence[Strand], figures: Floats, centroids: Floats) -> Weighing:
        article, shown, weighed = reading.article, reading.features, self._readings.weighed(reading)
        ordinary = self._background.measure(shown.dense, shown.lang)
        arrival = Arrival(
            shown=shown, weighed=weighed, written=moment(article), outlet=article.outlet, ordinary=ordinary,
            centroids=centroids,
        )  # fmt: skip
        return weigh(self._gauge.measure(strands, figures, arrival), ordinary, self._options)

    def scores(self, article: Article, storylines: Sequence[int]) -> list[float]:
        """As `Filing.scores`."""
        known = [storyline for storyline in storylines if storyline in self._strands]
        weighing = self._hold(article, [self._strands[storyline] for storyline in known]) if known else None
        found = dict(zip(known, weighing.scores.tolist(), strict=True)) if weighing is not None else {}
        return [found.get(storyline, -math.inf) for storyline in storylines]

    def against(
        self, articles: Sequence[Article], storyline: int, parts: Sequence[Sequence[Article]]
    ) -> list[list[float]]:
        """As `Filing.against`."""
        made = [self._made_of(storyline, part) for part in parts]
        return [self._hold(article, made).scores.tolist() for article in articles]

    def _made_of(self, storyline: int, articles: Sequence[Article]) -> Strand:
        strand = Strand(storyline)
        for article in articles:
            shown = self._readings.of(article).features
            strand.covers(moment(article))
            strand.reported_by(article.outlet)
            weighed = self._readings.terms.weigh(shown, counted=True)
            strand.sums.add(Sums.of(weighed.title, weighed.names, shown.body.present(), shown.names.present()))
            strand.members += 1
            packed = None if shown.dense is None else pack(shown.dense)
            strand.keep(article.id, packed, most=self._options.recent_members)
        return strand
