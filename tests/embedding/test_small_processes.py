"""What embeds a query stays small: no torch, and little memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from pipeline.embedding import query_embedder
query_embedder().encode(["a ferry in the harbour"] * 20)
loaded = {"torch", "transformers", "sentence_transformers"} & set(sys.modules)
kilobytes = [line.split()[1] for line in open("/proc/self/smaps_rollup") if line.startswith("Pss:")][0]
print(sorted(loaded), int(kilobytes) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="memory is only told by Linux")
def test_a_query_embedder_brings_no_torch_and_takes_under_200_megabytes() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=True)
    loaded, megabytes = done.stdout.rsplit(maxsplit=1)
    assert loaded == "[]"
    assert int(megabytes) < 200
