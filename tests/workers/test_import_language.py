"""An imported text of which no language is said gets the one it is written in."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import select

from pipeline.ledger import Ledger
from pipeline.ledger.schema import articles
from workers.evaluate import import_file

GERMAN = "Die Koalition in Stadtland ist am Montag zerbrochen, wie die Parteien nach langen Verhandlungen mitteilten."
ENGLISH = "The parliament of Marven voted down the fishing quota bill by 61 to 58, and the minister offered to resign."


def test_it_is_detected_only_where_it_is_not_said(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    rows = [
        {"id": "1", "title": "Ministerpräsident tritt zurück", "text": GERMAN},
        {"id": "2", "title": "Marven votes", "text": ENGLISH, "lang": None},
        {"id": "3", "title": "Marven votes again", "text": ENGLISH, "lang": "sv"},
        {"id": "4", "title": "0:0", "text": ""},
    ]
    path = tmp_path / "articles.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    assert import_file(sqlite_ledger, path) == (4, 0)
    with sqlite_ledger.read() as tx:
        said = tx.execute(select(articles.c.external_id, articles.c.lang).order_by(articles.c.id)).all()
    assert [tuple(row) for row in said] == [("1", "de"), ("2", "en"), ("3", "sv"), ("4", None)]
