"""The poller: takes feeds that are due, asks for them conditionally, records their entries, has them dispatched.

`loop` takes turns and keeps the leases, `ask` makes the request, `read` has the answer read in the sandbox, `record`
writes what came of many polls at once, and `outcome` says what that is. Any number of pollers share the work.
"""

from workers.poller.loop import Poller

__all__ = ["Poller"]
