"""The clusterer: takes embedded articles in order, files each under a storyline, records choice and event at once.

One is active, others stand by. Its state is rebuilt from the ledger, so it may die at any moment: what its last
transaction did not commit is simply filed again by whoever is next.
"""

from __future__ import annotations

import time
from collections import deque
from datetime import datetime

from sqlalchemy import Connection

from pipeline.errors import FencedError, InputError, SluglineError
from pipeline.ledger import Ledger, commands, roles, storylines
from pipeline.records import Article
from pipeline.storylines.filing import Filing, FilingOptions
from workers import logs
from workers.process import Stop, now, owner
from workers.telling import Telling

log = logs.get("clusterer")
ROLE = "clusterer"
IDLE_SECONDS = 0.25  # between looks when nothing waits
COMMANDS_AT_ONCE = 50
FORGET_EVERY = 2000  # articles filed between two clean-ups of memory
VECTOR_PATIENCE_SECONDS = 60.0  # filing waits this long for the vector of a storyline that was just declared
LATENCIES_KEPT = 100_000


class Clusterer:
    """Drives a `Filing` from the ledger. `step` does one batch and returns; `run` repeats it."""

    def __init__(
        self,
        ledger: Ledger,
        version: str,
        *,
        options: FilingOptions = FilingOptions(),  # noqa: B008 - frozen
        batch: int = 64,
        leader_seconds: float = 10.0,
    ) -> None:
        """`version` names the vectors to file by: those of another model or preparation are never compared."""
        self._ledger = ledger
        self._version = version
        self._options = options
        self._batch = batch
        self._leader_seconds = leader_seconds
        self._owner = owner()
        self._token: int | None = None
        self._renew_at = 0.0
        self._filing = Filing(options)
        self._telling = Telling()
        self._position = 0
        self._waiting: dict[int, float] = {}  # declared storylines without a vector: until when to wait for it
        self._declared: dict[int, str | None] = {}  # declared storylines known to the filing, by vector version
        self._since_clean_up = 0
        self.latencies: deque[float] = deque(maxlen=LATENCIES_KEPT)
        """Seconds from taking up an article to the decision being in memory, ledger statements included."""

    @property
    def active(self) -> bool:
        return self._token is not None

    def run(self, stop: Stop) -> None:
        """File until asked to stop, then hand the role over at once."""
        try:
            while not stop.is_set():
                if not self.step(now()):
                    stop.wait(IDLE_SECONDS)
        finally:
            if self.active:
                with self._ledger.write() as tx:
                    roles.release(tx, ROLE, self._owner, now())

    def step(self, moment: datetime) -> int:
        """Apply commands and file one batch. Returns how many of both were done; 0 while another one is active."""
        if not self._lead(moment):
            return 0
        try:
            done = self._apply(moment)
            self._load_declared()
            return done + (0 if self._must_wait() else self._file(moment))
        except FencedError as error:
            log.warning("no longer the active one", error=str(error))
            self._token = None
            return 0
        except BaseException:
            self._token = None  # what is in memory may be ahead of the ledger: rebuild before the next batch
            raise

    def _lead(self, moment: datetime) -> bool:
        """Take or renew the role; on taking it, rebuild the state."""
        if self._token is not None and time.monotonic() < self._renew_at:
            return True
        with self._ledger.write() as tx:
            token = roles.take(tx, ROLE, self._owner, moment, self._leader_seconds)
        self._renew_at = time.monotonic() + self._leader_seconds / 3
        if token is not None and token != self._token:
            self._rebuild(moment)
            with self._ledger.write() as tx:  # a long rebuild may have outlasted the claim
                token = roles.take(tx, ROLE, self._owner, now(), self._leader_seconds)
        self._token = token
        return token is not None

    def _rebuild(self, moment: datetime) -> None:
        began = time.perf_counter()
        self._filing, self._telling, self._declared = Filing(self._options), Telling(), {}
        self._load_declared()
        count = 0
        with self._ledger.read() as tx:
            self._position = storylines.last_position(tx)
            for filed in storylines.remembered(tx, self._version, moment - self._options.horizon):
                self._remember(filed.article, filed.storyline, filed.copy_of)
                count += 1
        seconds = round(time.perf_counter() - began, 2)
        log.info("state rebuilt", articles=count, storylines=len(self._filing), seconds=seconds)

    def _load_declared(self) -> None:
        """Tell the filing of declared storylines it does not know, and of vectors that have arrived."""
        with self._ledger.read() as tx:
            rows = storylines.declared(tx)
        for row in rows:
            version = row["vector_version"] if row["vector_version"] == self._version else None
            if self._declared.get(row["id"], "") == version:
                continue
            vector = storylines.unpack(row["vector"]) if version else None
            self._filing.declare(row["id"], title=row["title"], text=row["text"], vector=vector, lang=row["lang"])
            self._declared[row["id"]] = version
            if version is None:
                self._waiting[row["id"]] = time.monotonic() + VECTOR_PATIENCE_SECONDS
            else:
                self._waiting.pop(row["id"], None)

    def _must_wait(self) -> bool:
        """Whether a storyline was declared so recently that its vector is still being made."""
        return any(until > time.monotonic() for until in self._waiting.values())

    def _apply(self, moment: datetime) -> int:
        with self._ledger.read() as tx:
            pending = commands.pending(tx, COMMANDS_AT_ONCE)
        for command in pending:
            with self._ledger.write() as tx:
                self._guard(tx)
                try:
                    result = self._obey(tx, command, moment)
                except InputError as error:
                    commands.settle(tx, command.id, moment, error=str(error))
                    log.warning("command refused", command=command.id, kind=command.kind, error=str(error))
                else:
                    commands.settle(tx, command.id, moment, result=result)
                    log.info("command applied", command=command.id, kind=command.kind, result=result)
        return len(pending)

    def _obey(self, tx: Connection, command: commands.Command, moment: datetime) -> dict[str, int]:
        if command.kind != "declare":
            raise InputError(f"there is no command {command.kind!r}")
        title, text = command.payload["title"], command.payload["text"]
        if title in storylines.titles(tx):
            raise InputError(f"a storyline {title!r} has been declared already")
        made = storylines.open_one(tx, moment, title=title, text=text, lang=command.payload.get("lang"), declared=True)
        return {"storyline": made}

    def _file(self, moment: datetime) -> int:
        with self._ledger.write() as tx:
            self._guard(tx)
            batch = storylines.embedded(tx, self._version, self._batch)
            for article in batch:
                began = time.perf_counter()
                self._file_one(tx, article, moment)
                self.latencies.append(time.perf_counter() - began)
        self._since_clean_up += len(batch)
        if self._since_clean_up >= FORGET_EVERY:
            self._since_clean_up = 0
            self._filing.forget(moment - self._options.horizon)
        if batch:
            log.info("filed", articles=len(batch), storylines=len(self._filing))
        return len(batch)

    def _file_one(self, tx: Connection, article: Article, moment: datetime) -> None:
        decision = self._filing.decide(article)
        storyline = decision.storyline
        if storyline is None:
            storyline = storylines.open_one(tx, moment)
        self._remember(article, storyline, decision.copy_of)
        self._position += 1
        headline, lead = self._telling.tell(storyline)
        storylines.file_article(
            tx,
            article,
            storyline,
            copy_of=decision.copy_of,
            position=self._position,
            why=decision.why(),
            headline=headline,
            lead=lead,
            now=moment,
        )

    def _remember(self, article: Article, storyline: int, copy_of: int | None) -> None:
        self._filing.file(article, storyline, copy_of=copy_of)
        self._telling.add(article, storyline, copy_of=copy_of)

    def _guard(self, tx: Connection) -> None:
        if self._token is None:
            raise SluglineError("the clusterer wrote without having the role")
        roles.guard(tx, ROLE, self._token)
