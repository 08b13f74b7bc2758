"""The archive filed anew beside the live state, with other settings, and what that would change.

The articles of a time go once more, in the order in which they were filed, through the clusterer that files live ones,
by way of a temporary ledger. Of the live ledger this only reads, in short transactions.
"""

from workers.replay.choices import Choice, choices, chosen
from workers.replay.run import replay

__all__ = ["Choice", "choices", "chosen", "replay"]
