"""What an outlet hangs on its titles, and the title without it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_PIPE = re.compile(r"\s*[|｜]\s*")
_DASH = re.compile(r"\s+(?:-|–|—|::|•|·)\s+")
_WIRE_PREFIX = re.compile(r"^(?:UPDATE|WRAPUP|RPT|CORRECTED|REFILE|RECAP)(?:\s*\d+)?\s*[-–—:]\s*(?=\S)", re.IGNORECASE)
_PLAIN = re.compile(r"[\W_]+")
# Agencies whose names end titles at outlets that are not they.
_AGENCIES = frozenset({"reuters", "ap", "apnews", "associatedpress", "theassociatedpress", "afp", "dpa", "efe", "ansa"})
_MOST_SUFFIX_WORDS = 5


def strip_outlet(title: str, *, outlet: str = "", url: str = "") -> str:
    """Return the title without the outlet's name at its end and without an agency's "UPDATE 2-" before it.

    " | Name" goes whatever it says, if it is short: no headline is written with a pipe. " - Name" goes only when it is
    the outlet, its host or a news agency, since "Maduro - the call" is one headline. A title never becomes empty.
    """
    kept = " ".join(title.split())
    parts = [part for part in _PIPE.split(kept) if part]
    while len(parts) > 1 and len(parts[-1].split()) <= _MOST_SUFFIX_WORDS:
        parts.pop()
    kept = " | ".join(parts)
    breaks = list(_DASH.finditer(kept))
    if breaks and _is_outlet(kept[breaks[-1].end() :], outlet, url):
        kept = kept[: breaks[-1].start()].rstrip() or kept
    return _WIRE_PREFIX.sub("", kept)


def _is_outlet(text: str, outlet: str, url: str) -> bool:
    name = _plain(text)
    if not name or len(text.split()) > _MOST_SUFFIX_WORDS:
        return False
    if name in _AGENCIES:
        return True
    known = [_plain(outlet)]
    host = _host(url)
    known += [_plain(label) for label in host.split(".")[:-1] if label != "www"] + [_plain(host.removeprefix("www."))]
    return any(label and (name in (label, "the" + label) or label == "the" + name) for label in known)


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "") if "//" in url else ""
    except ValueError:  # "http://[x" is in feeds, and names nobody
        return ""


def _plain(text: str) -> str:
    return _PLAIN.sub("", text).casefold()
