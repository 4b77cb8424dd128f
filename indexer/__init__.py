"""The write side: turn a catalogue file into a release folder."""

import os

# onnxruntime reports to its makers how it is used, from 1.29 on, and keeps a number of this machine: unless it is told
# not to before it is imported (its Privacy.md). Questions are asked of this machine alone.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
