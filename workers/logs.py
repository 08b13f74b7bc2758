"""Logs: one line an event, for people or as JSON, those of libraries too, with the ids of the article, feed or
storyline that it is about.

Secrets are masked. What becomes of each article that goes well is told at the level debug: three lines an article.
"""

from __future__ import annotations

import contextlib
import logging
import platform
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

from pipeline.settings import SECRETS, Settings
from pipeline.urls import mask
from workers import process


def configure(settings: Settings, service: str, output: TextIO | None = None) -> None:
    """Set up logging of this process, in the form that SLUGLINE_LOG_FORMAT asks for: to `output`, by default standard
    error."""
    output = output or sys.stderr
    level = getattr(logging, settings.log_level.upper())
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    if settings.log_format == "console":
        # The plain traceback: the default one prints local variables, secrets among them.
        renderer = structlog.dev.ConsoleRenderer(
            colors=output.isatty(),
            pad_event_to=0,
            sort_keys=False,
            exception_formatter=structlog.dev.plain_traceback,
        )
    known: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _of(service),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Tracebacks are masked too: the sentence of an error may name a URL.
    shown: list[Any] = [structlog.processors.format_exc_info, _masked, renderer]
    structlog.configure(
        processors=[*known, *shown],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(output),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*known, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *shown],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for noisy in ("aiohttp", "trafilatura", "htmldate", "sentence_transformers", "rq.worker", "rq.job"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def begin(settings: Settings) -> None:
    """Say once what this process runs with: versions, ledger, Redis, and every setting that was given."""
    given = {name: _shown(name, getattr(settings, name)) for name in sorted(settings.model_fields_set)}
    get("settings").info(
        "starting",
        version=process.release(),
        python=platform.python_version(),
        ledger=settings.ledger_url,
        redis=settings.valkey_url,
        settings=given,
    )


def _shown(name: str, value: Any) -> Any:
    if name in SECRETS:
        return "***" if value else ""
    return value if isinstance(value, int | float) else mask(str(value))


def get(name: str) -> Any:
    """The logger of a module."""
    return structlog.get_logger(name)


def about(**ids: int) -> contextlib.AbstractContextManager[None]:
    """While the block runs, each line of this task says what it concerns, those of libraries too."""
    return structlog.contextvars.bound_contextvars(**ids)


def _of(service: str) -> Processor:
    """Not a context's variable: lines of threads have to name it, too."""

    def named(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    return named


def _masked(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        event[key] = _mask_all(value)
    return event


def _mask_all(value: Any) -> Any:
    """What is in lists and mappings too."""
    if isinstance(value, str):
        return mask(value) if "//" in value else value
    if isinstance(value, Mapping):
        return {key: _mask_all(inner) for key, inner in value.items()}
    return [_mask_all(inner) for inner in value] if isinstance(value, list | tuple) else value
