"""What the clusterer keeps of each storyline to tell it by: recent titles and first paragraphs."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pipeline.records import Article
from pipeline.storylines.tell import headline

RECENT = 20  # originals kept of each storyline
MOST = 30_000  # storylines kept; as many as the filing remembers
LEAD_CHARS = 1_000  # a text without paragraphs is no lead, and 20 of them for each storyline would fill the memory


@dataclass(slots=True)
class _Told:
    headline: str = ""
    recent: deque[Article] = field(default_factory=lambda: deque(maxlen=RECENT))


class Telling:
    """Headline and lead of each storyline, kept up as articles are filed."""

    def __init__(self) -> None:
        self._told: OrderedDict[int, _Told] = OrderedDict()

    def add(self, article: Article, storyline: int, *, copy_of: int | None) -> None:
        """Take note of an article; reprints say nothing that their original did not."""
        told = self._told.setdefault(storyline, _Told())
        self._told.move_to_end(storyline)
        if copy_of is None:
            told.recent.append(_brief(article))
            told.headline = headline(tuple(told.recent), current=told.headline)
        while len(self._told) > MOST:
            self._told.popitem(last=False)

    def update(self, article: Article, storyline: int) -> None:
        """An original that was told is told again in a new version, in its old place; what is not remembered of it, or
        was told too long ago, changes nothing."""
        told = self._told.get(storyline)
        if told is None:
            return
        for place, one in enumerate(told.recent):
            if one.id == article.id:
                told.recent[place] = _brief(article)
                told.headline = headline(tuple(told.recent), current=told.headline)

    def restate(self, storyline: int, originals: Sequence[Article]) -> None:
        """Tell a storyline by these originals, oldest first, whatever it was told by before."""
        self._told.pop(storyline, None)
        for article in originals:
            self.add(article, storyline, copy_of=None)

    def tell(self, storyline: int) -> tuple[str, str]:
        """Headline and lead: the lead is the first paragraph of the article that the headline is from."""
        told = self._told.get(storyline)
        if told is None:
            return "", ""
        lead = next((one.text for one in told.recent if told.headline and told.headline in one.title), "")
        return told.headline, lead


def _brief(article: Article) -> Article:
    first = article.text[:LEAD_CHARS].split("\n\n", 1)[0]
    return replace(article, text=first, vector=None, signature=None)
