"""Words as rules compare them: without regard to case and accents, in any script."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Letters that Unicode does not take apart, though readers type them without their mark.
_PLAIN = str.maketrans({"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"})
_VOICED = "\u3099\u309a"  # of kana: another sound, no accent
# Scripts that are written without spaces: each character is a word of its own, so that a term is found as a part.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# Python's \w leaves out the vowel signs of Indian scripts, which would cut words at each of them.
_TOKEN = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[\w\u0900-\u0963\u0966-\u0dff])+")


def fold(text: str) -> str:
    """Text without capitals and accents: "Nicolás ØRSTED" is "nicolas orsted"."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(c for c in parts if c < "\u0300" or not unicodedata.combining(c) or c in _VOICED)
    return unicodedata.normalize("NFC", bare).translate(_PLAIN)


def tokens(text: str) -> list[str]:
    """The folded words of a text, in order."""
    return _TOKEN.findall(fold(text))


@lru_cache(maxsize=4096)
def unspaced(token: str) -> bool:
    """Whether it is a character of a script that is written without spaces."""
    return re.match(f"[{_UNSPACED}]", token) is not None


_CASED = re.compile(r"[^\W\d_][\w\u0900-\u0963\u0966-\u0dff'’-]*|\d[\d.,]*|[^\w\s]|\n")


def name_tokens(text: str) -> list[str]:
    """As `tokens`, for names: words that begin with a small letter, and signs between words, stand as an empty string,
    so that no name reaches across them. Scripts without capitals keep every word."""
    found: list[str] = []
    for word in _CASED.findall(unicodedata.normalize("NFC", text)):
        if word[0].islower() or not word[0].isalnum():
            found.append("")
        else:
            found += tokens(word)
    return found
