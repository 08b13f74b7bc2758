"""Messages by Apprise, which speaks to some hundred services. For a process of its own: Apprise says only yes or no,
takes as long as it likes, and dials what its URL and the other side tell it to.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from pipeline.alerts import fence, messages
from pipeline.alerts.wording import clean, severity
from pipeline.errors import InputError
from pipeline.http import Guard

SCHEMES = frozenset(
    """
    apprise apprises bark barks bluesky brevo chanify clicksend dingtalk discord emby feishu flock form
    forms gchat gotify gotifys guilded hassio hassios ifttt incidentio irc ircs join json jsons kook lametric lametrics
    lark line mailersend mailgun mailto mailtos mastodon mastodons matrix matrixs misskey misskeys mmost mmosts msg91
    nctalk nctalks notica noticas notifiarr ntfy ntfys o365 onesignal opsgenie pagerduty pagertree pbul plivo
    postmark pover prowl push pushed pushdeer pushdeers pushme pushplus pushy resend revolt ringc rocket rockets ryver
    schan sendgrid signal signals signl4 simplepush sinch slack sns ses sparkpost splunk spike spush squadcast synology
    synologys telnyx tgram threema toot toots twilio twist victorops viber vonage webex wecombot whatsapp workflow
    workflows wxteams xml xmls zulip
    """.split()
)
"""Those of Apprise's that send over the network and nothing else: no desktop, no syslog, no device, no file."""
_refusals: list[str] = []
_fenced: list[bool] = []
_OUTCOMES = {"critical": "failure", "warning": "warning", "over": "success", "info": "info"}
_LEAST = 4  # characters of what is masked wherever it stands; shorter parts of a URL only as whole words


class _Told(logging.Handler):
    """What Apprise logs: the only place where it says what went wrong."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if record.levelno >= logging.WARNING or "xception" in line:
            self.lines.append(line)


def warm() -> None:
    """Load what every call needs."""
    import apprise

    apprise.Apprise.instantiate("json://localhost/")
    messages.render("{{ x }}", {"x": 1}, "html")


def scheme(url: str) -> str:
    """Apprise's name of a URL's service. Raises InputError when it is none of those that sinks may use."""
    found = url.partition("://")[0].strip().lower()
    if "://" not in url or not re.fullmatch(r"[a-z0-9]+", found):
        raise InputError("an Apprise URL begins with the name of a service, such as mailto:// or ntfys://")
    if found not in SCHEMES:
        raise InputError(f"{found}:// is no service for sinks; see https://appriseit.com/services/ and docs/sinks.md")
    return found


def check(allow: Sequence[str], url: str, title: str, body: str, samples: Mapping[str, Any]) -> dict[str, str]:
    """Whether a sink can be made of this. Returns the name of its `service` and the `format` of its messages.

    Raises InputError for a URL that Apprise cannot use, and for templates that fail with one of the `samples`.
    """
    service = _service(allow, url)
    form = _format(service)
    for name, template, its in (("title", title, "text"), ("body", body, form)):
        if template:
            try:
                messages.check(template, its, samples)
            except InputError as error:
                raise InputError(f"the template of the {name}, {error}") from error
    return {"service": str(service.service_name), "format": form}


def notify(
    allow: Sequence[str],
    url: str,
    templates: tuple[str, str],
    event: tuple[str, str, datetime, Mapping[str, Any]],
    public_url: str,
) -> tuple[str, str]:
    """Send an event (type, subject, time, data). Returns what went wrong (empty: it was taken), and a remark."""
    import apprise

    service = _service(allow, url)
    form = _format(service)
    title, body, remark = messages.message(messages.context(*event, public_url), form, *templates)
    ways = apprise.Apprise()
    ways.add(service)
    told = _Told()
    log = logging.getLogger("apprise")
    logging.disable(logging.NOTSET)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    log.addHandler(told)
    outcome = _OUTCOMES[severity(event[0], event[3])]
    if ways.notify(body=body, title=title, notify_type=apprise.NotifyType(outcome), body_format=form):
        return "", remark
    words = _refusals or [masked(line, url) for line in told.lines] or ["no reason was given"]
    return f"it was not taken: {clean('; '.join(dict.fromkeys(words)), 500)}", remark


def masked(text: str, url: str) -> str:
    """Text without any part of a URL but its scheme: whatever stands in it may be a secret."""
    rest = url.partition("://")[2]
    parts = {part for known in (rest, unquote(rest)) for part in re.split(r"[:/?#@&=,;+%\s]+", known) if part}
    for part in sorted(parts, key=len, reverse=True):
        known = re.escape(part)
        pattern = known if len(part) >= _LEAST else rf"(?<!\w){known}(?!\w)"
        text = re.sub(pattern, "***", text, flags=re.IGNORECASE)
    return text


def _service(allow: Sequence[str], url: str) -> Any:
    import apprise

    scheme(url)
    if not _fenced:
        fence.install(Guard(allow), _refusals.append)
        _fenced.append(True)
    asset = apprise.AppriseAsset(storage_mode=apprise.PersistentStoreMode.MEMORY, async_mode=False, plugin_paths=[])
    try:
        made = apprise.Apprise.instantiate(url, asset=asset)
    except Exception as error:  # what it raises may quote the URL
        raise InputError("Apprise cannot make anything of the URL") from error
    if made is None:
        raise InputError("Apprise cannot make anything of the URL: see https://appriseit.com/services/ for its parts")
    if "overflow=" not in url.lower():
        made.overflow_mode = apprise.OverflowMode.TRUNCATE
    return made


def _format(service: Any) -> str:
    """The format of messages: HTML for mail and the like, else plain text where that is to be had: headlines can do
    least in it."""
    formats = service.notify_format if isinstance(service.notify_format, tuple) else (service.notify_format,)
    names = [str(getattr(one, "value", one)) for one in formats]
    return names[0] if names[0] == "html" or "text" not in names else "text"
