#!/bin/sh
# Asks a list of known vulnerabilities about every package that constraints.txt pins.
#
#   deploy/audit.sh [CONSTRAINTS]        PYTHON names the interpreter that has pip-audit, by default that of .venv
#
# Ends with 0 when none is known, 1 when one is (each on a line of its own), 2 when the question could not be asked
# (no pip-audit, a file that makes no sense), 3 when nobody answered it: "NOT AUDITED" and why.
#
# OSV (https://osv.dev) is asked, and where it does not answer, PyPI; with OSV_URL that address alone, which speaks the
# language of OSV. What was looked at and does not concern Slugline stands in deploy/audit-accepted.txt.
set -eu

cd "$(dirname "$0")/.."
constraints=${1:-constraints.txt}
python=${PYTHON:-.venv/bin/python}
whole=180 # seconds, for all packages at one service
one=10    # seconds, for one answer

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -c 'import pip_audit' 2>/dev/null || {
    echo "error: $python has no pip-audit; make setup-dev installs it" >&2
    exit 2
}

# A package whose flaws everybody knows: who finds none in it knows nothing (some mirrors of PyPI answer so).
echo 'django==1.2' >"$work/canary.txt"

# Every package is pinned, so that none has to be resolved: nothing but the service is asked.
audit() {
    timeout --kill-after=5 "$whole" "$python" -m pip_audit --requirement "$constraints" --requirement "$work/canary.txt" \
        --no-deps --disable-pip --progress-spinner off --timeout "$one" "$@"
}

audit --dry-run >"$work/said" 2>&1 || {
    tail -n 1 "$work/said" >&2
    echo "error: $constraints cannot be audited; each line has to pin a package (name==version)" >&2
    exit 2
}

# Ends the script, unless the service left the question open; then $why says more.
ask() {
    name=$1
    shift
    status=0
    rm -f "$work/report"
    audit --format json --desc off --output "$work/report" "$@" >"$work/said" 2>&1 || status=$?
    # pip-audit ends with 1 for a flaw and for an error alike; there is a report only when it got to the end.
    if [ -s "$work/report" ]; then
        status=0
        "$python" deploy/audited.py "$work/report" deploy/audit-accepted.txt "$name" >"$work/said" || status=$?
        [ "$status" -eq 3 ] || { cat "$work/said"; exit "$status"; }
    elif [ "$status" -ge 124 ]; then
        echo "no answer within $whole seconds" >"$work/said"
    fi
    why="${why:+$why; }$name: $(tail -n 1 "$work/said" | cut -c 1-300)"
}

why=''
if [ -n "${OSV_URL:-}" ]; then
    ask "$OSV_URL" --vulnerability-service osv --osv-url "$OSV_URL"
else
    ask OSV --vulnerability-service osv
    ask PyPI --vulnerability-service pypi
fi
echo "NOT AUDITED: $why"
exit 3
