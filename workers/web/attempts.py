"""Wrong credentials, counted for each address that sends them, so that nobody tries tokens by the thousand."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict

MOST = 20  # wrong ones of one address in a minute; a program with an old token is told so that often
SECONDS = 60.0
ADDRESSES = 10_000  # remembered; beyond, the one that was wrong longest ago is forgotten


class Attempts:
    """Times are seconds of any clock that only goes on. Of IPv6 a whole /64 counts as one address, since whoever has
    one has them all; all who come through one proxy are one address too."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, tuple[float, int]] = OrderedDict()
        """When the minute of an address began, and how often it was wrong since."""

    def __len__(self) -> int:
        return len(self._wrong)

    def wait(self, address: str, now: float) -> int:
        """Seconds until what this address sends is looked at again; 0: it is."""
        began, count = self._wrong.get(_network(address), (now, 0))
        left = began + SECONDS - now
        return math.ceil(left) if count >= MOST and left > 0 else 0

    def wrong(self, address: str, now: float) -> None:
        """Take note of wrong credentials."""
        network = _network(address)
        began, count = self._wrong.pop(network, (now, 0))
        self._wrong[network] = (began, count + 1) if now < began + SECONDS else (now, 1)
        if len(self._wrong) > ADDRESSES:
            self._wrong.popitem(last=False)


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
