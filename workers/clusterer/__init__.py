"""The clusterer: takes embedded articles in order, files each under a storyline, records choice and event at once.

One is active, others stand by. Its state is rebuilt from the ledger, so it may die at any moment: what its last
transaction did not commit is simply filed again by whoever is next. Nothing that a single article or command brings
along may stop the wire: an article that cannot be filed is parked as dead, a command that fails is refused.
"""

from workers.clusterer.loop import ROLE, Clusterer

__all__ = ["ROLE", "Clusterer"]
