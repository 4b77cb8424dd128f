"""What a server does before it loads anything."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

STARTED = """
import sys, service.serving as serving

def tell(settings):
    import numpy
    from threadpoolctl import threadpool_info
    raise SystemExit(str([one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]))

assert "numpy" not in sys.modules
serving._bound = tell
serving.serve_release()
"""


@pytest.mark.parametrize(("set_by_others", "threads"), [({}, 1), ({"OPENBLAS_NUM_THREADS": "2"}, 2)])
def test_numpy_leaves_the_cores_to_the_encoder_unless_told_otherwise(
    tmp_path: Path, set_by_others: Mapping[str, str], threads: int
) -> None:
    (tmp_path / "current").mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    environment |= {"PRACTICES_RELEASES": str(tmp_path), **set_by_others}
    command = [sys.executable, "-c", STARTED]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    assert found.stderr.splitlines()[-1] == str([threads]), found.stderr
