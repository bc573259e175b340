"""The ONNX Runtime engine: runs an exported graph with one thread per call, so that parallel calls use all cores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.embedding.engines.graph import Graph
from transferium.errors import BackboneError

# The fused kernel for "add, then normalise" is slower on a CPU than the two it replaces (a sixth of MiniLM's time).
_SLOWER = ["SkipLayerNormFusion"]


class OnnxEngine:
    """One session that all workers share.

    Pictures run one at a time: as fast as batches (every worker is a core), less memory, and nothing that a picture's
    neighbours could change. Texts of one length run together where the check found them bit-identical to alone.
    """

    name = "onnx"
    images = 1

    def __init__(self, graph: Graph) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(graph.path), options, providers=["CPUExecutionProvider"], disabled_optimizers=_SLOWER
            )
        except Exception as error:  # onnxruntime's own classes differ between versions, and all mean this
            raise BackboneError(f"onnxruntime cannot open {graph.path}: {error}") from error
        self._input = self._session.get_inputs()[0].name
        self.tokens = 512 if graph.description.get("batches_exactly", False) else 1

    def run(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        features: NDArray[np.float32] = self._session.run(None, {self._input: batch})[0]
        return features
