"""Dates as feeds write them: RFC 822 and ISO 8601 in name, anything in practice.

feedparser's own date handlers guess rather than refuse: `1:55 PM` is read as 01:55, a Unix time as a day in 2015,
`2013-xx-27` as this month, an unknown zone as UTC. A wrong date is worse than none, so dates are read here, and what
cannot be read for certain stays undated.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

MAX_LENGTH = 100
"""Longer text is no date; the longest real one (JavaScript's `toString`) has 62 characters."""

_MONTHS = (
    "jan gen ene янв sty oca ιαν ian",
    "feb fev фев lut sub φεβ",
    "mar mrt maa мар μαρ",
    "apr avr abr апр kwi nis απρ",
    "may mai mei mag maj май мая μαι",
    "jun juin giu июн cze haz ιουν",
    "jul juil lug июл lip tem ιουλ",
    "aug aou ago авг sie agu αυγ",
    "sep set сен wrz eyl σεπ",
    "oct okt ott out окт paz eki οκτ",
    "nov ноя lis kas νοε",
    "dec dez dic des дек gru ara δεκ",
)
"""First letters, accents aside, in English, German, French, Spanish, Italian, Portuguese, Dutch, Nordic, Polish,
Russian, Turkish, Greek, Hungarian and Romanian."""

_WEEKDAYS = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6}

# Hours east of UTC. RFC 822 has the American ones; the rest is what feeds send. IST is India's, by far the most used.
_ZONES: dict[str, float] = {
    **dict.fromkeys(("gmt", "utc", "ut", "z", "wet"), 0),
    **dict.fromkeys(("est", "et"), -5),
    **dict.fromkeys(("cst", "ct"), -6),
    **dict.fromkeys(("mst", "mt"), -7),
    **dict.fromkeys(("pst", "pt"), -8),
    **{"edt": -4, "cdt": -5, "mdt": -6, "pdt": -7, "at": -4, "ast": -4, "adt": -3, "akst": -9, "akdt": -8, "hst": -10},
    **dict.fromkeys(("bst", "west", "cet", "met", "mez", "wat"), 1),
    **dict.fromkeys(("cest", "mest", "mesz", "eet", "sast", "cat"), 2),
    **dict.fromkeys(("eest", "msk", "trt", "eat"), 3),
    **{"ist": 5.5, "pkt": 5, "npt": 5.75, "wib": 7, "ict": 7, "brt": -3, "art": -3, "clt": -4, "pet": -5, "cot": -5},
    **dict.fromkeys(("hkt", "sgt", "awst", "pht", "myt"), 8),
    **{"jst": 9, "kst": 9, "acst": 9.5, "aest": 10, "aedt": 11, "acdt": 10.5, "nzst": 12, "nzdt": 13},
}
# Words that stand between the parts of a date. Only the first word of all may be unknown (a weekday in any language).
_FILLERS = frozenset("at de of den der del di um uhr kl the on d le el г".split())

_ISO = re.compile(
    r"(\d{4})(?:-(\d{1,3})(?:-(\d{1,2}))?)?"
    r"(?:(?:t|\s+)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?\s*(z|utc|gmt|[+-]\d{2}:?(?:\d{2})?z?)?)?",
)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:t?(\d{2})(\d{2})(\d{2})(z)?)?")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?(?![\d:])\s*([ap]\.?\s?m\b\.?)?")
_OFFSET = re.compile(r"(?:\b(?:gmt|utc)\s*)?([+-])(\d{1,2}):?(\d{2})\b")
_IANA = re.compile(r"\b[A-Z][A-Za-z]+(?:/[A-Za-z_+-]+){1,2}\b")
_NUMERIC = re.compile(r"(?<!\d)(\d{1,2})([/. -])(\d{1,2})\2(\d{4}|\d{2})(?!\d)")
_AGO = re.compile(r"(\d{1,4}|an?) (second|minute|hour|day|week)s? ago")
_EAST_ASIAN = re.compile(r"(\d{4})\s*([년年])\s*(\d{1,2})\s*[월月]\s*(\d{1,2})\s*[일日]")

_Clock = tuple[int, int, int]


