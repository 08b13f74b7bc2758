"""Taking in articles whose text is already known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from pipeline import urls
from pipeline.ledger import forgotten, hosts, intake
from pipeline.ledger.engine import INTAKE, one_at_a_time
from pipeline.ledger.schema import articles, texts
from pipeline.records import ArticleState


def import_url(row: Mapping[str, Any]) -> str:
    """The URL under which a given text is kept; one that has none gets a name that no page can have."""
    return str(row.get("url") or f"import:{row['id']}")


def import_text(
    tx: Connection, row: Mapping[str, Any], now: datetime, signature: bytes | None, features: bytes | None = None
) -> int | None:
    """Take an article whose text is already known: `id, url, source, lang, published, title, text`.

    It starts as fetched. Returns its id here, or None when the external id or URL is known already or was forgotten.
    """
    external = str(row["id"])
    url = import_url(row)
    url_key = urls.key(url) if urls.is_http(url) else url
    one_at_a_time(tx, INTAKE)
    if tx.execute(select(articles.c.id).where(articles.c.external_id == external)).first():
        return None
    if intake.by_url(tx, [url_key]) or forgotten.known(tx, [url_key, forgotten.import_name(external)]):
        return None
    if urls.is_http(url):
        hosts.ensure(tx, [urls.host_key(url)], now)
    values = {
        "url_key": url_key,
        "url": url,
        "host_key": urls.host_key(url) if urls.is_http(url) else "import",
        "external_id": external,
        "state": ArticleState.FETCHED,
        "due": now,
        "title": row["title"],
        "outlet": row.get("source") or "",
        "lang": row.get("lang"),
        "published": row.get("published"),
        "seen": now,
        "fetched": now,
    }
    (article_id,) = intake.insert(tx, [values]).values()
    text = {"title": row["title"], "signature": signature, "text": row["text"], "features": features, "created": now}
    tx.execute(texts.insert(), {"article_id": article_id, "generation": 1, **text})
    return article_id
