"""`python -m workers.demo`: serve the demo wire until a signal ends it."""

from __future__ import annotations

import sys

from workers.demo.serve import main

if __name__ == "__main__":
    sys.exit(main())
