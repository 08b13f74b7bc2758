"""Which lines a host repeats, counted over its articles."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from pipeline.errors import LeaseLostError
from pipeline.ledger import Ledger, lines, retention, work
from pipeline.ledger.schema import host_lines
from tests.ledger.making import at, claimed, page, queued

HOST = "paper.example"


def count(ledger: Ledger, number: int, *found: str, body: str = "", host: str = HOST) -> None:
    with ledger.write() as tx:
        lines.count(tx, host, number, found, body or f"body-{number}", at(number), 3)


def often(ledger: Ledger, *hosts: str) -> dict[str, frozenset[str]]:
    with ledger.read() as tx:
        return lines.often(tx, hosts or (HOST,), 3)


def test_a_line_is_known_once_three_articles_of_its_host_had_it(ledger: Ledger) -> None:
    for number in (1, 2):
        count(ledger, number, "imprint", f"own-{number}")
        count(ledger, number, "imprint", host="other.example")
    assert often(ledger) == {}
    count(ledger, 3, "slogan", "imprint", "imprint")
    count(ledger, 4)
    assert often(ledger, HOST, "other.example", "third.example") == {HOST: frozenset({"imprint"})}


def test_reprints_of_one_text_count_once(ledger: Ledger) -> None:
    for number in range(1, 9):
        count(ledger, number, "paragraph", body="agency")
    assert often(ledger) == {}


def test_old_lines_make_room_and_known_ones_stay(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_RARE", 20)
    monkeypatch.setattr(lines, "TRIM_EVERY", 2)
    for number in range(1, 161):
        count(ledger, number, f"a-{number}", f"b-{number}", *(["imprint"] if number < 5 else []))
    with ledger.read() as tx:
        kept = set(tx.execute(select(host_lines.c.line)).scalars())
    assert "imprint" in kept
    assert {"a-160", "b-155"} < kept
    assert len(kept) < 1 + 20 + 40, "twenty, and what came since the last time that there was room to be made"
    assert often(ledger) == {HOST: frozenset({"imprint"})}


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_lines_that_no_article_has_any_more_go_whatever_their_host(ledger: Ledger, rows: int) -> None:
    for number in range(4):
        count(ledger, number, "slogan", f"own-{number}", host=f"h{number % 2}.example")
    count(ledger, 10, "slogan", host="h1.example")
    gone, behind = 0, ("", "")
    for _ in range(20):
        with ledger.write() as tx:
            old, last = retention.unprinted(tx, behind, at(4), rows)
            gone += retention.retire_lines(tx, old, at(4))
        if last is None:
            break
        behind = last
    else:
        raise AssertionError("a round does not end")
    assert gone == 5
    with ledger.read() as tx:
        left = tx.execute(select(host_lines.c.host_key, host_lines.c.line, host_lines.c.articles)).all()
    assert [tuple(row) for row in left] == [("h1.example", "slogan", 3)]


def test_a_line_that_was_seen_again_meanwhile_stays(ledger: Ledger) -> None:
    count(ledger, 1, "slogan")
    with ledger.read() as tx:
        old, _ = retention.unprinted(tx, ("", ""), at(2), 10)
    count(ledger, 5, "slogan")
    with ledger.write() as tx:
        assert retention.retire_lines(tx, old, at(2)) == 0
    assert old == [(HOST, "slogan")]


def test_an_ending_that_comes_too_late_counts_nothing(ledger: Ledger) -> None:
    (article_id,) = queued(ledger, "https://paper.example/one")
    (mine,) = claimed(ledger, article_id)

    def finish() -> None:
        with ledger.write() as tx:
            lines.count(tx, HOST, article_id, ["imprint"], "body", at(1), 3)
            work.finish_fetch(tx, mine, page(), None, at(1))

    finish()
    with pytest.raises(LeaseLostError):
        finish()
    with ledger.read() as tx:
        assert tx.execute(select(func.sum(host_lines.c.articles))).scalar_one() == 1
