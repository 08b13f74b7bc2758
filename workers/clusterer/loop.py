"""The loop of the clusterer: leads or stands by, applies commands, files batches."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from pipeline import metrics
from pipeline.errors import FencedError, InputError, LedgerError, SluglineError
from pipeline.ledger import Ledger, commands, forgotten, reembed, roles, storylines
from pipeline.ledger import lives as ledger_lives
from pipeline.ledger.roles import Claim
from pipeline.records import Article
from pipeline.storylines.filing import Decision, FilingOptions
from pipeline.tally import Tally
from workers import counting, logs, traces
from workers.clusterer import commands as commanded
from workers.clusterer import keeping, lives, thoughts
from workers.clusterer.memory import Memory
from workers.clusterer.renewing import renewed
from workers.clusterer.uptake import FEW, Uptake
from workers.process import Stop, is_time, now, owner

log = logs.get("clusterer")
ROLE = "clusterer"
IDLE_SECONDS = 0.25  # between looks when nothing waits
STAND_BY_SECONDS = 1.0  # between a stand-by's looks at the role
TROUBLE_SECONDS = 2.0  # before the next try after the ledger or an article made trouble
COMMANDS_AT_ONCE = 50
STRETCH_SECONDS = 2.0  # of commands, or of second thoughts: the rest waits for the next step, which renews the claim
LATENCIES_KEPT = 100_000
UNFILABLE = "unfilable"  # the reason under which articles that cannot be filed are parked
NEVER = datetime.min.replace(tzinfo=UTC)


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
        keep_every: int = keeping.KEEP_EVERY,
        tally: Tally | None = None,
    ) -> None:
        """`version` names the vectors to file by: those of another model or preparation are never compared. What is
        remembered is stored after every `keep_every` articles."""
        self._ledger = ledger
        self._tally = tally or Tally()
        self._version = version
        self._options = options
        self._batch = batch
        self._leader_seconds = leader_seconds
        self._keep_every = keep_every
        self._owner = owner()
        self._token: Claim | None = None
        self._look_at = NEVER  # when the role is to be taken or renewed
        self._memory = Memory(version, options)
        self._uptake = Uptake()
        self._at_work: int | None = None  # the article that is being filed
        self._suspect: int | None = None  # the article at which the last batch failed
        self._beyond: set[int] = set()  # storylines about which having second thoughts failed
        self._outdated = False  # memory holds an article that was forgotten
        self.latencies: deque[float] = deque(maxlen=LATENCIES_KEPT)
        """Seconds from taking up an article to the decision being in memory, ledger statements included."""

    @property
    def active(self) -> bool:
        return self._token is not None

    def run(self, stop: Stop) -> None:
        """File until asked to stop, then hand the role over at once. The ledger being away is waited out."""
        try:
            while not stop.is_set():
                try:
                    if not self.step(now()):
                        stop.wait(IDLE_SECONDS)
                except LedgerError as error:
                    log.warning("waiting for the ledger", error=str(error))
                    stop.wait(TROUBLE_SECONDS)
        finally:
            with contextlib.suppress(LedgerError), self._ledger.write() as tx:
                roles.release(tx, ROLE, self._owner, now())

    def step(self, moment: datetime) -> int:
        """Apply commands and file one batch. Returns how many of both were done; 0 while another one is active.

        Raises LedgerError when the ledger is away. After any failure the state is rebuilt before the next batch, since
        memory may be ahead of the ledger.
        """
        try:
            if not self._lead(moment):
                return 0
            done = self._apply(moment)
            if self._outdated:
                self._let_go()
                return done
            self._memory.load_declared(self._ledger)
            filed = 0 if self._memory.must_wait(moment) else self._file(moment)
            self._reconsider(moment, idle=not filed)
            self._attend(moment, idle=not filed)
            self._keep(moment, idle=not done + filed)
            self._take_up(moment)
            self._tally.moved(ROLE, moment.timestamp())
            return done + filed
        except FencedError as error:
            log.warning("no longer the active one", error=str(error))
            self._step_back()
            return 0
        except BaseException:
            self._step_back()
            raise

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to have second thoughts about."""
        return not (self._memory.hindsight and self._options.second_thoughts)

    def _let_go(self) -> None:
        """What was forgotten must not go on in memory (the next step begins from the ledger) nor on the disk."""
        self._outdated = False
        keeping.take_away(self._ledger, self._guard, lambda: None)
        self._step_back()
        if not forgotten.scrub(self._ledger):
            log.warning("older versions of what was forgotten are still in the database's log: somebody reads it")

    def _step_back(self) -> None:
        self._token, self._look_at = None, NEVER

    def _lead(self, moment: datetime) -> bool:
        """Take or renew the role when it is time to; on taking it, rebuild the state."""
        if not is_time(moment, self._look_at, self._leader_seconds):
            return self._token is not None
        held, self._token = self._token, self._claim(moment)
        if self._token is not None and self._token != held:
            self._rebuild(moment)
        return self._token is not None

    def _claim(self, moment: datetime) -> Claim | None:
        with self._ledger.write() as tx:
            token = roles.take(tx, ROLE, self._owner, moment, self._leader_seconds)
        pause = STAND_BY_SECONDS if token is None else self._leader_seconds / 3
        self._look_at = moment + timedelta(seconds=pause)
        return token

    def _rebuild(self, moment: datetime, *, anew: bool = False, settled: bool = False) -> None:
        """Remember what was filed; `anew`: whatever the snapshot says; `settled`: no more vectors will come.

        The claim is renewed on the way: a rebuild that outlasts it would have the stand-by begin one of its own, and so
        for ever.
        """

        def still(reached: datetime) -> None:
            if reached >= self._look_at and self._claim(reached) != self._token:
                raise FencedError("another clusterer took over during the rebuild")

        with renewed(still, moment, self._leader_seconds / 3) as holds:
            self._memory = Memory.rebuilt(self._ledger, self._version, self._options, moment, holds, anew=anew)
            self._memory.lacks &= not settled
            if self._memory.snapshot.stamp is None:
                self._memory.keep_all(self._ledger, self._guard, moment, holds)

    def _apply(self, moment: datetime) -> int:
        with self._ledger.read() as tx:
            pending = commands.pending(tx, COMMANDS_AT_ONCE)
        began = time.monotonic()
        for done, command in enumerate(pending):
            if done and time.monotonic() - began >= STRETCH_SECONDS:
                return done
            try:
                with self._ledger.write() as tx:
                    self._guard(tx)
                    result, outdated = commanded.obey(tx, self._memory, command, moment)
                    self._outdated |= outdated
                    commands.settle(tx, command.id, moment, result=result)
                    if not self._outdated:
                        self._memory.keep(tx, moment)
                log.info("command applied", command=command.id, kind=command.kind, result=result)
            except LedgerError:
                raise
            except InputError as error:
                self._refuse(command, str(error), moment)
                if self._memory.snapshot.changed and not self._outdated:
                    self._rebuild(moment)  # it was refused after memory had gone along
            except Exception as error:
                log.exception("command failed", command=command.id, kind=command.kind)
                self._refuse(command, f"it failed ({type(error).__name__}: {error})", moment)
                self._rebuild(moment)  # memory may have gone along with what was rolled back
        return len(pending)

    def _refuse(self, command: commands.Command, error: str, moment: datetime) -> None:
        """In a transaction of its own, so that nothing stays of a command that was half done."""
        with self._ledger.write() as tx:
            self._guard(tx)
            commands.settle(tx, command.id, moment, error=error)
        log.warning("command refused", command=command.id, kind=command.kind, error=error)

    def _file(self, moment: datetime) -> int:
        with self._ledger.read() as tx:  # an idle clusterer must not take the write lock four times a second
            batch = storylines.embedded(tx, self._version, self._batch)
            places = storylines.places(tx, [article.id for article in batch]) if batch else {}
        if not batch:
            return 0
        self._at_work = None
        counted, start = Tally(), time.monotonic()  # what is rolled back does not count
        done: list[tuple[Article, str, datetime, datetime]] = []
        try:
            with self._ledger.write() as tx:
                self._guard(tx)
                for article in batch:
                    began = time.perf_counter()
                    self._at_work = article.id
                    place = places.get(article.id)
                    if place is None:
                        kind = self._file_one(tx, article, moment)
                    else:
                        kind = self._tell_again(tx, article, place, moment)
                    took = time.perf_counter() - began
                    self.latencies.append(took)
                    at = now()
                    done.append((article, kind or "dead", at - timedelta(seconds=took), at))
                    if kind is not None:
                        reached = moment + timedelta(seconds=time.monotonic() - start)
                        counting.filed(counted, article, kind, reached, took)
                self._at_work = None
        except (LedgerError, MemoryError):
            raise
        except Exception as error:
            if self._at_work is None:
                raise
            self._stumbled(self._at_work, error, moment)
            return 1  # not idle: there is more to do at once
        self._suspect = None
        self._tally.take(counted)
        for article, ending, since, at in done:
            traces.filed(article, since, at, ending)
        log.info("filed", articles=len(batch), storylines=len(self._memory.filing))
        return len(batch)

    def _reconsider(self, moment: datetime, *, idle: bool) -> None:
        """Have second thoughts about a few storylines that are due; with nothing to file, about more of them."""
        if self._token is None or not self._options.second_thoughts:  # no token: filing stumbled
            return
        until = time.monotonic() + STRETCH_SECONDS
        while due := deque(self._memory.hindsight.due(idle=idle)):
            while due:
                storyline = due.popleft()
                if storyline not in self._beyond and not self._think(storyline, moment):
                    return
                if time.monotonic() >= until:  # one at least was looked at
                    break
            for storyline in due:
                self._memory.hindsight.again(storyline)
            if due or not idle or time.monotonic() >= until:
                return

    def _think(self, storyline: int, moment: datetime) -> bool:
        """Have second thoughts about one. Returns whether that went well; if not, the state is a rebuilt one."""
        try:
            with self._ledger.read() as tx:
                thought = thoughts.look(tx, self._memory, storyline, moment)
            if thought is not None:
                with self._ledger.write() as tx:
                    self._guard(tx)
                    thoughts.act(tx, self._memory, thought, moment)
                    self._memory.keep(tx, moment)
        except (LedgerError, FencedError, MemoryError):
            raise
        except Exception:
            log.exception("second thought failed", storyline=storyline)
            self._beyond.add(storyline)
            self._rebuild(moment)  # memory may have gone along with what was rolled back
            return False
        return True

    def _attend(self, moment: datetime, *, idle: bool) -> None:
        """Look at the lives of storylines that are due: fewer at once when there was something to file."""
        if self._token is None:  # filing stumbled: from a rebuilt state it goes on
            return
        with self._ledger.read() as tx:
            due = ledger_lives.due(tx, moment, lives.AT_ONCE if idle else lives.BUSY)
        if not due:
            return
        with self._ledger.write() as tx:
            self._guard(tx)
            changed = lives.attend(tx, due, moment, timedelta(hours=self._options.window_hours))
        log.debug("lives looked at", storylines=len(due), changed=changed)

    def _keep(self, moment: datetime, *, idle: bool) -> None:
        """Store what memory has become, now and then, so that a start has little to read again."""
        if self._token is not None and self._memory.snapshot.due(moment, self._keep_every, idle=idle):
            self._memory.keep_for_later(self._ledger, self._guard, moment)

    def _take_up(self, moment: datetime) -> None:
        """Go over to the vectors of another model, once all that is remembered has them."""
        if self._token is None or not self._memory.lacks or not self._uptake.is_time(moment):
            return
        with self._ledger.read() as tx:
            lacking = reembed.lacking(tx, self._version, moment - self._options.horizon, FEW + 1)
        if self._uptake.is_due([article for article, _ in lacking], moment):
            log.info("taking up new vectors", without=len(lacking))
            self._rebuild(moment, anew=True, settled=True)

    def _stumbled(self, article: int, error: Exception, moment: datetime) -> None:
        """The batch was rolled back at this article: try once more from a rebuilt state, then do without it."""
        log.exception("filing failed", article=article)
        if self._suspect == article:
            with self._ledger.write() as tx:
                self._guard(tx)
                self._park(tx, article, error, moment)
        self._suspect = article
        self._step_back()

    def _park(self, tx: Connection, article: int, error: Exception, moment: datetime) -> None:
        words = str(error) if isinstance(error, SluglineError) else f"{type(error).__name__}: {error}"
        storylines.park(tx, article, UNFILABLE, words, moment)
        self._tally.count(metrics.DEAD, stage="file", class_="filing")
        log.error("article parked", article=article, reason=UNFILABLE, error=words)

    def _file_one(self, tx: Connection, article: Article, moment: datetime) -> str | None:
        """Returns `original` or `duplicate`; None when the article was parked."""
        decision = self._decide(tx, article, moment)
        if decision is None:
            return None
        storyline = decision.storyline
        if storyline is None:
            storyline = storylines.open_one(tx, moment, lang=article.lang)
        self._memory.remember(tx, article, storyline, decision.copy_of, moment)
        self._memory.hindsight.touched(storyline)
        headline, lead = self._memory.tell(tx, storyline)
        storylines.file_article(
            tx,
            article,
            storyline,
            copy_of=decision.copy_of,
            position=self._memory.position,
            why=decision.why(),
            headline=headline,
            lead=lead,
            now=moment,
        )
        kind = "original" if decision.copy_of is None else "duplicate"
        log.debug("article filed", article=article.id, storyline=storyline, kind=kind)
        return kind

    def _tell_again(self, tx: Connection, article: Article, place: storylines.Place, moment: datetime) -> str:
        """A new version of an article that was filed: it stays where it is, and only what is told changes.

        What filing remembers of it stays as it was first filed. A live blog goes from topic to topic, and its storyline
        would follow it to all of them; and a rebuild, which reads the versions that were filed, gives the same state.
        """
        self._memory.tell_again(tx, article, place.storyline)
        headline, lead = self._memory.tell(tx, place.storyline)
        storylines.tell_again(tx, article, place, headline=headline, lead=lead, now=moment)
        return "updated"

    def _decide(self, tx: Connection, article: Article, moment: datetime) -> Decision | None:
        """Where the article belongs; None when it cannot be said and the article was parked. Deciding changes nothing
        in memory, so the rest of the batch goes on."""
        try:
            return self._memory.filing.decide(article)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - one odd article must not stop the wire; it is parked with the reason
            self._park(tx, article.id, error, moment)
            return None

    def _guard(self, tx: Connection) -> None:
        if self._token is None:
            raise SluglineError("the clusterer wrote without having the role")
        roles.guard(tx, ROLE, self._token)
