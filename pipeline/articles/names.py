"""Bylines: who wrote it, from strings that hold roles, addresses, agencies and several people at once."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline.articles.wording import fold, squeeze

MAX_AUTHORS = 20
MAX_NAME_CHARS = 60

_BEFORE = re.compile(
    r"^(?:(?:view all posts|written|reported|posted|published|words|story|text|analysis|opinion)?\s*\bby\b|von|par|por"
    r"|da|di|door|автор|from|author)"
    r"\s*:?\s+",
    re.IGNORECASE,
)
_SPLIT = re.compile(r"\s*(?:;|\||/|•|·|\n|\s&\s|,\s*(?:and|und|et|y|e)\s|\s(?:and|und|et|with)\s|,)\s*", re.IGNORECASE)
_CONTACT = re.compile(r"\S+@\S+|https?://\S+|www\.\S+|@\w+|\([^()]*\)|\[[^\[\]]*\]")
_AFTER = re.compile(
    r"\s+(?:in|for|at|of|from|on|via)\s.*$|\s+[-–—]\s.*$|\s+(?:updated|published|posted)\b.*$|\s*\d.*$", re.IGNORECASE
)
_ROLE = re.compile(
    r"\b(?:editor|correspondent|reporter|writer|journalist|columnist|contributor|producer|photographer|staff|desk|team|"
    r"newsroom|redaktion|redaktor|rédaction|redacción|redação|redazione|admin|administrator|webmaster|guest|editorial|"
    r"senior|chief|freelance|bureau|agencies|md|phd|jr|sr)\b",
    re.IGNORECASE,
)
_NOBODY = frozenset(fold(name) for name in ("unknown", "none", "null", "n/a", "anonymous", "author", "by", "user"))


def authors(values: Iterable[str], *outlets: str) -> tuple[str, ...]:
    """Give the people named in `values`, each once, in order. The outlet itself (`outlets`: the names by which it
    goes) is no author; roles, addresses and "By" are cut off."""
    known_outlets = {folded for outlet in outlets if (folded := fold(outlet))}
    found: dict[str, str] = {}
    for value in values:
        for part in _SPLIT.split(_BEFORE.sub("", _CONTACT.sub(" ", squeeze(value)))):
            name = _AFTER.sub("", _BEFORE.sub("", part)).strip(" .,:-–—*\"'")
            key = fold(name)
            if not key or key in _NOBODY or key in known_outlets or not 2 <= len(name) <= MAX_NAME_CHARS:
                continue
            if name.isascii() and len(name) < 4:  # "Dec" and the like; Chinese names are short
                continue
            if _ROLE.search(name) or len(name.split()) > 6:
                continue
            found.setdefault(key, name.title() if name.isupper() and len(name) > 4 else name)
    return tuple(found.values())[:MAX_AUTHORS]
