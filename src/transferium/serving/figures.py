"""What a server counts of itself, in the format of Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

TYPE = CONTENT_TYPE_LATEST


class Figures:
    """Requests by status, their seconds, examples that were answered, and those that wait; of one process."""

    def __init__(self, waiting: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("transferium_requests", "Requests to /predict.", ["status"], registry=self.registry)
        self.seconds = Histogram("transferium_request_seconds", "Seconds of a request.", registry=self.registry)
        self.examples = Counter("transferium_examples", "Examples that were answered.", registry=self.registry)
        waits = Gauge("transferium_waiting_examples", "Examples that wait for an answer.", registry=self.registry)
        waits.set_function(waiting)

    def text(self) -> bytes:
        """All of them."""
        return generate_latest(self.registry)
