"""Which runtime is taken on which machine, and that it is said why."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.embedding.choice import Machine, Wanted, choose, cpu_features, look

AMD = Machine("AuthenticAMD", frozenset({"avx512f", "avx512_bf16"}))
INTEL = Machine("GenuineIntel", frozenset({"avx512f", "avx512_bf16"}))
AMX = Machine("GenuineIntel", frozenset({"avx512f", "avx512_bf16", "amx_bf16"}))
OLD = Machine("GenuineIntel", frozenset({"avx2"}))
GPU = Machine("AuthenticAMD", frozenset({"avx512_bf16"}), "NVIDIA H200", True, 150 * 10**9)
OLD_GPU = Machine("GenuineIntel", frozenset(), "Tesla T4", False, 16 * 10**9)


@pytest.mark.parametrize(
    ("wanted", "machine", "library", "numbers", "device"),
    [
        ("auto", OLD, "onnx", "float32", "cpu"),
        ("auto", Machine(), "onnx", "float32", "cpu"),
        ("auto", INTEL, "onnx", "float32", "cpu"),
        ("auto", AMD, "torch", "bfloat16", "cpu"),
        ("auto", AMX, "torch", "bfloat16", "cpu"),
        ("auto", GPU, "torch", "bfloat16", "cuda"),
        ("auto", OLD_GPU, "torch", "float16", "cuda"),
        ("torch", OLD_GPU, "torch", "float16", "cuda"),
        ("torch", AMX, "torch", "float32", "cpu"),
        ("torch-bf16", OLD, "torch", "bfloat16", "cpu"),
        ("onnx", GPU, "onnx", "float32", "cpu"),
    ],
)
def test_the_fastest_is_taken_unless_one_is_named(
    wanted: Wanted, machine: Machine, library: str, numbers: str, device: str
) -> None:
    made = choose(wanted, machine)
    assert (made.library, made.numbers, made.device) == (library, numbers, device)


def test_a_model_that_onnx_runtime_cannot_run_goes_to_torch_and_the_reason_is_given() -> None:
    made = choose("auto", OLD, not_onnx="/models/own is a chain of Transformer, WordWeights")
    assert (made.library, made.numbers) == ("torch", "float32")
    assert "WordWeights" in str(made)
    assert choose("auto", AMX, not_onnx="whatever").numbers == "bfloat16"


def test_a_small_gpu_gets_smaller_batches() -> None:
    assert choose("auto", GPU).batch == 512
    assert 32 < choose("auto", OLD_GPU).batch < 512
    assert choose("auto", Machine(gpu="small", gpu_bytes=10**9)).batch == 32
    assert choose("auto", OLD).batch == 8


def test_the_choice_is_a_phrase_for_people() -> None:
    assert str(choose("auto", OLD)) == "ONNX Runtime, float32 on cpu: this CPU has no bfloat16"
    assert "slower than float32" in str(choose("auto", INTEL))
    assert "NVIDIA H200" in str(choose("auto", GPU))
    assert str(choose("torch-bf16", INTEL)) == "torch, bfloat16 on cpu: as set"


@pytest.mark.parametrize(
    ("text", "vendor", "features"),
    [
        ("processor\t: 0\nvendor_id\t: AuthenticAMD\nflags\t\t: fpu avx512_bf16\n\nflags\t: other\n", "AuthenticAMD",
         {"fpu", "avx512_bf16"}),
        ("processor : 0\nFeatures : fp asimd bf16\n", "", {"fp", "asimd", "bf16"}),
        ("", "", set()),
    ],
)  # fmt: skip
def test_the_cpu_is_read_as_linux_tells_it(tmp_path: Path, text: str, vendor: str, features: set[str]) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(text)
    machine = look("onnx", cpuinfo=path)
    assert (machine.vendor, machine.features, machine.gpu) == (vendor, features, "")


def test_a_system_without_proc_is_taken_for_a_plain_cpu(tmp_path: Path) -> None:
    assert look("onnx", cpuinfo=tmp_path / "missing") == Machine()
    assert cpu_features(cpuinfo=tmp_path / "missing")
