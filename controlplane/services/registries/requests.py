"""Bodies and parameters of this service, checked in the order of contract 8.1."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from falcon.asgi import Request

from aicr import jsonio
from aicr.errors import InvalidRequest
from controlplane.http import bodies
from controlplane.http.problems import Problem
from controlplane.registries import TYPES
from controlplane.services.registries import errors, rules

USER, SYSTEM = PROVISIONERS = ("USER", "SYSTEM")
_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_JSON = re.compile(r"application/([-.\w]+\+)?json\Z", re.IGNORECASE)
Body = Mapping[str, Any]


async def body(req: Request) -> Body:
    """The JSON object of a body; unknown fields are nobody's business. Raises Problem."""
    media_type = (req.content_type or "application/json").partition(";")[0].strip()
    if not _JSON.match(media_type):
        raise Problem(415, f"Content-Type '{media_type}' is not supported.")
    try:
        document = jsonio.parse(await bodies.read(req), bodies.NAME)
    except InvalidRequest:
        raise errors.unreadable() from None
    return _object(document)


class Secret(NamedTuple):
    """A name, and a value that is not to be shown."""

    name: str
    value: str


class Draft(NamedTuple):
    """A credential that is asked for."""

    hostname: str
    secret: Secret
    types: list[str]
    tags: list[str]
    description: str | None

    def spec(self, account: str, value: Any) -> dict[str, Any]:
        """The spec of the resource, with something in place of the value."""
        found: dict[str, Any] = {
            "ncaId": account,
            "registryHostname": self.hostname,
            "secret": {"name": self.secret.name, "value": value},
            "artifactTypes": self.types,
            "tags": self.tags,
        }
        return found if self.description is None else {**found, "description": self.description}


def creation(document: Body) -> Draft:
    """Raises Problem."""
    host = _text(document, "registryHostname")
    secret = _secret(document)
    types = _types(document, "artifactTypes")
    tags = _texts(document, "tags")
    described = _text(document, "description")
    if host is None:
        raise errors.invalid("registryHostname", "null", "must not be blank")
    _rule("registryHostname", host, rules.hostname)
    if secret is None:
        raise errors.invalid("secret", "null", "must not be null")
    check_secret(host, secret)
    _rule("artifactTypes", types, rules.types)
    _rule("tags", tags, rules.tags)
    _rule("description", described or "", rules.description)
    return Draft(host.lower(), secret, types, tags, described)


class Patch(NamedTuple):
    secret: Secret | None
    types: list[str]


def patch(document: Body) -> Patch:
    """Raises Problem when it asks for nothing."""
    found = Patch(_secret(document), _types(document, "artifactTypeEnums"))
    if found.secret is None and not found.types:
        raise errors.empty()
    return found


def check_secret(host: str, secret: Secret) -> None:
    """Raises Problem, which says nothing of the value."""
    _rule("secret.name", secret.name, rules.secret_name)
    words = rules.secret(host, secret.value)
    if words:
        raise errors.invalid("secret.value", "***", words)


def _rule(field: str, value: Any, rule: Callable[[Any], str]) -> None:
    words = rule(value)
    if words:
        shown = str(value)
        raise errors.invalid(field, shown[:256], words)


# --------------------------------------------------------------------------- types


def _object(value: Any) -> Body:
    if not isinstance(value, dict):
        raise errors.unreadable()
    return value


def _text(document: Body, name: str) -> str | None:
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise errors.unreadable()
    return value


def _texts(document: Body, name: str) -> list[str]:
    """A set: in the order in which it was written, each once."""
    value = document.get(name)
    listed = [] if value is None else value
    if not isinstance(listed, list) or not all(isinstance(entry, str) for entry in listed):
        raise errors.unreadable()
    return list(dict.fromkeys(listed))


def _types(document: Body, name: str) -> list[str]:
    words = [word.upper() for word in _texts(document, name)]
    if not set(words) <= {*TYPES}:
        raise errors.unreadable()
    return list(dict.fromkeys(words))


def _secret(document: Body) -> Secret | None:
    value = document.get("secret")
    if value is None:
        return None
    given = _object(value)
    name, text = _text(given, "name"), _text(given, "value")
    for field, found in (("name", name), ("value", text)):
        if not found or not found.strip():
            raise errors.invalid(f"secret.{field}", "null", "must not be blank")
    return Secret(name or "", text or "")


# --------------------------------------------------------------------------- paths and queries


def credential_id(text: str) -> str:
    """Raises Problem 400 for what is no UUID."""
    if not _UUID.fullmatch(text):
        raise Problem(400, "registryCredentialId must be a UUID")
    return text.lower()


def chosen(req: Request, name: str, known: Iterable[str]) -> frozenset[str]:
    """The values of a parameter that may come several times; all when there is none.

    Raises Problem 400 for one that there is not."""
    values = req.get_param_as_list(name) or []
    words = {w.strip().upper() for v in values for w in v.split(",") if w.strip()}
    every = frozenset(known)
    if not words <= every:
        raise Problem(400, f"{name} must be one of {', '.join(sorted(every))}")
    return frozenset(words) or every
