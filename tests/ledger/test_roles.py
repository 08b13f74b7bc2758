"""One owner at a time, and a token by which a former one is kept from writing."""

from __future__ import annotations

import pytest

from pipeline.errors import FencedError
from pipeline.ledger import Ledger, feeds, roles
from tests.ledger.making import at, feed

ROLE, SECONDS = "clusterer", 10.0


def take(ledger: Ledger, owner: str, seconds: float) -> int | None:
    with ledger.write() as tx:
        return roles.take(tx, ROLE, owner, at(seconds), SECONDS)


def test_one_owner_until_its_claim_runs_out(ledger: Ledger) -> None:
    assert take(ledger, "first", 0) == 1
    assert take(ledger, "second", 9.9) is None
    assert take(ledger, "second", 10) == 2
    assert take(ledger, "first", 11) is None


def test_renewing_keeps_the_token(ledger: Ledger) -> None:
    assert [take(ledger, "first", moment) for moment in (0, 5, 10, 40)] == [1, 1, 1, 1]
    assert take(ledger, "second", 49) is None


def test_the_token_grows_at_each_change_of_hands(ledger: Ledger) -> None:
    assert [take(ledger, owner, 20.0 * turn) for turn, owner in enumerate(("a", "b", "a", "c"))] == [1, 2, 3, 4]


def test_roles_are_independent(ledger: Ledger) -> None:
    take(ledger, "first", 0)
    with ledger.write() as tx:
        assert roles.take(tx, "relay", "second", at(0), SECONDS) == 1


def test_a_released_role_is_free_at_once(ledger: Ledger) -> None:
    take(ledger, "first", 0)
    with ledger.write() as tx:
        roles.release(tx, ROLE, "second", at(1))  # not its own
    assert take(ledger, "second", 1) is None
    with ledger.write() as tx:
        roles.release(tx, ROLE, "first", at(1))
    assert take(ledger, "second", 1) == 2


def test_what_a_former_owner_writes_is_not_written(ledger: Ledger) -> None:
    token = take(ledger, "first", 0)
    assert token is not None

    def write() -> None:
        with ledger.write() as tx:
            feed(tx)
            roles.guard(tx, ROLE, token)

    take(ledger, "second", 20)
    with pytest.raises(FencedError, match=r"another clusterer took over \(its token is 2, this one's is 1\)"):
        write()
    with ledger.read() as tx:
        assert feeds.every(tx) == []


def test_an_owner_whose_claim_ran_out_may_write_as_long_as_nobody_took_over(ledger: Ledger) -> None:
    token = take(ledger, "first", 0)
    assert token is not None
    with ledger.write() as tx:
        roles.guard(tx, ROLE, token)


def test_nobody_has_a_role_that_was_never_taken(ledger: Ledger) -> None:
    with pytest.raises(FencedError), ledger.write() as tx:
        roles.guard(tx, "relay", 1)
