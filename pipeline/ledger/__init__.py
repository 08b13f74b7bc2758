"""The ledger: a SQL database that is the truth about feeds, articles, storylines and events.

`open_ledger` gives a `Ledger`; `Ledger.read()` and `Ledger.write()` give a connection inside a transaction, and the
modules beside this one (`feeds`, `articles`, `storylines`, `events`, `hosts`, `roles`) hold the statements, as
functions over that connection, so that several of them can share one transaction.
"""

from pipeline.ledger import alert_schema, sinktables  # noqa: F401 - their tables belong to the schema everywhere
from pipeline.ledger.engine import Ledger, connect, open_ledger

__all__ = ["Ledger", "connect", "open_ledger"]
