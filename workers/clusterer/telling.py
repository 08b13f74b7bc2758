"""What the clusterer keeps of storylines to tell them by: recent titles and first paragraphs.

A storyline is read from the ledger when it is first needed (`recall`), and tells the same then as if it had been kept:
the headline that stands is in its row. One that has a name of its own (a declared or renamed one) has no such memory;
what it would be called is found anew each time, which only its lead depends on.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pipeline.records import Article
from pipeline.storylines.tell import headline

RECENT = 20  # originals kept of each storyline
MOST = 4_000  # storylines kept; of others the ledger is asked again
LEAD_CHARS = 1_000  # a text without paragraphs is no lead, and 20 of them for each storyline would fill the memory


@dataclass(slots=True)
class _Told:
    headline: str = ""
    named: bool = False
    recent: deque[Article] = field(default_factory=lambda: deque(maxlen=RECENT))

    def anew(self) -> None:
        self.headline = headline(tuple(self.recent), current="" if self.named else self.headline)


class Telling:
    """Headline and lead of storylines, kept up as articles are filed."""

    def __init__(self) -> None:
        self._told: OrderedDict[int, _Told] = OrderedDict()

    def __contains__(self, storyline: int) -> bool:
        return storyline in self._told

    def recall(self, storyline: int, originals: Sequence[Article], *, headline: str, named: bool) -> None:
        """Go on telling a storyline, of which these are the latest originals, oldest first, and this the headline that
        stands; `named`: it has a name of its own."""
        told = self._place(storyline)
        told.headline, told.named = headline, named
        told.recent.extend(map(_brief, originals))
        if named:
            told.anew()

    def add(self, article: Article, storyline: int, *, copy_of: int | None) -> None:
        """Take note of an article; reprints say nothing that their original did not."""
        told = self._place(storyline)
        if copy_of is None:
            told.recent.append(_brief(article))
            told.anew()

    def update(self, article: Article, storyline: int) -> None:
        """An original that was told is told again in a new version, in its old place; what is not remembered of it, or
        was told too long ago, changes nothing."""
        told = self._told.get(storyline)
        if told is None:
            return
        for place, one in enumerate(told.recent):
            if one.id == article.id:
                told.recent[place] = _brief(article)
                told.anew()

    def restate(self, storyline: int, originals: Sequence[Article], *, named: bool = False) -> None:
        """Tell a storyline by these originals, oldest first, whatever it was told by before."""
        self.drop(storyline)
        if originals:
            self._place(storyline).named = named
        for article in originals:
            self.add(article, storyline, copy_of=None)

    def drop(self, storyline: int) -> None:
        """Ask the ledger the next time."""
        self._told.pop(storyline, None)

    def tell(self, storyline: int) -> tuple[str, str]:
        """Headline and lead: the lead is the first paragraph of the article that the headline is from. Both are empty
        for a storyline that is not kept."""
        told = self._told.get(storyline)
        if told is None:
            return "", ""
        lead = next((one.text for one in told.recent if told.headline and told.headline in one.title), "")
        return told.headline, lead

    def _place(self, storyline: int) -> _Told:
        told = self._told.setdefault(storyline, _Told())
        self._told.move_to_end(storyline)
        while len(self._told) > MOST:
            self._told.popitem(last=False)
        return told


def _brief(article: Article) -> Article:
    first = article.text[:LEAD_CHARS].split("\n\n", 1)[0]
    return replace(article, text=first, vector=None, signature=None, features=None)
