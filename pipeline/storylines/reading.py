"""What was read from one article, kept from the decision to the filing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.records import Article, Vector
from pipeline.storylines.copies import Original, comparable, signature
from pipeline.storylines.evidence import Features, features, moment, tells_of_title, unpack_features
from pipeline.storylines.terms import Terms, Weighed

_LONGER_THAN_WALLS = 60  # words without function words: registration walls and error pages have fewer
_READ_AHEAD = 256  # articles read for a decision whose features wait to be filed


@dataclass(slots=True)
class Reading:
    """What was read from an article, as long as it is the same article; `weighed` are its terms when `counted` articles
    were counted."""

    article: Article
    features: Features
    mark: bytes | None
    told: bool
    weighed: Weighed | None = None
    counted: int = -1

    def original(self, storyline: int) -> Original | None:
        """What reprints of the article are recognised by; None where its text is too short for that."""
        if self.mark is None:
            return None
        article = self.article
        seen = article.seen.timestamp() / 3600.0
        return Original(article.id, storyline, article.url, self.mark, moment(article), seen, self.told)

    def still(self, article: Article) -> bool:
        old = self.article
        return (
            old.vector is article.vector
            and (old.title, old.text, old.lang, old.outlet, old.url, old.signature, old.features)
            == (article.title, article.text, article.lang, article.outlet, article.url, article.signature,
                article.features)
        )  # fmt: skip


class Readings:
    """The readings of the latest articles. `check` raises InputError for a vector that cannot be compared."""

    def __init__(self, check: Callable[[Vector], None], terms: Terms) -> None:
        self._check, self.terms = check, terms
        self._readings: OrderedDict[int, Reading] = OrderedDict()

    def of(self, article: Article) -> Reading:
        """The reading of an article, stored features preferred to its text. Raises InputError as `check` does."""
        known = self._readings.get(article.id)
        if known is not None and known.still(article):
            return known
        packed = article.features
        shown = (None if packed is None else unpack_features(packed, article.vector, article.lang)) or features(article)
        if shown.dense is not None:
            self._check(shown.dense)
        told = tells_of_title(shown)
        long_enough = told or float(shown.body.values.sum()) >= _LONGER_THAN_WALLS
        mark = (article.signature or signature(article.text)) if long_enough else None
        reading = Reading(article, shown, mark if mark is not None and comparable(mark) else None, told)
        self._readings[article.id] = reading
        while len(self._readings) > _READ_AHEAD:
            self._readings.popitem(last=False)
        return reading

    def done(self, article: Article) -> None:
        """The article was filed: nobody will read it again soon."""
        self._readings.pop(article.id, None)

    def weighed(self, reading: Reading) -> Weighed:
        """Its terms at what they are worth now, the article not being counted yet."""
        if reading.weighed is None or reading.counted != self.terms.version:
            reading.weighed = self.terms.weigh(reading.features, counted=False)
            reading.counted = self.terms.version
        return reading.weighed
