"""Parsers in a process that can be killed.

A page can hold libxml2 in C code for minutes, where no Python signal handler runs, or take all memory. So parsing
happens in children of a *zygote*: a small server that is forked while the caller is still plain (no event loop, no
thread, no engine, no connection) and forks one parser child for each connection to its Unix socket. A call that takes
too long is ended by the kernel: the child's alarm clock is set before each call and SIGALRM is left at its default.

The zygote ends with its creator: it holds one end of a socket pair and leaves when the other end is gone. Its children
hold a pipe of its own and leave when the zygote is gone.
"""

from __future__ import annotations

from pipeline.sandbox.client import Parser, Sandbox

__all__ = ["Parser", "Sandbox"]
