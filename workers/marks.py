"""What filing wants to know of a text beside the words themselves, computed once, by the worker that has the text."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.ledger import sealed
from pipeline.ledger.work import Claim
from pipeline.records import Extraction, Marks
from pipeline.storylines import copies, evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The article for which a page was asked. One that was filed before keeps its outlet and language."""

    url: str
    filed: bool = False
    outlet: str = ""
    lang: str | None = None

    @classmethod
    def of(cls, claim: Claim) -> Asked:
        kept = claim.revision
        if kept is None or not kept.filed:
            return cls(url=claim.url)
        return cls(url=claim.url, filed=True, outlet=kept.outlet, lang=kept.lang)


def of_page(page: Extraction, asked: Asked) -> Marks:
    """The marks of a page's text, as the article that it becomes will be filed."""
    outlet, lang = (asked.outlet, asked.lang) if asked.filed else (page.outlet, page.lang)
    return of_text(page.title, page.text, lang=lang, outlet=outlet, url=asked.url)


def of_text(title: str, text: str, *, lang: str | None, outlet: str, url: str) -> Marks:
    """The marks of any text. The only place that makes them."""
    features = evidence.stored(title, text, lang, outlet, url)
    return Marks(
        signature=copies.signature(text),
        features=sealed.seal(features, title=title, text=text, outlet=outlet, url=url),
    )
