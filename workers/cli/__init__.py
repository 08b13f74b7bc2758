"""The command line: `slugline`."""

from workers.cli.app import main

__all__ = ["main"]
