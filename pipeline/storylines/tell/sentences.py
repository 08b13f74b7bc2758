"""Sentences of an article's text, and which of them say something."""

from __future__ import annotations

import re
from itertools import islice

from pipeline.storylines.evidence import plain_tokens
from pipeline.storylines.tell import splitting
from pipeline.storylines.tell.when import language

MOST_CHARS = 8_000
"""Of a text that are looked at: fifteen sentences lie within."""
_LEAST_WORDS, _MOST_WORDS = 6, 70
_LEAST_UNSPACED, _MOST_CHARS_OF_ONE = 12, 600
_SMALL_SHARE = 0.4  # of words that begin with a small letter; lists of headlines and of names have fewer
_SIGNS_SHARE = 0.25  # of characters that are digits or signs; tables, scores and code have more

_LISTED = re.compile(r"\s\d{1,2}\.$")  # the number of the next item of a list
_SIGNS = re.compile(r"[!-@\[-`{-~…“”„«»–—]")
_ENDS = re.compile(r"[.!?…。！？｡।॥؟۔።][\"'”’»)\]」』】]*$")
_AGENCY = (
    r"(?:reuters|ap|afp|dpa|efe|ansa|upi|cnn|cbs(?: news)?|bloomberg|ians|pti|xinhua|tass|lusa|kyodo|yonhap"
    r"|agência brasil|europa press)"
)
# "CARACAS, Dec 1 (Reuters) - ", "(CBS News) ", "-- "; and without an agency "CARACAS, Venezuela — ".
_DATELINE = re.compile(rf"^.{{0,60}}?\((?:[\w.]+/)?{_AGENCY}\b[^)]{{0,30}}\)\s*[-–—:]*\s*", re.IGNORECASE)
_NEWSWIRE = re.compile(
    r"^[^\W\d_a-z]{3,}[^()!?\n]{0,50}\([^()]{2,40}\)\s*[-–—]{1,2}\s+(?=\S)"
)  # agencies not known by name
_PLACE = re.compile(r"^[^\W\d_a-z]{2,}(?:[ .'-]{1,2}[^\W\d_a-z]+)*(?:,\s[\w. ]{1,25}){0,2}\s+[-–—]{1,2}\s+(?=\S)")
_DASHES = re.compile(r"^[\s\ufeff•*–—-]+")
# What outlets say of themselves, their writers, pictures and readers, wherever it stands.
_NOTE = re.compile(
    r"\b(?:sign up|subscribe|newsletter|inbox|follow us|follow (?:him|her|me) on|click here|read (?:more|also|the full)"
    r"|all rights reserved|copyright|cookies?|advertisement|app store|google play|whatsapp|breaking news alerts?"
    r"|photo(?:graph)?s? (?:by|credit|courtesy)|getty images|file (?:photo|image)|image (?:credit|source|caption)"
    r"|(?:image|photo|picture|slide) \d+ of \d+"
    r"|contributed to this (?:report|story|article)|editing by|reporting by|additional reporting|written by|compiled by"
    r"|associated press writers?|the associated press\. all|may not be published|redistributed|terms of use"
    r"|terms and conditions|privacy policy|contact us|e-?mail (?:us|address|him|her)|join the conversation|share this"
    r"|leave a comment|tell us|scroll down|watch (?:the video|below|live|more)|story continues"
    r"|this (?:story|article|page) (?:was|has been|is being)|in this (?:\w+ )?(?:picture|photo|image|handout|still)\w*"
    r"|stay (?:tuned|with us)|for more (?:on|information|stories|news)|support (?:our|independent) journalism|donate"
    r"|correction:|editor['’]s note|abonnieren|abonnez|suscr[ií]b\w+|boletín|assine|inscreva-se|iscriviti|nieuwsbrief"
    r"|lesen sie auch|lire aussi|lea también|leia também|leggi anche|lees ook|mời (?:bạn|quý)|xem thêm)\b"
    r"|https?://|www\.|\S@\S+\.\w|©|►|▶|»\s*$",
    re.IGNORECASE,
)
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


def split(text: str, lang: str | None, *, most: int) -> list[str]:
    """The first `most` sentences of a text, each on one line; none goes over the end of a line."""
    lines = text[:MOST_CHARS].split("\n")
    return list(islice((sentence for line in lines for sentence in splitting.split(line, language(lang))), most))


def tidy(sentence: str) -> str:
    """The sentence without a dateline such as "CARACAS (Reuters) - "."""
    bare = _DASHES.sub("", sentence)
    if "(" in bare[:62]:
        bare = _NEWSWIRE.sub("", _DATELINE.sub("", bare, count=1), count=1)
    bare = _PLACE.sub("", bare, count=1)
    return bare if len(bare) > len(sentence) / 3 else sentence


def says_something(sentence: str) -> bool:
    """Whether it is a whole sentence of prose about the matter, and not a byline, a caption, a list or a notice."""
    length = len(sentence)
    if length > _MOST_CHARS_OF_ONE or _LISTED.search(sentence) or not _ENDS.search(sentence) or _NOTE.search(sentence):
        return False
    if len(_SIGNS.findall(sentence)) > _SIGNS_SHARE * length:
        return False
    if len(_UNSPACED.findall(sentence)) * 2 > length:
        return length >= _LEAST_UNSPACED
    tokens = sentence.split()
    if not _LEAST_WORDS <= len(tokens) <= _MOST_WORDS:
        return False
    first = next((c for c in sentence if c.isalnum()), "")
    if first.islower():  # the rest of a sentence that was cut
        return False
    cased = [token for token in tokens if token[0].isalpha() and token[0].lower() != token[0].upper()]
    small = sum(token[0].islower() for token in cased)
    return not cased or small >= _SMALL_SHARE * len(cased)


def fold(sentence: str) -> str:
    """The sentence's words alone: two that are the same but for signs and capitals are one."""
    return " ".join(plain_tokens(sentence, most=100))
