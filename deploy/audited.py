"""Read a report of pip-audit (JSON) for deploy/audit.sh, which says what the exit codes mean.

    audited.py REPORT ACCEPTED SERVICE

ACCEPTED has a line for each vulnerability that was looked at: its id, and why it does not concern Slugline.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

CANARY = "django"  # deploy/audit.sh asks about a version of it that is full of known flaws


def main(report: str, accepted: str, service: str) -> int:
    packages: list[dict[str, Any]] = json.loads(Path(report).read_text(encoding="utf-8"))["dependencies"]
    if not any(one.get("vulns") for one in packages if one["name"] == CANARY):
        sys.stdout.write("it answers, but knows no vulnerabilities\n")
        return 3
    packages = [one for one in packages if one["name"] != CANARY]
    reasons = _reasons(Path(accepted).read_text(encoding="utf-8"))
    found = [(one, flaw) for one in packages for flaw in one.get("vulns", ())]
    open_ones = [(one, flaw) for one, flaw in found if not reasons & {flaw["id"], *flaw["aliases"]}]
    for one, flaw in open_ones:
        fixed = ", ".join(flaw["fix_versions"]) or "no version yet"
        names = ", ".join([flaw["id"], *flaw["aliases"]])
        sys.stdout.write(f"VULNERABLE: {one['name']} {one['version']}: {names}; mended in {fixed}\n")
    unknown = sorted(one["name"] for one in packages if "skip_reason" in one)
    if unknown:
        sys.stdout.write(f"not known to {service}: {', '.join(unknown)}\n")
    known = len(packages) - len(unknown)
    said = f"{len(open_ones)} known vulnerabilities" if open_ones else "no known vulnerability"
    more = f", {len(found) - len(open_ones)} accepted" if len(found) > len(open_ones) else ""
    sys.stdout.write(f"audited {known} packages with {service}: {said}{more}\n")
    return 1 if open_ones else 0


def _reasons(text: str) -> set[str]:
    """The ids of a list; a line without a reason ends the program with 2."""
    ids = set()
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, _, reason = line.strip().partition(" ")
        if not reason.strip():
            sys.stdout.write(f"error: {name} is accepted without a reason\n")
            raise SystemExit(2)
        ids.add(name)
    return ids


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