def parse_date(text: str, now: datetime | None = None) -> datetime | None:
    """Give the moment in UTC that `text` names, or None when it cannot be read for certain.

    A date without a time is its midnight, a time without a zone is taken as UTC, a month or a year alone as its first
    day. `04/05/2020` is read only where a weekday says which number is the month. "2 hours ago" needs `now`.
    """
    if len(text) > MAX_LENGTH:
        return None
    plain = html.unescape(text).replace("\\n", " ").strip()
    folded = _fold(re.sub(r"\(.*?\)", " ", plain))
    readers: tuple[Callable[[], datetime | None], ...] = (
        lambda: _iso(folded),
        lambda: _unix_time(folded),
        lambda: _ago(folded, now),
        lambda: _written(plain, folded),
    )
    for read in readers:
        try:
            found = read()
        except (ValueError, OverflowError):
            return None
        if found is not None:
            return found
    return None


def _fold(text: str) -> str:
    """Lower case, without accents, blanks single."""
    parted = unicodedata.normalize("NFD", text.casefold())
    return " ".join(unicodedata.normalize("NFC", re.sub("[\u0300-\u036f]", "", parted)).split())


_MONTH_OF = {_fold(prefix): number for number, row in enumerate(_MONTHS, 1) for prefix in row.split()}


def _iso(text: str) -> datetime | None:
    """ISO 8601 as far as feeds use it (W3C-DTF and the ordinal, spaced and compact forms)."""
    if match := _COMPACT.fullmatch(text):
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month_text, day_text = int(match[1]), match[2] or "1", match[3] or "1"
    if len(month_text) == 3 and match[3] is None:
        date = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=int(month_text) - 1)
        if date.year != year:
            return None
    else:
        date = datetime(year, int(month_text), int(day_text), tzinfo=UTC)
    clock = (int(match[4] or 0), int(match[5] or 0), int(match[6] or 0))
    zone = match[7] or "z"
    offset = _OFFSET.match(zone if len(zone.rstrip("z")) > 3 or zone in ("z", "utc", "gmt") else zone + "00")
    return _moment(date, clock, _offset(offset) if offset else UTC)


def _unix_time(text: str) -> datetime | None:
    """Seconds (10 digits, 2001 to 2286) or milliseconds (13 digits) since 1970."""
    if not text.isdecimal() or len(text) not in (10, 13):
        return None
    return datetime.fromtimestamp(int(text[:10]), tz=UTC)


def _ago(text: str, now: datetime | None) -> datetime | None:
    match = _AGO.fullmatch(text)
    if match is None or now is None:
        return None
    count = int(match[1]) if match[1].isdecimal() else 1
    return now - timedelta(**{f"{match[2]}s": count})


def _written(plain: str, folded: str) -> datetime | None:
    """Dates with a month in words, or with day, month and year as numbers."""
    zone: tzinfo | None = None
    if match := _EAST_ASIAN.search(folded):
        # Such feeds name no zone and mean their own; China's stands for the characters that Japan uses as well.
        zone = timezone(timedelta(hours=9 if match[2] == "년" else 8))
        folded = f"{match[1]}-{match[3]}-{match[4]} {folded[match.end() :]}"
    if "오" in folded:
        zone = timezone(timedelta(hours=9))
        folded = re.sub(r"오(전|후) ?(\d[\d:]*)", lambda m: f"{m[2]} {'am' if m[1] == '전' else 'pm'}", folded)
    # `T` between date and time, once the date has a month in words, is no part of either.
    rest, clock = _take_time(re.sub(r"(\d)t(\d)", r"\1 \2", folded))
    if clock is None:
        return None
    if match := _IANA.search(plain):
        name = match.group(0)
        zone = _named_zone(name)
        rest = rest.replace(name.casefold(), " ")
    elif (match := _OFFSET.search(rest)) and not _NUMERIC.search(match.group(0)):
        # An offset follows the time; `2004-05-28` has none, and what stands before the time is date.
        zone = _offset(match)
        rest = rest[: match.start()] + " " + rest[match.end() :]
    date, named = _date(rest)
    return None if date is None else _moment(date, clock, zone or named or UTC)


