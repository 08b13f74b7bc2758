"""The terms of a text are kept with a seal of what they were read from, so that filing never takes those of another
text: they hang on the title, the outlet (whose name is taken off the title) and the URL as well."""

from __future__ import annotations

import hashlib

_SEAL = 8  # bytes: an accident is as likely as not once in four thousand million texts


def seal(features: bytes, *, title: str, text: str, outlet: str, url: str) -> bytes:
    """Features (`storylines.evidence.stored`) as the ledger keeps them."""
    return _digest(title, text, outlet, url) + features


def unseal(kept: bytes | None, *, title: str, text: str, outlet: str, url: str) -> bytes | None:
    """The features again; None where there are none, or where they are those of another text, title, outlet or URL:
    filing reads the text then."""
    if kept is None or kept[:_SEAL] != _digest(title, text, outlet, url):
        return None
    return kept[_SEAL:]


def _digest(*words: str) -> bytes:
    digest = hashlib.blake2b(digest_size=_SEAL)
    for word in words:
        told = word.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(told))
        digest.update(told)
    return digest.digest()
