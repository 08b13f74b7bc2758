"""Ringing: what a match becomes, written in one transaction with what it rang for and how far the log was read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, update

from pipeline.alerts.rules import Match, Rule
from pipeline.alerts.rules.options import Options
from pipeline.alerts.rules.ring import COOL_DOWN, QUIET_HOURS, TOO_MANY, Level, Standing, hold
from pipeline.ledger import alerts, events, rules
from pipeline.ledger.alert_schema import rules as rule_table
from pipeline.ledger.alerts import Alert
from pipeline.ledger.rules import StoredRule
from workers.alerter.sight import Seen

MATCHED = "alert.matched"
SURGING = "surging"
MOST_TOLD = 50  # matches that a digest names


@dataclass(frozen=True, slots=True)
class Found:
    """An event and the rules that hold of it, in the order of their ids."""

    seen: Seen
    matches: tuple[tuple[int, Match], ...]


class Ringing:
    """One transaction of the alerter. `compiled` are the rules as they were when they were matched."""

    def __init__(self, tx: Connection, compiled: Mapping[int, Rule], moment: datetime) -> None:
        self._tx, self._compiled, self._moment = tx, compiled, moment
        self._rules: dict[int, StoredRule | None] = {}
        self.rings = self.held = 0

    def take(self, found: Found) -> None:
        """Ring where a rule matches for the first time, and where a storyline that one rang for surges."""
        seen = found.seen
        rung = alerts.of(self._tx, seen.subject)
        if seen.event.subject != seen.subject and seen.storyline is not None:  # merged since, and not yet told of
            rung = alerts.of(self._tx, seen.event.subject) | rung
        surging = SURGING in seen.view.states
        if surging:
            for one in rung.values():
                self._escalate(seen, one)
        for rule_id, match in found.matches:
            before = rung.get(rule_id)
            if seen.storyline is None or before is None:
                self._first(seen, rule_id, match, before, surging=surging)

    def _first(self, seen: Seen, rule_id: int, match: Match, before: Alert | None, *, surging: bool) -> None:
        rule = self._rule(rule_id)
        if rule is None or seen.event.time <= rule.since:
            return
        state = next(iter(seen.view.states), "")
        made = Alert(
            rule=rule_id,
            subject=seen.subject,
            storyline=seen.storyline,
            origin=before.origin if before else seen.event.subject,
            state=state,
            first=before.first if before else self._moment,
            escalated=self._moment if surging else None,
            last=self._moment,
            count=before.count + 1 if before else 1,
            held=before.held if before else None,
            held_until=before.held_until if before else None,
        )
        self._ring(rule, made, "first", seen, match)

    def _escalate(self, seen: Seen, one: Alert) -> None:
        rule, compiled = self._rule(one.rule), self._compiled.get(one.rule)
        if rule is None or compiled is None or one.escalated or seen.event.time <= rule.since:
            return
        if not Options.of(rule.options).escalate:
            return
        match = compiled.match(seen.view, also=one.state)
        if match is not None:
            told = replace(
                one,
                subject=seen.subject,
                storyline=seen.storyline,
                escalated=self._moment,
                last=self._moment,
                count=one.count + 1,
            )
            self._ring(rule, told, "surge", seen, match)

    def _ring(self, rule: StoredRule, one: Alert, level: Level, seen: Seen, match: Match) -> None:
        """Tell of a match, or hold it back."""
        options = Options.of(rule.options)
        told = _told(level, seen, match)
        wait = hold(options, standing(rule), level, self._moment)
        if wait is None:
            data: dict[str, Any] = {"rule": {"id": rule.id, "name": rule.name}, "sinks": list(options.sinks), **told}
            self._tell(rule, {**data, "backfill": False})
            told_whole = one.storyline is not None  # what waits of the storyline is part of what is told now
            alerts.put(self._tx, replace(one, held=None, held_until=None) if told_whole else one)
            return
        self.held += 1
        held = {"time": self._moment.isoformat(), "reason": wait.reason, **told}
        held.pop("article", None)
        # What is held back of it already is told once, as what it is by now.
        alerts.put(self._tx, replace(one, held=held, held_until=one.held_until or wait.until))

    def digests(self, due: Iterable[int]) -> None:
        """Tell what was held back of these rules, or hold it back longer where quiet hours have come."""
        for rule_id in due:
            rule = self._rule(rule_id)
            held = alerts.held(self._tx, rule_id)
            if rule is None or not held:
                alerts.let_go(self._tx, rule_id, self._moment)
                continue
            options = Options.of(rule.options)
            quiet = options.quiet.until(self._moment) if options.quiet else None
            if quiet is not None:
                alerts.put_off(self._tx, rule_id, quiet)
                continue
            there = [one.held for one in held if one.held]
            reasons = {one["reason"] for one in there}
            matches = [{name: value for name, value in one.items() if name != "reason"} for one in there]
            self._tell(
                rule,
                {
                    "rule": {"id": rule.id, "name": rule.name},
                    "sinks": list(options.sinks),
                    "level": "digest",
                    "held": next(reason for reason in (QUIET_HOURS, TOO_MANY, COOL_DOWN) if reason in reasons),
                    "count": len(matches),
                    "matches": matches[:MOST_TOLD],
                    "backfill": False,
                },
            )
            alerts.let_go(self._tx, rule_id, self._moment)

    def _tell(self, rule: StoredRule, data: Mapping[str, Any]) -> None:
        now = standing(rule).rung(self._moment)
        told = replace(rule, sequence=rule.sequence + 1, last=now.last, hour=now.since, rung=now.count)
        values = {"sequence": told.sequence, "last": told.last, "hour": told.hour, "rung": told.rung}
        self._tx.execute(update(rule_table).where(rule_table.c.id == rule.id).values(**values))
        events.append(self._tx, MATCHED, f"rule/{rule.id}", told.sequence, self._moment, data)
        self._rules[rule.id] = told
        self.rings += 1

    def _rule(self, rule_id: int) -> StoredRule | None:
        """The rule as it is now; None where it was removed, paused or changed since it was matched."""
        if rule_id not in self._rules:
            found = next(iter(rules.every(self._tx, [rule_id])), None)
            same = found is not None and rule_id in self._compiled and self._compiled[rule_id].text == found.text
            self._rules[rule_id] = found if found is not None and same and not found.paused else None
        return self._rules[rule_id]


def standing(rule: StoredRule) -> Standing:
    return Standing(last=rule.last, since=rule.hour, count=rule.rung)


def _told(level: Level, seen: Seen, match: Match) -> dict[str, Any]:
    """What an event says of a match."""
    data = seen.event.data
    whom = {name: data[name] for name in ("storyline", "article", "feed") if data.get(name)}
    why = [{"condition": one.condition, "found": one.found} for one in match.why]
    return {"level": level, "cause": seen.event.type, **whom, "why": why}
