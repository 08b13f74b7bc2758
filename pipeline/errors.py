"""Every error that Slugline raises on purpose: a flat tree, one sentence each.

An error's text names the thing and the way out, since it is shown to people as it is.
"""

from __future__ import annotations


class SluglineError(Exception):
    """Anything that Slugline raises on purpose; its text is one line for the person at the terminal."""


class SettingsError(SluglineError):
    """A setting is missing, malformed or contradicts another."""


class UsageError(SluglineError):
    """The command line was used in a way that cannot work (exit code 2)."""


class LedgerError(SluglineError):
    """The ledger cannot be opened, is of another version, or refused a change."""


class FencedError(LedgerError):
    """Another process took over this role; whatever was about to be written must not be."""


class LeaseLostError(LedgerError):
    """The lease on an article, feed or role ran out or was taken by another owner."""


class RedisError(SluglineError):
    """Redis or the bundled Valkey does not answer, is of the wrong kind, or cannot be started."""


class ModelError(SluglineError):
    """The embedding model cannot be loaded or its weights are not what they should be."""


class FetchError(SluglineError):
    """A request did not give a usable answer; `reason` is the short name under which it is counted.

    `retry` says whether trying again later makes sense; `after` is a wish of the host in seconds, if it gave one.
    """

    def __init__(self, message: str, *, reason: str, retry: bool = True, after: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry = retry
        self.after = after


class ForbiddenAddressError(FetchError):
    """The address is not one of the public internet and no network in SLUGLINE_ALLOW_NETWORKS covers it."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason="forbidden-address", retry=False)


class FeedError(SluglineError):
    """What was fetched is no feed; `reason` is the short name under which it is counted."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class OpmlError(SluglineError):
    """An OPML file cannot be read."""


class RejectedError(SluglineError):
    """A page is no article; `reason` is the short name under which it is counted."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class SandboxError(SluglineError):
    """A parser was killed: it hung, crashed or took too much memory; `reason` says which."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class InputError(SluglineError):
    """A record given by a user (a line of JSON, a vector, a storyline declaration) cannot be used."""
