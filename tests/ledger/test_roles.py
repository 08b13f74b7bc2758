"""One owner at a time, and a token by which a former one is kept from writing."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.errors import FencedError, LedgerError
from pipeline.ledger import Ledger, connect, feeds, roles
from pipeline.ledger.roles import Claim
from pipeline.ledger.schema import roles as role_rows
from tests import servers
from tests.ledger.making import at, feed

ROLE, SECONDS = "clusterer", 10.0


def claim(ledger: Ledger, owner: str, seconds: float) -> Claim | None:
    with ledger.write() as tx:
        return roles.take(tx, ROLE, owner, at(seconds), SECONDS)


def take(ledger: Ledger, owner: str, seconds: float) -> int | None:
    """The token of a claim."""
    made = claim(ledger, owner, seconds)
    return None if made is None else made.token


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
        assert roles.take(tx, "relay", "second", at(0), SECONDS) is not None


def test_a_released_role_is_free_at_once(ledger: Ledger) -> None:
    take(ledger, "first", 0)
    with ledger.write() as tx:
        roles.release(tx, ROLE, "second", at(1))  # not its own
    assert take(ledger, "second", 1) is None
    with ledger.write() as tx:
        roles.release(tx, ROLE, "first", at(1))
    assert take(ledger, "second", 1) == 2


def test_what_a_former_owner_writes_is_not_written(ledger: Ledger) -> None:
    held = claim(ledger, "first", 0)
    assert held is not None

    def write() -> None:
        with ledger.write() as tx:
            feed(tx)
            roles.guard(tx, ROLE, held)

    take(ledger, "second", 20)
    with pytest.raises(FencedError, match=r"another clusterer took over \(its token is 2, this one's is 1\)"):
        write()
    with ledger.read() as tx:
        assert feeds.every(tx) == []


def test_an_owner_whose_claim_ran_out_may_write_as_long_as_nobody_took_over(ledger: Ledger) -> None:
    held = claim(ledger, "first", 0)
    assert held is not None
    with ledger.write() as tx:
        roles.guard(tx, ROLE, held)


def test_nobody_has_a_role_that_was_never_taken(ledger: Ledger) -> None:
    with pytest.raises(FencedError, match="does not have the role"), ledger.write() as tx:
        roles.guard(tx, "relay", None)
    held = claim(ledger, "first", 0)
    with pytest.raises(FencedError), ledger.write() as tx:
        roles.guard(tx, "relay", held)


def test_a_ledger_that_forgot_who_took_over_gives_the_same_token_to_another_one_only(ledger: Ledger) -> None:
    """As after a fail-over to a server that lacks the last transactions: the token that comes next was given before."""
    held = claim(ledger, "first", 0)
    with ledger.write() as tx:
        tx.execute(role_rows.delete())
    again = claim(ledger, "second", 1)
    assert held is not None
    assert again is not None
    assert held.token == again.token
    with pytest.raises(FencedError), ledger.write() as tx:
        roles.guard(tx, ROLE, held)
    with ledger.write() as tx:
        roles.guard(tx, ROLE, again)


def test_a_claim_does_not_outlast_the_server_that_gave_it() -> None:
    with tempfile.TemporaryDirectory(prefix="slugline-pg-", ignore_cleanup_errors=True) as folder:
        made = servers.postgres(Path(folder))
        assert made is not None
        postgres, server = made
        with servers.running(server), closing(connect(postgres.url("postgres"))) as ledger:
            role_rows.create(ledger.engine)
            held = claim(ledger, "first", 0)
            with ledger.write() as tx:
                roles.guard(tx, ROLE, held)
            server.end()
            server.start()
            with pytest.raises(FencedError, match="started anew"):
                guard_soon(ledger, held)
            again = claim(ledger, "first", 1)
            assert again is not None
            assert held is not None
            assert (again.token, again == held) == (held.token, False)


def guard_soon(ledger: Ledger, held: Claim | None) -> None:
    """Connections to the server that ended are found dead one by one."""
    for _ in range(20):
        try:
            with ledger.write() as tx:
                roles.guard(tx, ROLE, held)
        except FencedError:
            raise
        except LedgerError:
            continue
