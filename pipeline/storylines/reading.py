"""What was read from one article, kept from the decision to the filing."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.records import Article
from pipeline.storylines.copies import Original
from pipeline.storylines.evidence import Features, moment
from pipeline.storylines.terms import Weighed


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
