"""Dates as pages state them, to aware UTC. What cannot be read without a guess stays unread."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipeline.articles.wording import fold

EARLIEST_YEAR, LATEST_YEAR = 1990, 2100
"""The web's first year, and a bound against slips; whether a date is in the future only the caller's clock can say."""

_ISO_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})$")
_ISO = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})[T ,]+(\d{1,2}:\d{2}(?::\d{2})?)(?:[.,]\d+)?\s*(.*)$", re.IGNORECASE
)
_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])(\d{2}):?(\d{2})?(?::\d{2})?$")
_EPOCH = re.compile(r"\d{10}(?:\d{3})?$")
_YEAR = r"(?P<year>(?:19|20)\d{2})(?!\d)"
_DAY = r"(?<!\d)(?P<day>\d{1,2})(?:st|nd|rd|th|er|º|\.)?"
_MONTH = r"(?P<month>[^\W\d_]{3,10})\.?"
_DAY_FIRST = re.compile(rf"{_DAY}[ -]+(?:de |of )?{_MONTH},?[ -]+(?:del? )?{_YEAR}", re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"{_MONTH} +{_DAY},? +{_YEAR}", re.IGNORECASE)
_CLOCK = re.compile(
    r"(?<![\d+:-])(?P<hour>\d{1,2})[:h](?P<minute>\d{2})(?::(?P<second>\d{2}))?(?:\.\d+)?\s*(?P<half>[ap]\.?m\b\.?)?"
    r"\s*(?P<zone>(?:GMT|UTC)?[+-]\d{2}:?\d{2}|\(?[A-Za-z]{1,4}\b)?",
    re.IGNORECASE,
)
_URL_DAY = re.compile(r"(?<!\d)(19|20)(\d{2})([/-]?)(0?[1-9]|1[0-2])\3(0?[1-9]|[12]\d|3[01])(?!\d)")
_URL_MONTH_NAME = re.compile(r"/(20\d{2})/(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)/(\d{1,2})(?!\d)")
_MONTH_NAMES = """
jan january januar janvier enero janeiro gennaio januari | feb february februar fevrier febrero fevereiro febbraio
februari | mar march marz mars marzo marco maart maerz | apr april avril abril aprile avr | may mai mayo maio maggio mei
| jun june juni juin junio junho giugno | jul july juli juillet julio julho luglio | aug august aout agosto augustus ago
| sep sept september septembre septiembre setembro settembre | oct okt october oktober octobre octubre outubro ottobre
| nov november novembre noviembre novembro | dec dez december dezember decembre diciembre dezembro dicembre
"""
_MONTHS = {name: number for number, group in enumerate(_MONTH_NAMES.split("|"), 1) for name in group.split()}
# Abbreviations that newspapers print; hours from UTC. Ambiguous ones are read as where they are most printed.
_ZONES = {
    "utc": 0, "gmt": 0, "z": 0, "wet": 0, "bst": 1, "cet": 1, "mez": 1, "cest": 2, "mesz": 2, "eet": 2, "eest": 3,
    "msk": 3, "ist": 5.5, "pkt": 5, "hkt": 8, "sgt": 8, "jst": 9, "kst": 9, "aest": 10, "aedt": 11, "nzst": 12,
    "nzdt": 13, "est": -5, "edt": -4, "et": -5, "cst": -6, "cdt": -5, "ct": -6, "mst": -7, "mdt": -6, "pst": -8,
    "pdt": -7, "pt": -8, "brt": -3, "art": -3, "wib": 7, "sast": 2, "wat": 1, "eat": 3,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moment:
    """A time in UTC; `exact` is False when only the day was given (the time is then midnight)."""

    at: datetime
    exact: bool = True


def parse(value: object) -> Moment | None:
    """Read a date as found in metadata.

    Understood are ISO 8601 and its near misses, Unix seconds or milliseconds, and dates with the month as a word (RFC
    2822 among them) in English or one of six other languages. A time without a zone is taken for UTC. Purely numeric
    dates in another order than year-month-day are refused, for nobody knows which is the month.
    """
    text = " ".join(str(value).partition("[")[0].split()) if isinstance(value, str | int | float) else ""
    if not 8 <= len(text) <= 80:
        return None
    try:
        found = _iso(text) or _epoch(text) or _worded(text)
    except (ValueError, OverflowError):
        return None
    return found if found and EARLIEST_YEAR <= found.at.year <= LATEST_YEAR else None


def from_url(url: str) -> Moment | None:
    """Read a date from a path such as `/2025/11/30/` or `-20251130.html` (day precision)."""
    path = url.partition("://")[2].partition("/")[2].partition("?")[0]
    if named := _URL_MONTH_NAME.search("/" + path):
        year, month, day = int(named[1]), _MONTHS[named[2]], int(named[3])
    elif numbers := _URL_DAY.search(path):
        if not numbers[3] and len(numbers[0]) != 8:
            return None
        year, month, day = int(numbers[1] + numbers[2]), int(numbers[4]), int(numbers[5])
    else:
        return None
    try:
        at = datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None
    return Moment(at, exact=False) if EARLIEST_YEAR <= year <= LATEST_YEAR else None


def _iso(text: str) -> Moment | None:
    if day := _ISO_DAY.match(text):
        return Moment(datetime(int(day[1]), int(day[2]), int(day[3]), tzinfo=UTC), exact=False)
    if not (found := _ISO.match(text)):
        return None
    hour, minute, second = (int(part) for part in (found[4] + ":0").split(":")[:3])
    zone = found[5].strip()
    if (half := zone[:2].lower()) in ("am", "pm"):
        hour, zone = hour % 12 + (12 if half == "pm" else 0), zone[2:].strip()
    days, hour = (1, 0) if hour == 24 else (0, hour)  # ISO 8601 lets a day end at 24:00
    at = datetime(int(found[1]), int(found[2]), int(found[3]), hour, minute, second) + timedelta(days=days)  # noqa: DTZ001
    return Moment((at - _offset(zone)).replace(tzinfo=UTC))


def _offset(zone: str) -> timedelta:
    if signed := _OFFSET.match(zone):
        offset = timedelta(hours=int(signed[2]), minutes=int(signed[3] or 0))
        return -offset if signed[1] == "-" else offset
    return timedelta(hours=_ZONES.get(zone.lower(), 0))


def _epoch(text: str) -> Moment | None:
    if not _EPOCH.match(text):
        return None
    return Moment(datetime.fromtimestamp(int(text) / (1000 if len(text) == 13 else 1), tz=UTC))


def _worded(text: str) -> Moment | None:
    date = _DAY_FIRST.search(text) or _MONTH_FIRST.search(text)
    if not date:
        return None
    month = _MONTHS.get(fold(date["month"]))
    if month is None:
        return None
    day = datetime(int(date["year"]), month, int(date["day"]), tzinfo=UTC)
    # The clock may stand on either side of the date.
    clock = _CLOCK.search(text, date.end()) or _CLOCK.search(text[: date.start()])
    if not clock:
        return Moment(day, exact=False)
    hour, half = int(clock["hour"]), (clock["half"] or "").lower()
    if half:
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    at = day.replace(hour=hour, minute=int(clock["minute"]), second=int(clock["second"] or 0))
    return Moment(at - _offset((clock["zone"] or "").strip("() ,")))
