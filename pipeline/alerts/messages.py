"""Messages for people: title and body of an event, as plain text, Markdown or HTML, from shipped or own templates.

Templates are Jinja2 in its sandbox. Whatever they print is made harmless for the format: headlines, names and errors
come from the open web. Own templates may still take long: they belong into a process that can be killed.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from jinja2 import TemplateError, TemplateSyntaxError, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from pipeline.alerts.wording import clean, reasons, severity, summary
from pipeline.errors import InputError

Format = Literal["text", "markdown", "html"]
FORMATS: tuple[Format, ...] = ("text", "markdown", "html")
TEMPLATE_CHARS = 10_000
TITLE_CHARS, BODY_CHARS, VALUE_CHARS = 250, 20_000, 1_000
MATCHES = 10  # of a digest that are shown

TITLE = "{{ summary }}"
_TEXT = """\
{% for line in lines %}{{ line }}
{% endfor %}{% if article.title %}{{ article.title }}{% if article.outlet %} ({{ article.outlet }}){% endif %}
{% endif %}{% if article.url %}{{ article.url | url }}
{% endif %}{% for match in matches %}* {{ match.summary }}{% if match.link %} {{ match.link | url }}{% endif %}
{% endfor %}{% if more %}and {{ more }} more
{% endif %}{% if link %}{{ link | url }}
{% endif %}"""
_MARKDOWN = """\
{% for line in lines %}{{ line }}

{% endfor %}{% if article.title %}**{{ article.title }}**{% if article.outlet %} ({{ article.outlet }}){% endif %}

{% endif %}{% if article.url %}{{ article.url | url }}

{% endif %}{% for match in matches %}- {{ match.summary }}{% if match.link %} {{ match.link | url }}{% endif %}
{% endfor %}{% if more %}- and {{ more }} more
{% endif %}{% if link %}
{{ link | url }}
{% endif %}"""
_HTML = """\
{% for line in lines %}<p>{{ line }}</p>
{% endfor %}{% if article.title or article.url %}<p><a href="{{ article.url | url }}">
{{- article.title or article.url }}</a>
{%- if article.outlet %} ({{ article.outlet }}){% endif %}</p>
{% endif %}{% if matches %}<ul>
{% for match in matches %}<li><a href="{{ match.link | url }}">{{ match.summary }}</a></li>
{% endfor %}{% if more %}<li>and {{ more }} more</li>
{% endif %}</ul>
{% endif %}{% if link %}<p><a href="{{ link | url }}">{{ link }}</a></p>
{% endif %}"""
BODIES: Mapping[str, str] = {"text": _TEXT, "markdown": _MARKDOWN, "html": _HTML}
"""The shipped body in each format; `summary` and `lines` have the words of each type of event."""

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|<>~])")
_MENTION = re.compile(r"@(?=\w)")
_LISTED = re.compile(r"^(\d+)([.)])|^([-=])")
_UNSEEN = "\u200b"  # keeps chat services from taking a headline's @everyone or <!channel> for a call


def context(type_: str, subject: str, time: datetime, data: Mapping[str, Any], public_url: str = "") -> dict[str, Any]:
    """What templates know of an event: `type`, `subject`, `time`, `severity`, `summary`, `lines` (why), `link`, of a
    digest `matches` and how many `more`, and the event's own `data`, whose parts also stand alone (`storyline`,
    `article`, `feed`, `rule`, `level`, `waiting`…)."""
    base = public_url.rstrip("/")
    matches = data.get("matches") or ()
    shown = [{**match, "rule": data.get("rule"), "level": match.get("level", "first")} for match in matches[:MATCHES]]
    parts: dict[str, Any] = {name: {} for name in ("storyline", "article", "feed", "rule")}
    return {
        **parts,
        **data,
        "data": dict(data),
        "type": type_,
        "subject": subject,
        "time": time.astimezone(UTC).isoformat(timespec="seconds"),
        "severity": severity(type_, data),
        "summary": summary(type_, data),
        "lines": [line for line in reasons(type_, data).split("\n") if line],
        "link": link(data, base),
        "matches": [{"summary": summary(type_, one), "link": link(one, base), **one} for one in shown],
        "more": max(0, int(data.get("count") or 0) - len(shown)) if matches else 0,
    }


def link(data: Mapping[str, Any], base: str) -> str:
    """Where Slugline's pages show whom it is about; empty without a public URL."""
    whom = next((name for name in ("storyline", "feed") if data.get(name)), None)
    if not base:
        return ""
    return f"{base}/ops" if whom is None else f"{base}/{whom}s/{data[whom].get('id', '')}"


