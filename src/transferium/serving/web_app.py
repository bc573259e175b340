"""The web application: predictions, health, figures, and a page to try the model by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from transferium.errors import TransferiumError
from transferium.serving.batches import Batches, BusyError
from transferium.serving.body import Bodies, TooLargeError, is_token, read_request
from transferium.serving.figures import TYPE, Figures
from transferium.serving.intake import intake_of
from transferium.serving.limits import Limits
from transferium.serving.served_model import Prediction, ServedModel
from transferium.version import __version__

LOOK = 1.0
"""Seconds between two looks at whether the model was replaced."""
PAGE = {
    "": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


class Service:
    """A model with what waits for it and what is counted."""

    def __init__(self, model: ServedModel, limits: Limits, token: str | None) -> None:
        self.model, self.limits, self.token = model, limits, token
        self.batches, self.bodies = Batches(model.answers, limits), Bodies(limits)
        self.near = Batches(model.near, limits)
        self.figures = Figures(lambda: self.batches.waiting + self.near.waiting)

    async def answers(self, request: Request, batches: Batches) -> list[Prediction]:
        """What one request is answered by ``batches``; raises ``HTTPException`` where it is refused."""
        if self.token is not None and not is_token(request.headers.get("authorization", ""), self.token):
            raise HTTPException(401, "this server wants Authorization: Bearer <token>.", {"WWW-Authenticate": "Bearer"})
        try:
            async with self.bodies.body(request) as body:
                artifact = self.model.artifact
                domain = await read_request(artifact, request, body, self.limits.examples)
                found = await batches(domain)
        except TooLargeError:
            raise HTTPException(
                413, f"a request has at most {self.limits.body:,} bytes: send fewer examples."
            ) from None
        except BusyError as busy:
            said = f"{busy}: try again in {busy.seconds} s."
            raise HTTPException(429, said, {"Retry-After": str(busy.seconds)}) from None
        except asyncio.TimeoutError:
            raise HTTPException(503, f"no answer within {self.limits.seconds:g} s.", {"Retry-After": "1"}) from None
        except TransferiumError as error:
            raise HTTPException(422, str(error)) from None
        if all("error" in one for one in found):
            raise HTTPException(422, found[0]["error"])
        return found

    async def watch(self) -> None:
        """Take a model that takes this one's place in its folder, for ever."""
        while True:
            await asyncio.sleep(LOOK)
            await asyncio.to_thread(self.model.refresh)


def create_app(model: ServedModel, limits: Limits | None = None, token: str | None = None) -> FastAPI:
    """The application that serves ``model``; with a ``token``, predictions are for those who send it."""
    service = Service(model, limits or Limits(), token)
    intake = intake_of(model.artifact)

    @asynccontextmanager
    async def alive(_app: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(work) for work in (service.batches.work(), service.near.work(), service.watch())]
        yield
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    app = FastAPI(title="Transferium", version=__version__, lifespan=alive, docs_url=None, redoc_url=None)

    @app.middleware("http")
    async def headers(request: Request, go_on: Any) -> Any:
        response = await go_on(request)
        response.headers.update(HEADERS)
        return response

    @app.post("/predict", openapi_extra=_documented(intake.form, intake.files))
    async def predict(request: Request) -> JSONResponse:
        """A prediction for each example, in their order."""
        began, status = time.perf_counter(), 500
        try:
            found = await service.answers(request, service.batches)
            status = 200
            service.figures.examples.inc(len(found))
            return JSONResponse({"predictions": found})
        except HTTPException as refused:
            status = refused.status_code
            raise
        finally:
            service.figures.requests.labels(str(status)).inc()
            service.figures.seconds.observe(time.perf_counter() - began)

    @app.post("/near", openapi_extra=_documented(intake.form, intake.files))
    async def near(request: Request) -> JSONResponse:
        """For each example the known ones that are nearest, where the server was given some."""
        if model.opened.examples is None:
            raise HTTPException(404, "this server knows no examples: transferium serve RUN --examples FEATURES")
        return JSONResponse({"examples": await service.answers(request, service.near)})

    @app.get("/health")
    @app.get("/ready")
    async def health() -> dict[str, Any]:
        """That it answers, and which model does."""
        return {"status": "ok", "version": __version__} | _facts(model)

    @app.get("/metrics")
    async def metrics() -> Response:
        """What was counted since the start, for Prometheus."""
        return Response(service.figures.text(), media_type=TYPE)

    for name, kind in PAGE.items():
        app.add_api_route(f"/{name}", _file(name or "page.html", kind), methods=["GET"], include_in_schema=False)
    return app


def _facts(model: ServedModel) -> dict[str, Any]:
    artifact = model.artifact
    return {
        "model": artifact.fingerprint[:16],
        "kind": artifact.kind,
        "problem": artifact.problem.kind,
        "classes": list(artifact.classes),
        "backbone": artifact.backbone.name,
        "request": intake_of(artifact).form,
        "files": intake_of(artifact).files,
        "examples": 0 if model.opened.examples is None else len(model.opened.examples.ids),
    }


def _file(name: str, kind: str) -> Any:
    content = (files("transferium.serving") / name).read_bytes()

    async def send() -> Response:
        return Response(content, media_type=kind)

    return send


def _documented(form: Mapping[str, Any], uploads: bool) -> dict[str, Any]:
    """The body of a request for OpenAPI."""
    ((field, examples),) = form.items()
    entries = {"type": "object", "required": [field], "properties": {field: {"type": "array", "items": {}}}}
    content: dict[str, Any] = {"application/json": {"schema": entries, "example": {field: examples}}}
    if uploads:
        one = {"type": "array", "items": {"type": "string", "format": "binary"}}
        content["multipart/form-data"] = {"schema": {"type": "object", "properties": {"files": one}}}
    return {"requestBody": {"required": True, "content": content}}
