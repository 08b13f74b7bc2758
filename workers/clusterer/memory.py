"""What the clusterer remembers of the storylines: the filing, what each is told by, and the order of filing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from pipeline.errors import InputError
from pipeline.ledger import Ledger, apart, coverage, removals, storylines
from pipeline.records import Article
from pipeline.storylines.constraints import Constraints
from pipeline.storylines.filing import Filing, FilingOptions
from workers import logs
from workers.clusterer.hindsight import PATIENCE, Hindsight
from workers.clusterer.telling import RECENT, Telling

log = logs.get("clusterer")
VECTOR_PATIENCE = timedelta(seconds=60)  # filing waits this long for the vector of a storyline that was just declared


class Memory:
    """Follows from the ledger and from nothing else. `filing` decides, `telling` gives headlines, `constraints` are
    what people said of storylines; `position` is the place of the last article in the order of filing."""

    def __init__(self, version: str, options: FilingOptions) -> None:
        self.version = version
        self.options = options
        self._waiting: dict[int, datetime] = {}  # declared storylines without a vector: until when to wait for it
        self._declared: dict[int, str | None] = {}  # declared storylines known to the filing, by vector version
        self.filing = Filing(options)
        self.telling = Telling()
        self.constraints = Constraints()
        self.hindsight = Hindsight()
        self.position = 0

    @classmethod
    def rebuilt(
        cls, ledger: Ledger, version: str, options: FilingOptions, moment: datetime, still: Callable[[datetime], None]
    ) -> Memory:
        """What was filed within the horizon before `moment`, in its order.

        `still(time)` is called on the way: it makes sure that the claim to the role holds, and raises when it does not.
        """
        began = time.monotonic()
        made = cls(version, options)
        made.load_declared(ledger)
        since, count = moment - options.horizon, 0
        with ledger.read() as tx:
            made.position = storylines.last_position(tx)
            made.load_constraints(tx)
            for filed in storylines.remembered(tx, version, since):
                made._recall(filed)
                count += 1
                still(moment + timedelta(seconds=time.monotonic() - began))
            for article, storyline in storylines.told_again(tx, version, since):
                made.telling.update(article, storyline)
            for storyline in coverage.latest(tx, PATIENCE):
                made.hindsight.touched(storyline)
        seconds = round(time.monotonic() - began, 2)
        log.info("state rebuilt", articles=count, storylines=len(made.filing), seconds=seconds)
        return made

    def remember(self, article: Article, storyline: int, copy_of: int | None) -> None:
        """Take note of where an article was filed."""
        self.filing.file(article, storyline, copy_of=copy_of)
        self.telling.add(article, storyline, copy_of=copy_of)

    def load_constraints(self, tx: Connection) -> None:
        """Read what people said of storylines."""
        self.constraints = Constraints(
            locked=apart.locked(tx), declared=self._declared, pinned=apart.pinned(tx), apart=apart.pairs(tx)
        )

    def merge(self, tx: Connection, loser: int, winner: int, moment: datetime) -> None:
        """Know what was known of one storyline as part of another."""
        self.filing.merge(loser, winner)
        self.constraints.merged(loser, winner)
        self._declared.pop(loser, None)
        self._waiting.pop(loser, None)
        self.retell(tx, loser, moment)
        self.retell(tx, winner, moment)

    def restate(self, tx: Connection, storyline: int, moment: datetime) -> None:
        """Know a storyline by what the ledger says is in it now, as far as filing remembers."""
        originals = coverage.originals(tx, self.version, storyline, moment - self.options.horizon)
        try:
            self.filing.restate(storyline, originals)
        except InputError as error:  # a vector of another dimension: the words must do
            log.error("vectors left out", storyline=storyline, error=str(error))
            self.filing.restate(storyline, [self._without_odd_vector(one) for one in originals])
        self.retell(tx, storyline, moment)

    def _without_odd_vector(self, article: Article) -> Article:
        try:
            self.filing.compare(article)
        except InputError:
            return replace(article, vector=None)
        return article

    def retell(self, tx: Connection, storyline: int, moment: datetime) -> None:
        """Tell a storyline by what the ledger says is in it now."""
        self.telling.restate(storyline, removals.recent_originals(tx, storyline, RECENT))
        since = moment - self.options.horizon
        for article, _ in storylines.told_again(tx, self.version, since, storyline):
            self.telling.update(article, storyline)

    def load_declared(self, ledger: Ledger) -> None:
        """Tell the filing of declared storylines it does not know, and of vectors that have arrived."""
        with ledger.read() as tx:
            rows = storylines.declared(tx)
        for row in rows:
            self.constraints.declared.add(row["id"])
            version = row["vector_version"] if row["vector_version"] == self.version else None
            if self._declared.get(row["id"], "") == version:
                continue
            vector = storylines.unpack(row["vector"]) if version else None
            try:
                self.filing.declare(row["id"], title=row["title"], text=row["text"], vector=vector, lang=row["lang"])
            except InputError as error:  # a vector of another dimension: the words must do
                log.error("vector of a declared storyline left out", storyline=row["id"], error=str(error))
                self.filing.declare(row["id"], title=row["title"], text=row["text"], vector=None, lang=row["lang"])
            self._declared[row["id"]] = version
            if version is None:
                self._waiting[row["id"]] = row["opened"] + VECTOR_PATIENCE
            else:
                self._waiting.pop(row["id"], None)

    def must_wait(self, moment: datetime) -> bool:
        """Whether a storyline was declared so recently that its vector is still being made."""
        return any(until > moment for until in self._waiting.values())

    def _recall(self, filed: storylines.Filed) -> None:
        try:
            self.remember(filed.article, filed.storyline, filed.copy_of)
        except InputError as error:  # a vector of another dimension: what was filed must not keep us from starting
            log.error("vector left out", article=filed.article.id, error=str(error))
            self.remember(replace(filed.article, vector=None), filed.storyline, filed.copy_of)
