"""Run a network in ONNX form on one thread; the only place that knows onnxruntime."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

# Read once, when the library is loaded. Without it, official builds from 1.29 on give the machine an id, keep it in the home
# folder, and send what was run to the library's maker (onnxruntime pull request 27379).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as state

onnxruntime.disable_telemetry_events()  # Windows, whose builds do not read the variable

Rows = NDArray[np.float32]

# the library's exceptions have no root of their own
FAULTS: tuple[type[Exception], ...] = (
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.NoModel,
    state.NotImplemented,
    state.RuntimeException,
)


class OnnxNetwork:
    """A loaded network of one input."""

    def __init__(self, source: Path | bytes) -> None:
        """Load a network from a file or from a file's bytes. Raises ValueError where it is none that can be run."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(
                source if isinstance(source, bytes) else str(source),
                options,
                providers=["CPUExecutionProvider"],
            )
        except FAULTS as err:
            raise ValueError(str(err)) from err
        self._input = self._session.get_inputs()[0].name

    def run(self, planes: Rows) -> Rows:
        """Return the first output for a batch, (n, channels, height, width) float32. Raises ValueError where it does not fit."""
        return self.run_all(planes, ())[0]

    def run_all(self, planes: Rows, outputs: Sequence[str]) -> list[Rows]:
        """Return the outputs of these names, without names all, for a batch as `run` takes it. Raises ValueError."""
        try:
            answers = self._session.run(
                list(outputs) or None, {self._input: np.ascontiguousarray(planes, np.float32)}
            )
        except FAULTS as err:
            raise ValueError(str(err)) from err
        return [np.asarray(answer, np.float32) for answer in answers]
