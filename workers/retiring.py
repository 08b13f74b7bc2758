"""What the janitor lets go of by age, a small step at a time, round and round through the ledger."""

from __future__ import annotations

from datetime import datetime, timedelta

from pipeline.ledger import Ledger, logouts, retention
from pipeline.ledger.schema import texts, vectors
from pipeline.settings import Settings

LOGOUTS_KEPT = timedelta(days=1)  # after the session would have ended anyway: clocks of machines differ
LINES_KEPT = timedelta(days=90)  # what a template prints it prints every day; a host that rests so long is learnt anew
ANSWERS_KEPT = timedelta(days=30)  # after that nobody looks into why a page could not be read
AT_ONCE = 2_000  # rows looked at of each kind


class Round:
    """Where the round is with each kind of row. Nothing is lost with it: a new one begins at the front."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._reached = {"versions": 0, "texts": 0, "vectors": 0, "sightings": 0, "answers": 0}
        self._line: retention.Line = ("", "")

    def step(self, moment: datetime) -> dict[str, int]:
        """Look at the next rows, without a lock, and delete what is old, in one short transaction. Returns how many
        rows of each kind went."""
        settings, reached = self._settings, self._reached

        def ago(days: float) -> datetime:
            return moment - timedelta(days=days)

        replaced, done = ago(settings.version_retention_days), ago(settings.event_retention_days)
        unread, unmeasured = ago(settings.text_retention_days), ago(settings.vector_retention_days)
        unseen = ago(settings.sighting_retention_days)
        with self._ledger.read() as tx:
            versions, last_version = retention.replaced(tx, reached["versions"], replaced, AT_ONCE)
            old_texts, last_text = retention.aged(tx, texts, reached["texts"], unread, AT_ONCE)
            old_vectors, last_vector = retention.aged(tx, vectors, reached["vectors"], unmeasured, AT_ONCE)
            old_sightings, last_sighting = retention.unseen(tx, reached["sightings"], unseen, AT_ONCE)
            lines, last_line = retention.unprinted(tx, self._line, moment - LINES_KEPT, AT_ONCE)
            answers, last_answer = retention.answered(tx, reached["answers"], moment - ANSWERS_KEPT, AT_ONCE)
            commands = retention.done(tx, done, AT_ONCE)
            ended = logouts.past(tx, moment - LOGOUTS_KEPT)
        gone = dict.fromkeys((*reached, "lines", "commands", "logouts"), 0)
        if any((versions, old_texts, old_vectors, old_sightings, lines, answers, commands, ended)):
            with self._ledger.write() as tx:
                gone["versions"] = retention.retire_versions(tx, versions, replaced)
                gone["texts"] = retention.retire_aged(tx, texts, old_texts, unread)
                gone["vectors"] = retention.retire_aged(tx, vectors, old_vectors, unmeasured)
                gone["sightings"] = retention.retire_unseen(tx, old_sightings, unseen)
                gone["lines"] = retention.retire_lines(tx, lines, moment - LINES_KEPT)
                gone["answers"] = retention.retire_answers(tx, answers, moment - ANSWERS_KEPT)
                gone["commands"] = retention.retire_commands(tx, commands)
                gone["logouts"] = logouts.clear(tx, moment - LOGOUTS_KEPT)
        self._reached = {
            "versions": last_version or 0,
            "texts": last_text or 0,
            "vectors": last_vector or 0,
            "sightings": last_sighting or 0,
            "answers": last_answer or 0,
        }
        self._line = last_line or ("", "")
        return gone