def _take_time(text: str) -> tuple[str, _Clock | None]:
    """Cut the time out; midnight when there is none, None when it is no time of day."""
    match = _TIME.search(text)
    if match is None:
        return text, None if ":" in text and re.search(r"\d:|:\d", _OFFSET.sub("", text)) else (0, 0, 0)
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    half = (match[4] or " ")[0]
    if half in "ap":
        if not 1 <= hour <= 12:
            return text, None
        hour = hour % 12 + (12 if half == "p" else 0)
    # The space keeps what stood on both sides apart; "|" marks where the time was.
    return f"{text[: match.start()]} {text[match.end() :]}", (hour, minute, second)


def _date(text: str) -> tuple[datetime | None, tzinfo | None]:
    """Read day, month and year, and a zone by name, from what is left."""
    words = re.findall(r"[^\W\d_]+|\d+", re.sub(r"(\d)(?:st|nd|rd|th)\b", r"\1", text))
    if re.search(r"[^\w\s.,/'|:-]", text):
        return None, None
    months: list[int] = []
    numbers: list[str] = []
    zone: tzinfo | None = None
    weekday: int | None = None
    for position, word in enumerate(words):
        if word.isdecimal():
            numbers.append(word)
        elif position == 0 and word[:3] in _WEEKDAYS:
            weekday = _WEEKDAYS[word[:3]]
        elif number := _MONTH_OF.get(word[:4]) or _MONTH_OF.get(word[:3]):
            months.append(number)
        elif word in _ZONES and numbers:
            zone = timezone(timedelta(hours=_ZONES[word]))
        elif position > 0 and word not in _FILLERS:
            return None, None
    if not months:
        return _numeric(text, numbers, weekday), zone
    # `mar., 01 déc. 2020`: the first of two is a weekday (mardi) that looks like a month.
    return _day_month_year(numbers, months[-1]) if len(months) <= 2 else None, zone


def _day_month_year(numbers: list[str], month: int) -> datetime | None:
    if len(numbers) == 1 and len(numbers[0]) == 4:
        return datetime(int(numbers[0]), month, 1, tzinfo=UTC)
    if len(numbers) != 2:
        return None
    day, year = numbers if len(numbers[0]) <= 2 else reversed(numbers)
    return datetime(_year(year), month, int(day), tzinfo=UTC) if len(day) <= 2 else None


def _numeric(text: str, numbers: list[str], weekday: int | None) -> datetime | None:
    if len(numbers) != 3:
        return None
    if len(numbers[0]) == 4:
        return datetime(int(numbers[0]), int(numbers[1]), int(numbers[2]), tzinfo=UTC)
    match = _NUMERIC.search(text)
    if match is None:
        return None
    first, second, year = int(match[1]), int(match[3]), _year(match[4])
    # With points it is day.month.year everywhere; with anything else either, as the numbers and the weekday allow.
    orders = [(first, second)] if match[2] == "." else [(first, second), (second, first)]
    dates = {datetime(year, month, day, tzinfo=UTC) for day, month in orders if month <= 12}
    if len(dates) > 1 and weekday is not None:
        dates = {date for date in dates if date.weekday() == weekday}
    return dates.pop() if len(dates) == 1 else None


def _year(text: str) -> int:
    """Two digits are 1970 to 2069 (RFC 2822 puts the change at 50; no feed is older than 1990)."""
    return int(text) if len(text) > 2 else int(text) + (2000 if int(text) < 70 else 1900)


def _offset(match: re.Match[str]) -> timezone:
    """Raises ValueError beyond 15 hours: the widest real offset is 14, the widest seen in a feed 15."""
    hours, minutes = int(match[2]), int(match[3])
    if hours > 15 or minutes > 59:
        raise ValueError
    return timezone((1 if match[1] == "+" else -1) * timedelta(hours=hours, minutes=minutes))


def _named_zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (OSError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(name) from error


def _moment(date: datetime, clock: _Clock, zone: tzinfo) -> datetime:
    hour, minute, second = clock
    # A leap second is the second before it here.
    local = date.replace(hour=hour, minute=minute, second=59 if second == 60 else second, tzinfo=zone)
    return local.astimezone(UTC)
