"""What processes cost, read from /proc (Linux): CPU of a process with all that came from it, and its memory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def _parents() -> dict[int, int]:
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    return parents


def children(pid: int) -> dict[int, str]:
    """The children of a process, with their command lines."""
    found = {}
    for child, parent in _parents().items():
        if parent == pid:
            with contextlib.suppress(OSError):
                found[child] = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def tree(roots: Iterable[int]) -> list[int]:
    """These processes and all that came from them."""
    parents, found = _parents(), list(roots)
    for one in found:
        found += [child for child, parent in parents.items() if parent == one and child not in found]
    return found


def cpu(pids: Iterable[int]) -> float:
    """CPU seconds that these processes have taken, with those of their children that ended."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS


def pss(pids: Iterable[int]) -> float:
    """Memory in MB, what is shared counted in shares."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def busy() -> float:
    """CPU seconds that all processes of the machine have taken since it was started."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _, _, irq, softirq, *_ = map(int, fields)
    return (user + nice + system + irq + softirq) / TICKS


def features() -> list[str]:
    """What the CPU has of the instructions that embedding profits from."""
    flags = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")), "")
    wanted = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16")
    return [flag for flag in wanted if flag in flags.split()]
