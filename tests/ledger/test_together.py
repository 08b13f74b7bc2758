"""Many writers at once: none is refused, none loses what it wrote, and nobody gets what another one has."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

from pipeline.ledger import Ledger, articles, connect, events, feeds, hosts, polls, roles, work
from pipeline.records import ArticleState
from tests.ledger.making import LEASE, START, at, count, entry, feed, processes, queued

WRITERS = 4
ROUNDS = 12


def _record(url: str, number: int) -> tuple[int, int]:
    """A poller: each of its feeds' documents names pages of its own and pages that all the others name too."""
    ledger = connect(url)
    made = sightings = 0
    for turn in range(ROUNDS):
        entries = [entry(f"https://shared.example/{turn}/{page}") for page in range(3)]
        entries += [entry(f"https://paper-{number}.example/{turn}")]
        if number % 2:
            entries.reverse()
        with ledger.write() as tx:
            recorded = articles.record_entries(tx, entries, START, feed_id=number)
        made, sightings = made + recorded.articles, sightings + recorded.sightings
    ledger.close()
    return made, sightings


def test_processes_that_record_the_same_pages_make_one_article_of_each(ledger_url: str, ledger: Ledger) -> None:
    with ledger.write() as tx:
        ids = [feed(tx, f"https://paper-{number}.example/feed") for number in range(WRITERS)]
    with ProcessPoolExecutor(WRITERS, mp_context=processes()) as pool:
        done = list(pool.map(_record, [ledger_url] * WRITERS, ids, timeout=120))
    assert count(ledger) == sum(made for made, _ in done) == ROUNDS * (3 + WRITERS)
    assert sum(sightings for _, sightings in done) == ROUNDS * 3 * (WRITERS - 1)


def _claim(url: str, owner: str, ids: list[int]) -> list[int]:
    """A worker that goes for every job, booking hosts as it does."""
    ledger = connect(url)
    taken = []
    for article_id in ids:
        with ledger.write() as tx:
            for claim in work.claim(tx, ids, ArticleState.QUEUED, f"job-{article_id}", owner, START, LEASE):
                hosts.reserve_request(tx, claim.host_key, START, 1.0, 1000.0)
                hosts.reserve_request(tx, "shared.example", START, 1.0, 1000.0)
                taken.append(claim.id)
    ledger.close()
    return taken


def test_workers_that_want_the_same_articles_share_them_out(ledger_url: str, ledger: Ledger) -> None:
    ids = queued(ledger, *(f"https://paper.example/{number}" for number in range(24)))
    with ledger.write() as tx:
        hosts.ensure(tx, ["shared.example"], START)
        for article_id in ids:
            work.hand_out(tx, [article_id], f"job-{article_id}", at(20))
    names = [f"worker-{number}" for number in range(WRITERS)]
    with ProcessPoolExecutor(WRITERS, mp_context=processes()) as pool:
        taken = list(pool.map(_claim, [ledger_url] * WRITERS, names, [ids] * WRITERS, timeout=120))
    assert sorted(article for part in taken for article in part) == ids
    with ledger.write() as tx:  # one second for each request that was booked, and none was booked twice
        assert hosts.reserve_request(tx, "shared.example", START, 1.0, 1000.0) == 24.0
        assert hosts.reserve_request(tx, "paper.example", START, 1.0, 1000.0) == 24.0


def test_dispatchers_at_the_same_time_hand_out_each_host_once(ledger: Ledger) -> None:
    queued(ledger, *(f"https://host-{host}.example/{number}" for number in range(6) for host in range(8)))

    def hand_out(number: int) -> list[tuple[int, str]]:
        with ledger.write() as tx:
            due = work.due_for_fetch(tx, START, 5)
            hosts.reserve_handout(tx, [key for _, key in due], at(1))
            work.hand_out(tx, [article for article, _ in due], f"job-{number}", at(20))
        return due

    with ThreadPoolExecutor(WRITERS) as pool:
        given = [one for part in pool.map(hand_out, range(WRITERS), timeout=60) for one in part]
    keys = [key for _, key in given]
    assert len(keys) == len(set(keys)) == 8


def test_threads_share_a_ledger(ledger: Ledger) -> None:
    def write(number: int) -> None:
        for turn in range(ROUNDS):
            with ledger.write() as tx:
                feeds.add(tx, f"https://paper.example/{number}/{turn}", START)
            with ledger.read() as tx:
                assert feeds.find(tx, f"https://paper.example/{number}/{turn}") is not None

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8), timeout=60))
    with ledger.read() as tx:
        assert len(feeds.every(tx)) == 8 * ROUNDS


def test_pollers_at_the_same_time_ask_no_feed_twice(ledger: Ledger) -> None:
    with ledger.write() as tx:
        ids = [feed(tx, f"https://paper-{number}.example/feed") for number in range(20)]

    def claim(number: int) -> list[int]:
        taken = []
        for _ in range(5):
            with ledger.write() as tx:
                taken += [one.feed.id for one in polls.claim_due(tx, START, f"poller-{number}", 60.0, 3)]
        return taken

    with ThreadPoolExecutor(WRITERS) as pool:
        taken = [one for part in pool.map(claim, range(WRITERS), timeout=60) for one in part]
    assert sorted(taken) == ids


def test_of_many_candidates_one_gets_the_role(ledger: Ledger) -> None:
    def take(number: int) -> roles.Claim | None:
        with ledger.write() as tx:
            return roles.take(tx, "relay", f"relay-{number}", START, 10.0)

    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(take, range(8), timeout=60))
    assert [claim.token for claim in claims if claim is not None] == [1]


def test_relays_that_take_turns_leave_no_gap(ledger: Ledger) -> None:
    def relay(number: int) -> int:
        numbered = 0
        for turn in range(ROUNDS):
            with ledger.write() as tx:
                events.append(tx, "feed.gone", f"feed/{number}", turn + 1, START, {})
            with ledger.write() as tx:
                roles.take(tx, "relay", f"relay-{number}", at(100.0 * turn), 1.0)
                numbered += events.number(tx, 3)
        return numbered

    with ThreadPoolExecutor(WRITERS) as pool:
        numbered = sum(pool.map(relay, range(WRITERS), timeout=60))
    with ledger.write() as tx:
        numbered += events.number(tx, 1000)
        published = events.after(tx, 0, 1000)
    assert numbered == WRITERS * ROUNDS
    assert [event.position for event in published] == list(range(1, numbered + 1))
    for number in range(WRITERS):
        mine = [event.sequence for event in published if event.subject == f"feed/{number}"]
        assert mine == sorted(mine)


def test_a_reader_never_waits_for_a_writer(ledger_url: str, ledger: Ledger) -> None:
    with ledger.write() as tx:
        feed(tx)
        newcomer = connect(ledger_url)  # opens a connection of its own while the other one writes
        for reader in (ledger, newcomer):
            with reader.read() as reading:
                assert feeds.every(reading) == []
        newcomer.close()
        assert polls.claim_due(tx, START, "poller", 60.0, 1) != []
