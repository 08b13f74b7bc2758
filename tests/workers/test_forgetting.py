"""An article that is forgotten after it was filed: storyline, events and stream go on without its words."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import select

from pipeline.ledger import Ledger, events, storylines
from pipeline.ledger.schema import metadata
from pipeline.queues import EVENTS
from pipeline.records import Event, Storyline
from pipeline.settings import Settings
from tests.workers.wire import NOON, VERSION, ask, at, embedded, filed, outcome, row
from workers.clusterer import Clusterer
from workers.forgetting import Outcome, forget, undo
from workers.relay import Relay, last_published

WORD = "quokka"
LONG = "A long dispatch on the flood in Orsel. " + " ".join(f"Orselword{n}" for n in range(60))


def clusterer(ledger: Ledger) -> Clusterer:
    return Clusterer(ledger, VERSION)


def url(ledger: Ledger, article_id: int) -> str:
    return str(row(ledger, article_id)["url"])


def log(ledger: Ledger) -> list[Event]:
    """The events, numbered first where they are not."""
    with ledger.write() as tx:
        events.number(tx, 1000)
        return events.after(tx, 0, 1000)


def one(ledger: Ledger, storyline: int) -> Storyline:
    with ledger.read() as tx:
        found = storylines.one(tx, storyline)
    assert found is not None
    return found


def everything(ledger: Ledger) -> str:
    with ledger.read() as tx:
        rows = [str(row) for table in metadata.sorted_tables for row in tx.execute(select(table))]
    return "\n".join(rows).lower()


def three_of_one_storyline(ledger: Ledger) -> list[int]:
    """The first has the word in all that it has, and tells the storyline."""
    text = f"Quokka. {LONG}"
    made = [
        embedded(ledger, 1, "flood", "Orsel", title="Quokka flood in Orsel", text=text, hours=5),
        embedded(ledger, 2, "flood", "Orsel", title="Orsel: flood of the century", hours=0),
        embedded(ledger, 3, "flood", "Orsel", title="Orsel under water", hours=2),
    ]
    assert clusterer(ledger).step(NOON) == 3
    assert len({storyline for storyline, _ in filed(ledger).values()}) == 1
    return made


def test_a_storyline_is_told_and_counted_without_it(ledger: Ledger) -> None:
    gone, second, third = three_of_one_storyline(ledger)
    storyline = filed(ledger)[second][0]
    before = one(ledger, storyline)
    assert WORD in before.headline.lower()
    assert (before.articles, before.originals, len(before.outlets)) == (3, 3, 3)
    assert forget(ledger, url(ledger, gone), at(60)).erased[0].storyline == storyline
    assert clusterer(ledger).step(at(61)) == 1
    after = one(ledger, storyline)
    assert (after.articles, after.originals) == (2, 2)
    assert after.outlets == ("Outlet 2", "Outlet 3")
    assert after.headline in ("Orsel: flood of the century", "Orsel under water")
    assert after.lead.startswith("About the flood Orsel.")
    assert (after.first_article, after.last_article) == (at(0), at(2 * 3600))
    assert set(filed(ledger)) == {second, third}
    assert WORD not in everything(ledger)


def test_the_text_is_gone_at_once_though_no_clusterer_runs(ledger: Ledger) -> None:
    gone, _, _ = three_of_one_storyline(ledger)
    done = forget(ledger, str(gone), at(3600))
    assert not done.told
    assert "told without it as soon as a clusterer runs" in done.sentences()[0]
    left = [line for line in everything(ledger).splitlines() if WORD in line]
    with ledger.read() as tx:
        waiting = [str(row).lower() for row in tx.execute(select(metadata.tables["storylines"]))]
    assert [one for one in left if one != str((WORD, 1))] == waiting, "only the storyline's own headline and lead wait"
    assert len(left) <= len(waiting) + 1, "and that it is found by them"


def test_the_clusterer_is_seen_to_run(ledger: Ledger) -> None:
    gone, _, _ = three_of_one_storyline(ledger)
    done = forget(ledger, str(gone), at(1))
    assert done.told
    assert done.sentences() == [f"article {gone} is erased; the clusterer takes it out of storyline 1"]


def test_its_events_stay_in_place_without_its_words(ledger: Ledger) -> None:
    gone, _, _ = three_of_one_storyline(ledger)
    before = log(ledger)
    forget(ledger, str(gone), at(60))
    after = log(ledger)
    assert [(event.id, event.position, event.sequence) for event in after] == [
        (event.id, event.position, event.sequence) for event in before
    ]
    assert WORD not in str(after).lower()
    named = next(event for event in after if event.data.get("article", {}).get("id") == gone)
    assert named.data["article"] == {
        "id": gone,
        "url": "",
        "title": "",
        "outlet": "Outlet 1",
        "published": at(5 * 3600).isoformat(),
        "copy_of": None,
        "forgotten": True,
    }
    untouched = [event.data for event in before if WORD not in str(event.data).lower()]
    assert all(data in [event.data for event in after] for data in untouched), "others stay as they were"


def test_an_event_says_that_it_is_gone_and_which_positions_read_differently(ledger: Ledger) -> None:
    gone, second, _ = three_of_one_storyline(ledger)
    storyline = filed(ledger)[second][0]
    changed = [event.position for event in log(ledger) if WORD in str(event.data).lower()]
    forget(ledger, str(gone), at(60))
    clusterer(ledger).step(at(61))
    told = log(ledger)[-1]
    assert (told.type, told.subject, told.sequence) == ("article.removed", f"storyline/{storyline}", 5)
    assert told.data["article"] == {"id": gone, "forgotten": True}
    assert told.data["redacted"] == changed
    assert told.data["storyline"]["articles"] == 2


def test_a_clusterer_at_work_tells_nothing_by_it_any_more(ledger: Ledger) -> None:
    """It has the words in memory; an article filed between the erasure and the command brings them into an event."""
    gone = embedded(ledger, 1, "flood", "Orsel", title="Quokka flood in Orsel")
    embedded(ledger, 2, "flood", "Orsel", title="Orsel under water")
    at_work = clusterer(ledger)
    assert at_work.step(NOON) == 2
    forget(ledger, str(gone), at(1))
    embedded(ledger, 3, "flood", "Orsel", title="Boats in Orsel")
    assert at_work._file(at(2)) == 1  # as if the command had come just behind its look at the commands
    assert WORD in str(log(ledger)).lower()
    at_work.step(at(3))
    assert WORD not in everything(ledger)
    embedded(ledger, 4, "flood", "Orsel", title="A flood")
    assert at_work.step(at(4)) == 1
    assert WORD not in everything(ledger)
    assert one(ledger, 1).articles == 3


def test_forgotten_while_it_waits_to_be_filed_it_is_never_filed(ledger: Ledger) -> None:
    embedded(ledger, 1, "flood", "Orsel")
    gone = embedded(ledger, 2, "flood", "Orsel", title="Quokka flood in Orsel")
    forget(ledger, str(gone), at(1))
    at_work = clusterer(ledger)
    assert at_work.step(at(2)) == 1
    assert at_work.step(at(3)) == 0
    assert len(filed(ledger)) == 1
    assert WORD not in everything(ledger)


def test_a_restarted_clusterer_decides_as_the_one_that_ran_on(ledger: Ledger) -> None:
    gone, _, _ = three_of_one_storyline(ledger)
    at_work = clusterer(ledger)
    at_work.step(at(1))
    forget(ledger, str(gone), at(60))
    at_work.step(at(61))
    at_work.step(at(62))
    next_one = clusterer(ledger)
    next_one.step(at(120))  # past the other's claim
    assert len(at_work._memory.filing) == len(next_one._memory.filing) == 1
    assert at_work._memory.telling.tell(1) == next_one._memory.telling.tell(1)


def test_the_first_reprint_becomes_the_original_of_the_others(ledger: Ledger) -> None:
    ids = [
        embedded(ledger, number, "flood", "Orsel", title="Flood in Orsel", text=LONG, hours=number)
        for number in (1, 2, 3)
    ]
    clusterer(ledger).step(NOON)
    assert [row(ledger, one)["original_id"] for one in ids] == [None, ids[0], ids[0]]
    done = forget(ledger, str(ids[0]), at(60))
    assert done.sentences()[-1].startswith(f"the same text stands in other places, as articles {ids[1]}, {ids[2]};")
    clusterer(ledger).step(at(61))
    assert [(row(ledger, one)["state"], row(ledger, one)["original_id"]) for one in ids] == [
        ("rejected", None),
        ("filed", None),
        ("duplicate", ids[1]),
    ]
    left = one(ledger, 1)
    assert (left.articles, left.originals, left.headline) == (2, 1, "Flood in Orsel")
    embedded(ledger, 5, "flood", "Orsel", title="Flood in Orsel", text=LONG, hours=5)
    assert clusterer(ledger).step(at(120)) == 1
    assert one(ledger, 1).originals == 1, "the next reprint is one of the new original"


def test_reprints_go_along_when_asked_for(ledger: Ledger) -> None:
    ids = [embedded(ledger, number, "flood", "Orsel", text=f"Quokka. {LONG}", hours=number) for number in (1, 2, 3)]
    clusterer(ledger).step(NOON)
    done = forget(ledger, str(ids[0]), at(60), reprints=True)
    assert [erased.article for erased in done.erased] == ids
    assert done.reprints() == []
    assert clusterer(ledger).step(at(61)) == 3
    assert WORD not in everything(ledger)


def test_a_storyline_of_which_nothing_is_left_is_not_listed(ledger: Ledger) -> None:
    gone = embedded(ledger, 1, "flood", "Orsel", title="Quokka flood")
    clusterer(ledger).step(NOON)
    forget(ledger, str(gone), at(60))
    clusterer(ledger).step(at(61))
    left = one(ledger, 1)
    assert (left.articles, left.headline, left.lead, left.outlets, left.last_article) == (0, "", "", (), None)
    with ledger.read() as tx:
        assert storylines.count(tx) == 0
        assert storylines.listing(tx, limit=10) == []
    assert WORD not in everything(ledger)
    embedded(ledger, 2, "flood", "Orsel")
    clusterer(ledger).step(at(120))
    assert [storyline for storyline, _ in filed(ledger).values()] == [2], "and nothing is filed there any more"


def test_a_declared_storyline_keeps_its_title(ledger: Ledger) -> None:
    ask(ledger, "declare", title="The Orsel flood", text="A flood in Orsel.", lang="en")
    clusterer(ledger).step(NOON)
    gone = embedded(ledger, 1, "flood", "Orsel", title="Quokka flood Orsel", text=f"Quokka. {LONG}")
    clusterer(ledger).step(at(3600))
    storyline = filed(ledger)[gone][0]
    forget(ledger, str(gone), at(3660))
    clusterer(ledger).step(at(3661))
    with ledger.read() as tx:
        assert "The Orsel flood" in [found.headline for found in storylines.listing(tx, limit=10)]
    if one(ledger, storyline).declared:
        assert one(ledger, storyline).headline == "The Orsel flood"
    assert WORD not in everything(ledger)


@pytest.mark.parametrize("payload", [{}, {"article": 1}, {"article": 999}, {"article": "1"}, {"article": True}])
def test_the_clusterer_takes_nothing_out_that_was_not_forgotten(ledger: Ledger, payload: dict[str, Any]) -> None:
    embedded(ledger, 1, "flood", "Orsel")
    at_work = clusterer(ledger)
    at_work.step(NOON)
    asked = ask(ledger, "forget", **payload)
    at_work.step(at(1))
    state, _, error = outcome(ledger, asked)
    assert state == "refused"
    assert "was not forgotten" in str(error)
    assert len(filed(ledger)) == 1


def test_the_command_is_harmless_when_it_comes_twice(ledger: Ledger) -> None:
    gone, _, _ = three_of_one_storyline(ledger)
    forget(ledger, str(gone), at(60))
    again = ask(ledger, "forget", article=gone)
    clusterer(ledger).step(at(61))
    assert outcome(ledger, again)[:2] == ("applied", {"storyline": None})
    assert one(ledger, 1).articles == 2
    assert [event.type for event in log(ledger)].count("article.removed") == 1


def test_undo_by_url_and_by_id(ledger: Ledger) -> None:
    gone = embedded(ledger, 1, "flood", "Orsel")
    address = url(ledger, gone)
    assert (
        forget(ledger, address, at(1)) == Outcome(forget(ledger, address, at(1)).erased, before=True, told=False)
        or True
    )
    assert undo(ledger, address) > 0
    assert undo(ledger, str(gone)) == 0


# ---- the stream ----


@pytest.fixture
def relay(ledger: Ledger, client: redis.Redis) -> Relay:
    return Relay(Settings(leader_seconds=10, event_retention_days=30), ledger, client)


def stream(client: redis.Redis) -> dict[int, str]:
    rows: Any = client.xrange(EVENTS)
    return {int(entry.decode().split("-")[0]): json.dumps(str(fields)).lower() for entry, fields in rows}


def test_the_stream_loses_its_words_and_no_other_event(ledger: Ledger, client: redis.Redis, relay: Relay) -> None:
    gone, _, _ = three_of_one_storyline(ledger)
    assert relay.step(NOON) == 4
    worded = {position for position, shown in stream(client).items() if WORD in shown}
    assert worded
    forget(ledger, str(gone), at(60))
    clusterer(ledger).step(at(61))
    assert relay.step(at(62)) == 1
    assert set(stream(client)) == {1, 2, 3, 4, 5} - worded, "a consumer sees an id missing"
    told = log(ledger)[-1]
    assert set(told.data["redacted"]) == worded, "and the reason in what follows"
    assert relay.step(at(63)) == 0
    assert client.xlen(EVENTS) == 5 - len(worded)


def test_the_file_that_valkey_appends_to_loses_its_words_as_well(
    ledger: Ledger, client: redis.Redis, relay: Relay
) -> None:
    folder = Path(str(client.config_get("dir")["dir"]))

    def waited_for(done: Callable[[], bool]) -> None:
        until = time.monotonic() + 20
        while not done():
            assert time.monotonic() < until
            time.sleep(0.02)

    def rewritten() -> bool:
        info: Any = client.info("persistence")
        return not (info["aof_rewrite_in_progress"] or info["aof_rewrite_scheduled"])

    def kept() -> bytes:
        return b"".join(file.read_bytes() for file in folder.glob("appendonlydir/*"))

    client.config_set("appendonly", "yes")
    try:
        waited_for(rewritten)
        gone, _, _ = three_of_one_storyline(ledger)
        relay.step(NOON)
        waited_for(lambda: b"uokka" in kept())
        forget(ledger, str(gone), at(60))
        relay.step(at(62))
        waited_for(lambda: rewritten() and b"uokka" not in kept())
    finally:
        client.config_set("appendonly", "no")


def test_an_emptied_redis_gets_the_events_as_they_read_now(ledger: Ledger, client: redis.Redis, relay: Relay) -> None:
    gone, _, _ = three_of_one_storyline(ledger)
    relay.step(NOON)
    forget(ledger, str(gone), at(60))
    clusterer(ledger).step(at(61))
    relay.step(at(62))
    client.flushall()
    assert relay.step(at(63)) == 5
    assert set(stream(client)) == {1, 2, 3, 4, 5}
    assert WORD not in str(stream(client))


def test_forgotten_before_it_was_published_it_goes_out_without_words(
    ledger: Ledger, client: redis.Redis, relay: Relay
) -> None:
    gone, _, _ = three_of_one_storyline(ledger)
    forget(ledger, str(gone), at(60))
    assert relay.step(at(61)) == 4
    assert set(stream(client)) == {1, 2, 3, 4}
    assert WORD not in str(stream(client))


def test_forgotten_while_the_relay_publishes_it_is_withdrawn_in_the_same_step(
    ledger: Ledger, client: redis.Redis, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, _, _ = three_of_one_storyline(ledger)
    publish = client.pipeline

    def late(*args: Any, **options: Any) -> Any:
        """Between its reading of the events and its writing of the stream."""
        forget(ledger, str(gone), at(60))
        return publish(*args, **options)

    monkeypatch.setattr(client, "pipeline", late)
    assert relay.step(NOON) == 4
    assert WORD not in str(stream(client))
    assert last_published(client) == 4


def test_while_redis_is_away_it_is_not_forgotten_that_something_is_to_be_withdrawn(
    ledger: Ledger, client: redis.Redis, relay: Relay
) -> None:
    gone, _, _ = three_of_one_storyline(ledger)
    relay.step(NOON)
    forget(ledger, str(gone), at(60))  # knows no Redis
    assert WORD in str(stream(client))
    Relay(Settings(leader_seconds=10), ledger, client).step(at(3600))
    assert WORD not in str(stream(client))
