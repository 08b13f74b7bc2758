"""What the clusterer remembers of the storylines: the filing, what they are told by, and the order of filing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping

from pipeline.errors import InputError
from pipeline.ledger import Ledger, apart, coverage, storylines, told
from pipeline.ledger.snapshots import Header
from pipeline.records import Article
from pipeline.storylines.constraints import Constraints
from pipeline.storylines.filing import Filing, FilingOptions
from workers import logs
from workers.clusterer import keeping
from workers.clusterer.hindsight import PATIENCE, Hindsight
from workers.clusterer.keeping import Guard, Snapshot
from workers.clusterer.telling import LEAD_CHARS, RECENT, Telling

log = logs.get("clusterer")
CLEAN_UP_EVERY = 2000  # articles filed between two clean-ups of memory
VECTOR_PATIENCE = timedelta(seconds=60)  # filing waits this long for the vector of a storyline that was just declared


class Memory:
    """Follows from the ledger and from nothing else. `filing` decides, `telling` gives headlines, `constraints` are
    what people said of storylines; `position` is the place of the last article in the order of filing; `lacks` says
    that articles were filed without a vector, which may come; `snapshot` is what the ledger has of all this."""

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
        self.lacks = False
        self.snapshot = Snapshot()

    @classmethod
    def rebuilt(
        cls,
        ledger: Ledger,
        version: str,
        options: FilingOptions,
        moment: datetime,
        still: Callable[[datetime], None],
        *,
        anew: bool = False,
    ) -> Memory:
        """What the snapshot says and what was filed since then; where there is none that can be used, or `anew`, what
        was filed within the horizon before `moment`. In its order.

        `still(time)` is called on the way: it makes sure that the claim to the role holds, and raises when it does not.
        """
        began = time.monotonic()
        made, count = cls(version, options), 0

        def holds() -> None:
            still(moment + timedelta(seconds=time.monotonic() - began))

        with ledger.read() as tx:
            loaded = None if anew else keeping.load(tx, version, options, holds)
            if loaded is None:
                again = storylines.remembered(tx, version, moment - options.horizon)
            else:
                made._resume(*loaded)
                again = storylines.filed_after(tx, version, made.position)
            made.load_declared(ledger)
            made.load_constraints(tx)
            for filed in again:
                made._recall(filed)
                count += 1
                holds()
            made.position = max(made.position, storylines.last_position(tx))
            for storyline in coverage.latest(tx, PATIENCE):
                made.hindsight.touched(storyline)
        seconds = round(time.monotonic() - began, 2)
        stored = made.snapshot.stamp is not None
        log.info("state rebuilt", articles=count, storylines=len(made.filing), seconds=seconds, snapshot=stored)
        return made

    def _resume(self, filing: Filing, header: Header) -> None:
        self.filing, self.position, self.lacks = filing, header.position, header.lacks
        self._declared.update(header.declared)
        self.snapshot.resume(header)

    def remember(self, tx: Connection, article: Article, storyline: int, copy_of: int | None, moment: datetime) -> None:
        """Take note of where an article was filed, as the next in the order of filing."""
        self._look_up(tx, storyline)
        self._file(article, storyline, copy_of, self.position + 1, moment)
        self.lacks |= article.vector is None
        self.telling.add(article, storyline, copy_of=copy_of)

    def _file(self, article: Article, storyline: int, copy_of: int | None, position: int, moment: datetime) -> None:
        """Whatever changes here follows from the article, its place and its time, so that it can be repeated."""
        self.filing.file(article, storyline, copy_of=copy_of)
        if position // CLEAN_UP_EVERY > self.position // CLEAN_UP_EVERY:
            self.filing.forget(moment - self.options.horizon)
        self.position = position
        self.snapshot.articles += 1

    def tell_again(self, tx: Connection, article: Article, storyline: int) -> None:
        """An article is told in a new version."""
        self._look_up(tx, storyline)
        self.telling.update(article, storyline)

    def tell(self, tx: Connection, storyline: int) -> tuple[str, str]:
        """Headline and lead of a storyline."""
        self._look_up(tx, storyline)
        return self.telling.tell(storyline)

    def _look_up(self, tx: Connection, storyline: int) -> None:
        row = None if storyline in self.telling else coverage.row(tx, storyline)
        if row is not None:
            latest = told.originals(tx, storyline, RECENT, LEAD_CHARS) if row["articles"] else []
            self.telling.recall(storyline, latest, headline=row["headline"], named=_named(row))

    # ---- the snapshot ----

    def keep(self, tx: Connection, moment: datetime) -> None:
        """Where something changed that reading again what was filed would not repeat, store it in the transaction that
        changed it."""
        if self.snapshot.changed:
            self.snapshot.write(tx, self.filing, self._header(moment))

    def keep_for_later(self, ledger: Ledger, guard: Guard, moment: datetime) -> None:
        """Store what changed since the last time, in a transaction of its own."""
        changed = list(self.filing.dump())  # before the transaction begins: others wait for the write lock
        with ledger.write() as tx:
            guard(tx)
            self.snapshot.write(tx, self.filing, self._header(moment), changed)

    def keep_all(self, ledger: Ledger, guard: Guard, moment: datetime, still: Callable[[datetime], None]) -> None:
        """Store all of it, after it was read from what was filed."""
        began = time.monotonic()

        def holds() -> None:
            still(moment + timedelta(seconds=time.monotonic() - began))

        self.snapshot.write_whole(ledger, guard, self.filing, self._header(moment), holds)

    def _header(self, moment: datetime) -> Header:
        return Header(
            version=self.version,
            position=self.position,
            horizon=keeping.hours(self.options),
            made=moment,
            declared={storyline: version for storyline, version in self._declared.items() if version is not None},
            lacks=self.lacks,
        )

    # ---- changes ----

    def load_constraints(self, tx: Connection) -> None:
        """Read what people said of storylines."""
        self.constraints = Constraints(
            locked=apart.locked(tx),
            declared=self._declared,
            renamed=apart.renamed(tx),
            pinned=apart.pinned(tx),
            apart=apart.pairs(tx),
        )

    def merge(self, tx: Connection, loser: int, winner: int, moment: datetime) -> None:
        """Know what was known of one storyline as part of another."""
        self.filing.merge(loser, winner)
        self.constraints.merged(loser, winner)
        self._declared.pop(loser, None)
        self._waiting.pop(loser, None)
        self.snapshot.changed = True
        self.retell(tx, loser)
        self.retell(tx, winner)

    def restate(self, tx: Connection, storyline: int, moment: datetime) -> None:
        """Know a storyline by what the ledger says is in it now, as far as filing remembers."""
        self.snapshot.changed = True
        since = moment - self.options.horizon
        originals = coverage.originals(tx, self.version, storyline, since)
        reprints = coverage.reprinted(tx, storyline, since)
        try:
            self.filing.restate(storyline, originals, reprints=reprints)
        except InputError as error:  # a vector of another dimension: the words must do
            log.error("vectors left out", storyline=storyline, error=str(error))
            heard = [self._without_odd_vector(one) for one in originals]
            self.filing.restate(storyline, heard, reprints=reprints)
        self.retell(tx, storyline)

    def _without_odd_vector(self, article: Article) -> Article:
        try:
            self.filing.compare(article)
        except InputError:
            return replace(article, vector=None)
        return article

    def retell(self, tx: Connection, storyline: int) -> None:
        """Tell a storyline by what the ledger says is in it now."""
        row = coverage.row(tx, storyline)
        latest = told.originals(tx, storyline, RECENT, LEAD_CHARS)
        self.telling.restate(storyline, latest, named=row is not None and _named(row))

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
        return any(moment < until <= moment + VECTOR_PATIENCE for until in self._waiting.values())

    def _recall(self, filed: storylines.Filed) -> None:
        where = (filed.storyline, filed.copy_of, filed.position, filed.moment)
        self.lacks |= filed.article.vector is None
        try:
            self._file(filed.article, *where)
        except InputError as error:  # a vector of another dimension: what was filed must not keep us from starting
            log.error("vector left out", article=filed.article.id, error=str(error))
            self._file(replace(filed.article, vector=None), *where)


def _named(row: RowMapping) -> bool:
    """Whether a storyline has a name of its own."""
    return bool(row["declared"] or row["renamed"])
