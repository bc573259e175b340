"""Running the server: a socket, one or several processes, and an end that lets requests finish."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

from transferium.errors import InputError
from transferium.serving.served_model import ServedModel

ASKED = "TRANSFERIUM_SERVED"
"""Where a process that is one of several finds the run's folder, and that of known examples."""
TOKEN = "TRANSFERIUM_TOKEN"
GRACE = 30
"""Seconds that requests have to finish when the server is asked to end."""


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens; ``InputError`` where that address cannot be had."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(found[0], socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(found[4])
        bound.listen(2048)  # from now on whoever comes waits
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(
            f"{host}:{port} cannot be listened at: {why}. Give another --port; 0 takes a free one."
        ) from error
    return bound


def serve(model: ServedModel, listening: socket.socket, *, workers: int = 1) -> None:
    """Serve the model until the process is asked to end; of several ``workers`` each opens it for itself."""
    import uvicorn

    options: dict[str, Any] = {"log_level": "warning", "timeout_graceful_shutdown": GRACE, "server_header": False}
    if workers == 1:
        uvicorn.Server(uvicorn.Config(_app(model), **options)).run(sockets=[listening])
        return
    examples = None if model.examples is None else str(model.examples.resolve())
    os.environ[ASKED] = json.dumps([str(model.folder.resolve()), examples])
    app, shared = "transferium.serving.run:app_of_a_worker", listening.fileno()
    uvicorn.run(app, factory=True, workers=workers, fd=shared, **options)


def app_of_a_worker() -> Any:
    """The application of one of several processes."""
    folder, examples = json.loads(os.environ[ASKED])
    return _app(ServedModel(Path(folder), None if examples is None else Path(examples)))


def _app(model: ServedModel) -> Any:
    from transferium.serving.web_app import create_app

    return create_app(model, token=os.environ.get(TOKEN) or None)
