"""Where sentences end, in any script.

Own rules, since nothing at hand fits hostile text: sentencex (1.0.32) panics where a no-break space stands before an
initial, and pysbd (0.3.4) takes a hundred times as long. A sentence too many is worse than one too few: what may be an
abbreviation ends nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_CLOSERS = "\"'”’»)\\]」』】》"
# Points; and the full stops of Chinese, Japanese, the scripts of India, Arabic, Urdu, Armenian, Amharic, Burmese and
# Khmer, which end a sentence with no blank behind them. French puts a blank before its closing quotes.
_CLOSED = rf"(?:[{_CLOSERS}]|\s»)*"
_END = re.compile(rf"(?P<western>[.!?…]+){_CLOSED}(?=\s|$)|[。！？｡।॥؟۔։።။៕]+{_CLOSED}")
_LAST_WORD = re.compile(r"[^\s\"'“”‘’«»()\[\]]+$")
_OPENERS = "\"'“”‘’«»„(["
_ABBREVIATIONS = frozenset(
    """mr mrs ms dr prof st sr sra jr gen col lt sgt capt cpl maj adm cmdr gov sen rep hon rev pres supt det vs etc
    inc ltd co corp bros dept est approx ca cf vol pp eds jan feb mar apr jun jul aug sep sept oct nov dec tue
    tues wed thu thur thurs fri ave blvd rd ft sq calif fla ga ind kan ky md mich minn mont neb nev okla pa penn
    tenn tex va vt wis ariz ala ark colo conn hr bzw usw ggf inkl mio mrd nr str tel evtl sog vgl ders bspw mme
    mmes mlle mm env dª dña ud uds ee uu avda pág núm dic ene abr ago sig sigg dott avv ing dhr mw drs ir mevr tp
    ths ts gs bs डॉ श्री""".split()
)
_BEFORE_NUMBERS = frozenset(("no", "nos", "art", "fig", "abs", "op", "ed", "p"))  # words, but for "No. 5"
# Where a number with a point is an ordinal ("3. Dezember").
_ORDINALS = frozenset(("de", "da", "no", "nb", "nn", "fi", "cs", "sk", "hu", "pl", "hr", "sl", "sr", "et", "lv", "is"))


def split(paragraph: str, lang: str) -> Iterator[str]:
    """The sentences of one line of text, with blanks made one. `lang` is a short code, or empty.

    Linear in the length of the text, whatever it holds.
    """
    text = " ".join(paragraph.split())
    start = 0
    for end in _END.finditer(text):
        if end["western"] and not _ends(text, start, end, lang):
            continue
        if sentence := text[start : end.end()].strip():
            yield sentence
        start = end.end()
    if sentence := text[start:].strip():
        yield sentence


def _ends(text: str, start: int, end: re.Match[str], lang: str) -> bool:
    """Whether a sentence ends at this sign, which a blank follows."""
    following = text[end.end() : end.end() + 4].lstrip(" " + _OPENERS)[:1]
    if following.islower():
        return False
    if end["western"] != ".":
        return True
    before = _LAST_WORD.search(text, max(start, end.start() - 40), end.start())
    word = before.group() if before else ""
    if word.isdigit():
        return len(word) > 2 or lang not in _ORDINALS
    initial = len(word) == 1 and word.isalpha()
    if following.isdigit() and word.casefold() in _BEFORE_NUMBERS:
        return False
    return not (initial or "." in word or word.casefold() in _ABBREVIATIONS)
