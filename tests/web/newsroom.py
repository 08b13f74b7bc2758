"""A ledger filled the way the pipeline fills it, and the web service over it on a loopback port."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import redis as redis_client
from sqlalchemy import Connection, update

from pipeline.ledger import Ledger, articles, lives, storylines, work
from pipeline.ledger.schema import storylines as storyline_table
from pipeline.records import ArticleState
from pipeline.settings import Settings
from workers.clusterer.lives import attend
from workers.web.app import bind, create_app, server

NOW = datetime(2026, 11, 29, 14, 5, tzinfo=UTC)
VERSION = "test-1"
JOINED: Mapping[str, Any] = {
    "score": 0.58,
    "threshold": 0.32,
    "evidence": [
        {"name": "nearness", "value": 4.1, "weight": 0.06, "contribution": 0.246},
        {"name": "names", "value": 0.71, "weight": 0.15, "contribution": 0.1065},
        {"name": "silence", "value": 2.1, "weight": -0.02, "contribution": -0.042},
    ],
    "runner_up": 99,
    "runner_up_score": 0.3,
    "copy_of": None,
}


@dataclass
class Newsroom:
    """Writes into a ledger through its own functions; `made` counts articles so that each has its own id and URL."""

    ledger: Ledger
    made: int = 0

    def article(self, tx: Connection, *, title: str, **row: Any) -> int:
        """An article whose text is known, not yet filed."""
        self.made += 1
        given = {
            "id": f"w{self.made}",
            "url": f"https://outlet{self.made}.example/{self.made}",
            "source": "The Harbour Times",
            "lang": "en",
            "published": NOW - timedelta(hours=3),
            "title": title,
            "text": f"{title}. The text of it.",
        }
        made = articles.import_text(tx, given | row, NOW - timedelta(hours=1), None)
        assert made is not None
        return made

    def file(
        self,
        storyline: int,
        *,
        title: str,
        copy_of: int | None = None,
        why: Mapping[str, Any] | None = None,
        lead: str = "",
        now: datetime = NOW,
        **row: Any,
    ) -> int:
        """An article taken all the way into a storyline: imported, handed out, claimed, embedded, filed."""
        with self.ledger.write() as tx:
            made = self.article(tx, title=title, **row)
            job = f"job-{made}"
            work.hand_out(tx, [made], job, now)
            (claim,) = work.claim(tx, [made], ArticleState.FETCHED, job, "test", now, 30)
            work.finish_embed(tx, claim, VERSION, storylines.pack(np.eye(1, 4, dtype=np.float32)[0]), now)
            (article,) = storylines.embedded(tx, VERSION, 1)
            storylines.file_article(
                tx,
                article,
                storyline,
                copy_of=copy_of,
                position=storylines.last_position(tx) + 1,
                why=why if why is not None else {"storyline": storyline, **JOINED},
                headline=title if copy_of is None else "",
                lead=lead,
                now=now,
            )
            attend(tx, lives.due(tx, now, 10), now, timedelta(days=30))
        return made

    def open(self, *, now: datetime = NOW, **fields: Any) -> int:
        with self.ledger.write() as tx:
            return storylines.open_one(tx, now, **fields)

    def merge(self, gone: int, into: int) -> None:
        """Lead one id to another, as a merge leaves it."""
        with self.ledger.write() as tx:
            tx.execute(update(storyline_table).where(storyline_table.c.id == gone).values(merged_into=into))


@contextlib.contextmanager
def served(
    settings: Settings,
    ledger: Ledger,
    redis: redis_client.Redis | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    now: datetime = NOW,
    clock: Callable[[], datetime] | None = None,
) -> Iterator[httpx.Client]:
    """The real server on a free loopback port, and a client for it that follows no redirects. It is always `now` there,
    unless `clock` says the time."""
    taken = bind(settings, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    running = server(create_app(settings, ledger, redis, clock=clock or (lambda: now)))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [taken]})
    thread.start()
    try:
        # verify: loading certificates would cost more than everything else, and there is no TLS here.
        with httpx.Client(base_url=address, headers=headers, timeout=20, trust_env=False, verify=False) as client:
            yield client
    finally:
        running.should_exit = True
        thread.join(20)
        taken.close()