def render(template: str, values: Mapping[str, Any], form: str) -> str:
    """What a template makes of values. Raises InputError, with the line, when it is none or fails."""
    environment = ImmutableSandboxedEnvironment(
        autoescape=form == "html",
        finalize={"text": _plain, "markdown": _markdown, "html": _hyper}[form],
        keep_trailing_newline=True,
    )
    environment.filters["url"] = _url
    if len(template) > TEMPLATE_CHARS:
        raise InputError(f"a template has {TEMPLATE_CHARS} characters at most; this one has {len(template)}")
    try:
        return str(environment.from_string(template).render(values))
    except TemplateSyntaxError as error:
        raise InputError(f"line {error.lineno}: {error.message}") from error
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
        where = f"line {lines[-1]}: " if lines else ""
        raise InputError(f"{where}{clean(error)}") from error


def message(values: Mapping[str, Any], form: str, title: str = "", body: str = "") -> tuple[str, str, str]:
    """Title (one line) and body of an event in a format, and what is wrong with the own templates, if they fail: then
    the shipped ones stand in for them, since what is to be told matters more."""
    try:
        return (*_made(values, form, title or TITLE, body or BODIES[form]), "")
    except InputError as error:
        return (*_made(values, form, TITLE, BODIES[form]), f"the sink's template failed: {error}")


def _made(values: Mapping[str, Any], form: str, title: str, body: str) -> tuple[str, str]:
    made = render(body, values, form).strip()[:BODY_CHARS]
    head = clean(render(title, values, "text"), TITLE_CHARS)
    return head, made or (Markup.escape(head) if form == "html" else _markdown(head) if form == "markdown" else head)


def check(template: str, form: str, samples: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises InputError, with the line, for what is no template or fails with a sample (`context` by type)."""
    for type_, values in samples.items():
        try:
            render(template, values, form)
        except InputError as error:
            raise InputError(f"{error} (with {type_})") from error


def _line(value: object) -> object:
    """A value on one line; what is there to be printed as it is stays so."""
    if isinstance(value, Markup):
        return value
    return "" if value is None or isinstance(value, Undefined) else clean(value, VALUE_CHARS)


def _hyper(value: object) -> object:
    line = _line(value)
    return line if isinstance(line, Markup) else _MENTION.sub("@" + _UNSEEN, str(line))


def _plain(value: object) -> object:
    line = _line(value)
    return (
        line if isinstance(line, Markup) else _MENTION.sub("@" + _UNSEEN, str(line)).replace("<!", "<" + _UNSEEN + "!")
    )


def _markdown(value: object) -> Any:
    line = _line(value)
    if isinstance(line, Markup):
        return line
    bare = _MENTION.sub("@" + _UNSEEN, _SPECIAL.sub(r"\\\1", str(line)))
    return _LISTED.sub(lambda found: f"{found[1]}\\{found[2]}" if found[1] else f"\\{found[3]}", bare)


def _url(value: object) -> Markup:
    """A filter: an http(s) URL as it may stand in any format, or nothing."""
    text = clean(value or "", 4_000)
    try:
        known = urlsplit(text).scheme.lower() in ("http", "https")
    except ValueError:
        known = False
    return Markup(quote(text, safe="%/:=&?~#+!$,;@-._") if known else "")  # noqa: S704 - nothing of HTML is left in it
