"""The ONNX Runtime engine: runs an exported graph with one thread per call, so that parallel calls use all cores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.embedding.engines.graph import Graph
from transferium.errors import BackboneError, refusing

# The fused kernel for "add, then normalise" is slower on a CPU than the two it replaces (a sixth of MiniLM's time).
_SLOWER = ["SkipLayerNormFusion"]


class OnnxEngine:
    """One session that all workers share.

    Pictures run one at a time: as fast as batches (every worker is a core), less memory, and nothing that a picture's
    neighbours could change. Texts of one length run together where the check found them bit-identical to alone.
    """

    name = "onnx"
    images = 1

    def __init__(self, graph: Graph, whole: Path | None = None) -> None:
        """Open ``graph``; with ``whole``, plainly, and write it there with its weights inside."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        if whole is not None:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
            options.optimized_model_filepath = str(whole)
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # onnxruntime reads these from where they lie: they must live as long as the session.
        self._weights = {name: onnxruntime.OrtValue.ortvalue_from_numpy(w) for name, w in graph.weights.items()}
        try:
            options.add_external_initializers(list(self._weights), list(self._weights.values()))
            self._session = onnxruntime.InferenceSession(
                str(graph.path),
                options,
                providers=["CPUExecutionProvider"],
                disabled_optimizers=_SLOWER,
                enable_fallback=0,  # it would print, and try the same once more
            )
        except Exception as error:  # onnxruntime's own classes differ between versions, and all mean this
            raise BackboneError(f"onnxruntime cannot open {graph.path}: {error}") from error
        self._path = graph.path
        self._input = next((wanted.name for wanted in self._session.get_inputs()), "")
        self.batch_exactly(graph.description.get("batches_exactly", False))

    def batch_exactly(self, can: bool) -> None:
        """Say whether texts of one length are the same bits together as alone: only then do they run together."""
        self.tokens = 512 if can else 1

    def run(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        with refusing(BackboneError, f"the graph {self._path} cannot read this input"):
            features: NDArray[np.float32] = np.asarray(self._session.run(None, {self._input: batch})[0], np.float32)
            if features.ndim < 2 or len(features) != len(batch):
                raise ValueError(f"for {len(batch)} examples it gives numbers of shape {features.shape}")
        return features
