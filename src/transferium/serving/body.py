"""The body of a request, read up to a limit of bytes and of seconds, and what it holds."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from transferium.artifact import Artifact
from transferium.data.domain import Domain
from transferium.errors import InputError
from transferium.serving.batches import BusyError
from transferium.serving.intake import read_files, read_json
from transferium.serving.limits import Limits
from transferium.system.checked_files import parse_json

if TYPE_CHECKING:
    from starlette.requests import Request


class TooLargeError(Exception):
    """The body has more bytes than a request may have."""


class Bodies:
    """Bodies that are in memory: how many bytes they have in all is bounded."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.held = limits, 0

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """The whole body, counted as long as the block lasts.

        Raises ``TooLargeError``, ``BusyError`` where all bodies together would be too large, and ``TimeoutError``.
        """
        if int(request.headers.get("content-length") or 0) > self.limits.body:
            raise TooLargeError
        parts: list[bytes] = []
        try:
            await asyncio.wait_for(self._read(request, parts), self.limits.seconds)
            yield b"".join(parts)
        finally:
            self.held -= sum(map(len, parts))

    async def _read(self, request: Request, parts: list[bytes]) -> None:
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > self.limits.body:
                raise TooLargeError
            if self.held + len(part) > self.limits.held:
                raise BusyError(1)
            self.held += len(part)
            parts.append(part)


async def read_request(artifact: Artifact, request: Request, body: bytes, most: int) -> Domain:
    """The examples in the body of a request: JSON, or files of a form; ``TransferiumError`` for anything else."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return read_files(artifact, await _files(request, body, most), most)
    try:
        given = parse_json(body)
    except ValueError as error:
        raise InputError(f"the request is no JSON object: {error}") from error
    return read_json(artifact, given, most)


async def _files(request: Request, body: bytes, most: int) -> list[bytes]:
    """What the fields ``files`` of a form hold."""
    from starlette.datastructures import UploadFile
    from starlette.exceptions import HTTPException
    from starlette.requests import Request as Replayed

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        form = await Replayed(request.scope, receive).form(max_files=most, max_fields=most)
    except HTTPException as error:
        raise InputError(f"the form cannot be read: {error.detail}") from error
    async with _closing(form):
        if odd := [name for name in form if name != "files"]:
            raise InputError(f"files are sent in fields called 'files'; this form has {odd[0]!r:.80}.")
        return [await one.read() for one in form.getlist("files") if isinstance(one, UploadFile)]


@asynccontextmanager
async def _closing(form: Any) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await form.close()


def is_token(header: str, token: str) -> bool:
    """Whether an ``Authorization`` header holds the token; how much of it is right cannot be told from the time.

    >>> is_token("Bearer abc", "abc"), is_token("abc", "abc")
    (True, False)
    """
    return secrets.compare_digest(header.encode(), f"Bearer {token}".encode())
