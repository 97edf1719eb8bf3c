"""Requests: bodies, paths and query strings, refused as the vendor does (3.1)."""

from __future__ import annotations

import asyncio
import re
from typing import Any, TypeVar

from falcon.asgi import Request
from pydantic import BaseModel, ValidationError

from aicr import jsonio
from aicr.errors import InvalidRequest
from controlplane.http import bodies
from controlplane.http.problems import Problem, Refused
from controlplane.vendor import errors
from controlplane.vendor.scalars import NO_NAME, UNREADABLE, WHOLE

T = TypeVar("T", bound=BaseModel)
_JSON = re.compile(r"application/([-.\w]+\+)?json\Z", re.I)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SMALL = 16 * 1024
# What pydantic says of JSON that has another type than it must have.
_TYPES = frozenset((
    UNREADABLE, "string_type", "int_type", "float_type", "bool_type", "list_type", "dict_type",
    "model_type", "model_attributes_type", "literal_error", "int_from_float", "int_parsing_size",
))  # fmt: skip
_MAX_SHOWN = 256
TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


async def body(req: Request, model: type[T]) -> T:
    """The body of a request. Raises Problem: 415, or 400."""
    media_type = (req.content_type or "application/json").partition(";")[0].strip()
    if not _JSON.match(media_type):
        raise Problem(415, f"Content-Type '{media_type}' is not supported.")
    data = await bodies.read(req)
    if len(data) > _SMALL:
        return await asyncio.to_thread(parse, data, model)
    return parse(data, model)


def parse(data: bytes, model: type[T]) -> T:
    """A body by its model: null is as if it were not there, but in its NULLS; unknown fields are
    ignored."""
    try:
        document = jsonio.parse(data, bodies.NAME)
    except InvalidRequest:
        raise errors.unreadable() from None
    if not isinstance(document, dict):
        raise errors.unreadable()
    try:
        nulls = {k: None for k in getattr(model, "NULLS", ()) if k in document}
        return model.model_validate({**nulls, **_without_nulls(document)}, extra="ignore")
    except ValidationError as e:
        raise refusal(e, model.__name__) from None


# What stands there is kept as it is: the value of a secret may be an object with nulls in it.
_AS_IS = ("secret", "secrets")


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        given = {k: v for k, v in value.items() if v is not None}
        return {k: v if k in _AS_IS else _without_nulls(v) for k, v in given.items()}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value


def refusal(error: ValidationError, model: str) -> Problem:
    """What is wrong with a body, in the vendor's words."""
    found = error.errors(include_url=False)
    if any(e["type"] in _TYPES for e in found):
        return errors.unreadable()
    together = [e["msg"] for e in found if e["type"] == WHOLE]
    if together and together[0]:
        return Refused(400, together[0])
    if together:
        return Problem(400, errors.FAILED)
    name = model[0].lower() + model[1:]
    return Problem(400, f"{errors.FAILED}: {' '.join(_one(e, name) for e in found)}")


def _one(e: Any, name: str) -> str:
    path = _path(e["loc"])
    message = e["msg"]
    if e["type"] == "missing":
        function = path == "name" and name.startswith("createFunction")
        message = NO_NAME if function else "must not be null"
    given = None if e["type"] == "missing" else e["input"]
    return f"[object={name}, field={path}, rejected={_shown(given, path)}, message={message}]"


def _path(loc: tuple[int | str, ...]) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc)
    return text.removeprefix(".")


def _shown(value: Any, path: str) -> str:
    """A value that was refused; one that may be a secret is never shown."""
    if "secret" in path.lower():
        return "***"
    if isinstance(value, BaseModel):
        return type(value).__name__
    text = value if isinstance(value, str) else jsonio.compact(value)
    if len(text) <= _MAX_SHOWN:
        return text
    return f"{text[:_MAX_SHOWN]}... ({len(text)} characters)"


def uuid(text: str, name: str) -> str:
    """Raises Problem 400."""
    if not _UUID.fullmatch(text):
        raise errors.not_a("UUID", name)
    return text.lower()


def flag(req: Request, name: str, default: bool) -> bool:
    """A boolean of the query string. Raises Problem 400."""
    text = req.get_param(name)
    if text is None or text == "":
        return default
    word = text.lower()
    if word not in TRUE + FALSE:
        raise errors.not_a("boolean", name)
    return word in TRUE


def words(req: Request, name: str, known: tuple[str, ...]) -> frozenset[str]:
    """A set of words of the query string, repeated or with commas; none or an empty one is all.
    Raises Problem 400."""
    values = req.get_param_as_list(name) or []
    said = {part.strip().lower() for value in values for part in value.split(",")} - {""}
    if not said <= set(known):
        raise errors.not_a(f"one of {', '.join(known)}", name)
    return frozenset(said or known)
