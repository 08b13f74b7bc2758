"""The guarded client: whatever Slugline asks of the world goes through it.

Addresses are checked where they are dialled, sizes are counted after decompression, and every request has an end.
"""

from __future__ import annotations

from pipeline.http.client import Client, Response, Validators
from pipeline.http.guard import Guard
from pipeline.http.status import classify, retry_after

__all__ = ["Client", "Guard", "Response", "Validators", "classify", "retry_after"]
