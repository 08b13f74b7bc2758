"""Colours of text reach WCAG 2.2 AA (1.4.3, 1.4.11) on every ground they stand on, in light and in dark."""

from __future__ import annotations

import re

import pytest

from workers.web.pages import STATIC

SHEET = (STATIC / "slugline.css").read_text(encoding="utf-8")
TEXT = ("ink", "muted", "accent", "link", "developing", "emerging")
MARKS = ("bar", "against", "focus")


def palette(scheme: str) -> dict[str, str]:
    light, dark = re.findall(r":root \{(.*?)\}", SHEET, re.DOTALL)
    block = light if scheme == "light" else dark
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "raised"])
def test_contrast(scheme: str, ground: str) -> None:
    colours = palette(scheme)
    low = {name: round(contrast(colours[name], colours[ground]), 2) for name in TEXT}
    assert {name: value for name, value in low.items() if value < 4.5} == {}
    assert [name for name in MARKS if contrast(colours[name], colours[ground]) < 3] == []


def test_both_schemes_name_the_same_colours() -> None:
    assert palette("light").keys() == palette("dark").keys()
    assert set(TEXT) | set(MARKS) <= palette("light").keys()


def test_keyboard_focus_is_visible() -> None:
    assert re.search(r":focus-visible \{ outline: [\d.]+rem solid var\(--focus\)", SHEET)
