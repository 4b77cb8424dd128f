"""Nothing that the product uses tells others that it is used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("module", ["indexer.encoder", "indexer.export", "service.serving", "service.rebuilding"])
def test_onnxruntime_keeps_no_number_of_this_machine_and_opens_no_store_of_events(tmp_path: Path, module: str) -> None:
    folders = {name: str(tmp_path / name) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")}
    for folder in folders.values():
        Path(folder).mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    code = f"import {module}, onnxruntime; onnxruntime.InferenceSession"
    subprocess.run([sys.executable, "-c", code], env=environment | folders, check=True, timeout=120)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
