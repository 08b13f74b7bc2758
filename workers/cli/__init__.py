"""The command line: `slugline`."""

import os

# One thread for linear algebra in every process: the products here are small, and several processes share the cores.
# It must be said before NumPy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from workers.cli.app import main

__all__ = ["main"]
