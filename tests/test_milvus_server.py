"""The search by Milvus on a real server, in a network of its own: it listens on all interfaces."""

import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.model  # the tests that it runs in its network ask with the default encoder too
ROOT = Path(__file__).parents[1]
_PATIENCE_SECONDS = 900
_NAMESPACE = ("unshare", "--net", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")
_LOOPBACK = "ip link set lo up"


def in_a_network_of_its_own(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Run a program with nothing but a loopback interface; all that it has started ends with it."""
    script = f'{_LOOPBACK} && exec "$@"'
    return subprocess.run(
        [*_NAMESPACE, "sh", "-c", script, "sh", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
        check=False,
    )


def test_the_same_tests_pass_on_a_server_and_a_service_outlives_one_that_is_killed(tmp_path: Path) -> None:
    if find_spec("milvus") is None or platform.machine() != "x86_64":
        pytest.skip("NO MILVUS SERVER: it was NOT tried; install the package `milvus` (x86_64)")
    if shutil.which("unshare") is None or in_a_network_of_its_own(["true"]).returncode:
        pytest.skip("NO NAMESPACES: a Milvus server was NOT tried; allow `unshare --net --map-root-user`")
    done = in_a_network_of_its_own([sys.executable, "-m", "tests.milvus_server", str(tmp_path)])
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"(?<!failed, )\b(4\d|[5-9]\d) passed in", done.stdout), done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "before": 200,
        "away": 503,
        "ready": 503,
        "after": 200,
        "fault": None,
        "same": True,
    }
