"""The path of archives: for whoever has a URL that was given out."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from falcon.asgi import Request, Response

from controlplane.assets import blocks
from controlplane.http.openapi import Route
from controlplane.http.problems import Refused
from controlplane.services.invoke.archives import CONTENT, Archives
from controlplane.vendor import requests

ZIP = "application/zip"
# Falcon names parameters as the path does.
# ruff: noqa: N803


class Archive:
    """One large answer."""

    def __init__(self, of: Archives) -> None:
        self._of = of

    async def on_get(self, req: Request, resp: Response, requestId: str) -> None:
        request = requests.uuid(requestId, "requestId")
        if not self._of.allows(request, req.params):
            raise Refused(403, "The URL is not valid, or no longer")
        try:
            handle = await asyncio.to_thread(open, self._of.path(request), "rb")
        except FileNotFoundError:
            raise Refused(404, f"Request id '{request}': its answer is not here") from None
        resp.content_type = ZIP
        # What a function says is never a page of this server.
        resp.set_header("Content-Disposition", "attachment")
        resp.set_header("Cache-Control", "no-store")
        resp.content_length = os.fstat(handle.fileno()).st_size
        resp.stream = blocks(handle)


def _problem(text: str) -> dict[str, Any]:
    problem = {"schema": {"$ref": "#/components/schemas/VendorProblem"}}
    return {"description": text, "content": {"application/problem+json": problem}}


_OPERATION = {
    "summary": "An answer that was too large to be sent",
    "tags": ["nvcf"],
    "parameters": [
        {"name": "requestId", "in": "path", "required": True,
         "schema": {"type": "string", "format": "uuid"}},
        {"name": "expires", "in": "query", "required": True, "schema": {"type": "integer"}},
        {"name": "signature", "in": "query", "required": True, "schema": {"type": "string"}},
    ],
    "responses": {
        "200": {"description": "An archive with one file, REQUEST.response.",
                "content": {ZIP: {"schema": {"type": "string", "format": "binary"}}}},
        "400": _problem("The id is none."),
        "403": _problem("The URL is not valid, or no longer."),
        "404": _problem("There is no such answer on this host."),
        "405": _problem("The path has no such method."),
        "500": _problem("The server is wrong."),
        "503": _problem("The server is ending."),
    },
}  # fmt: skip


def route(of: Archives) -> Route:
    summary = "An answer that was too large to be sent, by a URL that was given out"
    return Route(f"{CONTENT}/{{requestId}}", Archive(of), summary, {"get": _OPERATION})
