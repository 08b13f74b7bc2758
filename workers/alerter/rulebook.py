"""The rules as they are now, ready to be matched: found by what they need, their sentences as vectors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Connection

from pipeline.alerts.rules import Match, Rule, RuleError, compile_rule
from pipeline.alerts.rules.index import Index
from pipeline.alerts.rules.near import Floats, Sentences
from pipeline.alerts.rules.wording import tokens
from pipeline.errors import ModelError
from pipeline.ledger import Ledger, reading, rules, storylines
from pipeline.ledger.rules import StoredRule
from workers import logs
from workers.alerter.sight import Seen

log = logs.get("alerter")
LATELY = 300  # storylines by which it is known which words are common
Embed = Callable[[Sequence[str]], Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """All rules that are not paused, by id. `since` is the time from which on anything rings."""

    compiled: Mapping[int, Rule] = field(default_factory=dict)
    index: Index
    sentences: Sentences

    def matches(self, seen: Seen) -> tuple[tuple[int, Match], ...]:
        """The rules that hold of what was seen, by id."""
        found = []
        for number in sorted(self.index.candidates(seen.view, seen.hits)):
            rule = self.compiled[number]
            if not seen.coverage and not rule.of_states:
                continue
            match = rule.match(seen.view)
            if match is not None:
                found.append((number, match))
        return tuple(found)


def usual(tx: Connection) -> Callable[[str], float]:
    """The share of storylines that have a word in headline or lead."""
    lately = reading.lately(tx, LATELY)
    counts = Counter(word for one in lately for word in set(tokens(f"{one.headline}\n{one.text}")))
    return lambda word: counts[word] / max(1, len(lately))


def read(ledger: Ledger, version: str, embed: Embed) -> Rulebook:
    """Read all rules; sentences that have no vector of this version get one, which is kept with the rule.

    A rule that this release cannot read, and meaning where the model cannot be loaded, are told in the log and match
    nothing.
    """
    with ledger.read() as tx:
        stored = [one for one in rules.every(tx) if not one.paused]
        share = usual(tx)
    compiled = {one.id: rule for one in stored if (rule := _compiled(one)) is not None}
    vectors = _vectors(ledger, [one for one in stored if one.id in compiled], compiled, version, embed)
    return of(compiled, vectors, share)


def of(compiled: Mapping[int, Rule], vectors: Mapping[str, Floats], share: Callable[[str], float]) -> Rulebook:
    """A book of these rules; `vectors` of their sentences, `share` of the storylines that have a word."""
    return Rulebook(compiled=compiled, index=Index(compiled, share), sentences=Sentences(compiled.values(), vectors))


def _compiled(one: StoredRule) -> Rule | None:
    try:
        return compile_rule(one.text)
    except RuleError as error:
        log.error("a rule cannot be read", rule=one.name, error=str(error))
        return None


def _vectors(
    ledger: Ledger, stored: Iterable[StoredRule], compiled: Mapping[int, Rule], version: str, embed: Embed
) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    missing: list[StoredRule] = []
    for one in stored:
        sentences = compiled[one.id].sentences
        if not sentences:
            continue
        if one.vector_version != version or not one.vectors:
            missing.append(one)
            continue
        rows = np.frombuffer(one.vectors, "<f2").astype(np.float32).reshape(len(sentences), -1)
        found |= zip(sentences, _unit(rows), strict=True)
    wanted = list(dict.fromkeys(text for one in missing for text in compiled[one.id].sentences if text not in found))
    if not missing:
        return found
    try:
        made = embed(wanted) if wanted else np.empty((0, 0), np.float32)
    except ModelError as error:
        log.error("rules by meaning match nothing", error=str(error))
        return found
    found |= zip(wanted, made, strict=True)
    with ledger.write() as tx:
        for one in missing:
            packed = b"".join(storylines.pack(found[text]) for text in compiled[one.id].sentences)
            rules.put_vectors(tx, one.id, one.text, version, packed)
    return found


def _unit(rows: Floats) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)
