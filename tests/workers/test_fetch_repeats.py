"""Lines that a host prints around each article go once three of its articles had them; those of another host stay."""

from __future__ import annotations

from sqlalchemy import func, select

from pipeline.ledger import Ledger
from pipeline.ledger.schema import host_lines
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from tests.workers.fetching import run, take_in, text_of
from tests.workers.site import Answer, Site
from workers.fetch import Batch

SETTINGS = Settings(allow_networks=("127.0.0.0/8",), request_seconds=10, host_spacing_seconds=0)
PLACES = ("Orsel", "Redmire", "Hallow Bay", "Cala Verrin", "Dunmouth")
IMPRINT = "The Bridge Gazette is set by hand and sold at the ferry. Issue {}."


def page(number: int, place: str) -> str:
    told = "".join(
        f"<p>{who} of {place} said that the council had voted on Monday to close the bridge until spring, and that the "
        f"repairs would cost {place} nine million crowns.</p>"
        for who in ("The mayor", "An engineer", "A shopkeeper")
    )
    return (
        f"<html lang=en><title>{place} closes its old bridge</title><body><article>"
        f"<h1>{place} closes its old bridge</h1>{told}<p>{IMPRINT.format(number)}</p></article></body></html>"
    )


def test_lines_around_the_articles_of_a_host(ledger: Ledger, site: Site, sandbox: Sandbox) -> None:
    site.pages |= {f"/{number}": Answer(page(number, place)) for number, place in enumerate(PLACES)}
    ids = take_in(ledger, *(site.url(f"/{number}") for number in range(len(PLACES))))
    for number, article in enumerate(ids):
        assert run(SETTINGS, ledger, sandbox, [article], f"fetch-{number}") == {"fetched": 1}
        assert Batch(SETTINGS, ledger, sandbox, f"fetch-{number}").run([article]) == {}, "a job that is run again"
    texts = [text_of(ledger, article) for article in ids]
    assert [IMPRINT.format(number) in text for number, text in enumerate(texts)] == [True, True, True, False, False]
    assert all(text.startswith(f"The mayor of {place} said") for text, place in zip(texts, PLACES, strict=True))
    assert all("A shopkeeper of" in text for text in texts)
    with ledger.read() as tx:
        assert tx.execute(select(func.max(host_lines.c.articles))).scalar_one() == 3


def test_the_reprints_of_one_text_keep_it(ledger: Ledger, site: Site, sandbox: Sandbox) -> None:
    copies = {f"/copy-{number}": page(7, "Orsel").replace("<title>", f"<title>{number}: ") for number in range(5)}
    site.pages |= {path: Answer(text) for path, text in copies.items()}
    ids = take_in(ledger, *(site.url(path) for path in copies))
    for number, article in enumerate(ids):
        run(SETTINGS, ledger, sandbox, [article], f"fetch-{number}")
    assert len({text_of(ledger, article) for article in ids}) == 1
