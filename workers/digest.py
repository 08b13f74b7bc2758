"""What an analyst is told of a storyline, read from the ledger when somebody asks.

Nothing is kept: what is told follows from what the ledger holds, and cannot be stale. Cost is bounded by the figures
below; for a storyline of 5,000 articles it is measured in tests.
"""

from __future__ import annotations

from sqlalchemy import Connection

from pipeline.ledger import reading
from pipeline.records import Storyline
from pipeline.storylines import tell

MOST_ARTICLES = 5_000  # the latest of a storyline
TEXT_CHARS = 8_000  # of the texts that are read: fifteen sentences lie within
SAMPLE_CHARS = 600  # of the texts by which parts of a storyline are told apart
MOST_UNTITLED, TITLE_CHARS = 300, 200  # the latest without a title, for which the beginning of the text stands
CHOICES = 300  # the latest articles whose runner-up is asked for, in either direction
BESIDE = 300  # other storylines that are looked at to know what is common, and for names in common


def of(tx: Connection, found: Storyline) -> tell.Digest:
    """All that is told of a storyline beside its headline."""
    originals, reprints = reading.coverage(tx, found.id, MOST_ARTICLES)
    untitled = [a.id for a in originals if not a.title]
    texts = reading.openings(tx, untitled[:MOST_UNTITLED], TITLE_CHARS)
    texts |= reading.openings(tx, [a.id for a in tell.sample(originals)], SAMPLE_CHARS)
    texts |= reading.openings(tx, tell.to_read(originals), TEXT_CHARS)
    others = [one for one in reading.lately(tx, BESIDE) if one.id != found.id]
    return tell.digest(
        originals,
        reprints,
        texts,
        headline=found.headline or found.title,
        backdrop=tell.backdrop_of(f"{one.headline}\n{one.text}" for one in others),
        neighbours=_neighbours(tx, found.id, others),
    )


def _neighbours(tx: Connection, storyline_id: int, lately: list[reading.Beside]) -> list[tell.Neighbour]:
    """The storylines that filing met beside this one, and those that changed last; ids of merged ones lead on."""
    here = reading.runners_up(tx, storyline_id, CHOICES)
    there = reading.came_second(tx, storyline_id, CHOICES)
    met = reading.beside(tx, here.keys() | there.keys())
    known = {one.id: one for one in (*met.values(), *lately) if one.id != storyline_id}
    counts = {one: [0, 0] for one in known}
    nearest: dict[int, float] = {}
    for place, found in enumerate((here, there)):
        for asked, times in found.items():
            if asked in met and met[asked].id in known:
                one = met[asked].id
                counts[one][place] += times.times
                nearest[one] = max(nearest.get(one, 0.0), times.nearest)
    return [
        tell.Neighbour(
            id=one.id,
            headline=one.headline,
            text=one.text,
            lang=one.lang,
            articles=one.articles,
            last_article=one.last_article,
            here=counts[one.id][0],
            there=counts[one.id][1],
            nearest=nearest.get(one.id),
        )
        for one in known.values()
    ]
