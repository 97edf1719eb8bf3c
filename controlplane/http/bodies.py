"""Request bodies: read within the limit, and parsed strictly."""

from __future__ import annotations

import asyncio
from typing import Any

from falcon.asgi import Request

from aicr import jsonio
from aicr.errors import InvalidRequest
from controlplane.http.middleware.body_limit import too_large

NAME = "request body"
_YAML = ("application/x-yaml", "application/yaml", "text/yaml")


async def read(req: Request) -> bytes:
    """The whole body. Raises Problem 413 as soon as it gets larger than allowed."""
    limit: int = req.context.max_body
    parts, size = [], 0
    async for part in req.stream:
        size += len(part)
        if size > limit:
            raise too_large(limit)
        parts.append(part)
    return b"".join(parts)


def is_yaml(req: Request) -> bool:
    media_type = (req.content_type or "").partition(";")[0].strip().lower()
    return media_type in _YAML


# What is parsed at once; others are answered meanwhile of what is larger.
_SMALL = 16 * 1024


async def document(req: Request, data: bytes) -> tuple[Any, bool]:
    """As `parse`, without keeping others waiting."""
    if len(data) <= _SMALL:
        return parse(req, data)
    return await asyncio.to_thread(parse, req, data)


def parse(req: Request, data: bytes) -> tuple[Any, bool]:
    """The document of a body, and whether it is JSON: what is not called YAML is.

    Raises InvalidRequest for an empty body and for what is neither.
    """
    if not data.strip():
        raise InvalidRequest("request body is empty")
    if is_yaml(req):
        from aicr import yamlio

        return yamlio.parse(data, NAME).value, False
    return jsonio.parse(data, NAME), True


def compact(value: Any) -> bytes:
    """One line of JSON as vendors answer it: no blanks, no line end, nothing escaped for HTML."""
    return jsonio.compact(value).encode("utf-8", "backslashreplace")
