"""Headers and bodies of the API Keys service, checked in the order of contract 12.1."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from falcon.asgi import Request

from aicr import jsonio
from aicr.errors import InvalidRequest
from controlplane.access import times
from controlplane.access.kinds import ACTIVE, SUSPENDED
from controlplane.access.models import DESCRIPTION
from controlplane.access.registry import SERVICES, Registered
from controlplane.http import bodies
from controlplane.http.problems import Problem, Refused
from controlplane.services.keys import errors

_DESCRIPTION = re.compile(DESCRIPTION.removesuffix("$"), re.ASCII)
_OWNER = re.compile(r"[^\x00-\x1f\x7f]{1,256}")
_IDEMPOTENCY = re.compile(r"[\x21-\x7e]{1,255}")
_JSON = re.compile(r"application/([-.\w]+\+)?json\Z", re.I)


def issuer(req: Request) -> Registered:
    """The service that calls. Raises Refused 400."""
    name = (req.get_header("Key-Issuer-Id") or "").strip()
    if not name:
        raise errors.bad("Key-Issuer-Id is not set")
    if name not in SERVICES:
        raise errors.bad("Caller service not registered")
    return SERVICES[name]


def owner(req: Request) -> str:
    """The owner that it calls for. Raises Refused 400."""
    name = (req.get_header("Key-Owner-Id") or "").strip()
    if not name:
        raise errors.bad("Key-Owner-Id is not set")
    if not _OWNER.fullmatch(name):
        raise errors.bad("Key-Owner-Id is malformed")
    return name


async def body(req: Request) -> dict[str, Any]:
    """The JSON object of a body; unknown fields are the caller's business. Raises Problem."""
    media_type = (req.content_type or "application/json").partition(";")[0].strip()
    if not _JSON.match(media_type):
        raise Problem(415, f"Content-Type '{media_type}' is not supported.")
    try:
        document = jsonio.parse(await bodies.read(req), bodies.NAME)
    except InvalidRequest:
        raise errors.unreadable() from None
    if not isinstance(document, dict):
        raise errors.unreadable()
    return document


class Once(NamedTuple):
    """A request that may come again: its name in the store, and what it asked."""

    name: str
    fingerprint: str


def once(req: Request, service: Registered, owner_: str, document: Any) -> Once | None:
    """By its Idempotency-Key, if it has one; those of different owners never meet.

    Raises Refused.
    """
    given = req.get_header("Idempotency-Key")
    if given is None:
        return None
    if not _IDEMPOTENCY.fullmatch(given):
        raise errors.bad("Idempotency-Key must be 1 to 255 visible ASCII characters")
    name = hashlib.sha256(jsonio.canonical([service.id, owner_, given])).hexdigest()
    return Once(f"keys.create:{name}", hashlib.sha256(jsonio.canonical(document)).hexdigest())


class Draft(NamedTuple):
    """A key that is asked for. `fault` is said after the count of keys, as the vendor does."""

    description: str
    expires: datetime
    audiences: list[str]
    authorizations: Any
    fault: Refused | None


def draft(document: dict[str, Any], service: Registered, now: datetime) -> Draft:
    """Raises Problem for a description, expiry or audiences that cannot be."""
    description = _description(document.get("description"))
    expires = _expires(document.get("expires_at"), service, now)
    audiences = _audiences(document.get("audience_service_ids"), service)
    authorizations = document.get("authorizations")
    fault = unfit(authorizations, service)
    return Draft(description, expires, audiences, authorizations, fault)


def _description(value: Any) -> str:
    if value is not None and not isinstance(value, str):
        raise errors.unreadable()
    if not value or not _DESCRIPTION.fullmatch(value):
        raise errors.bad("description must be 1 to 64 letters, digits, blanks, '_' or '-'")
    return value


def _expires(value: Any, service: Registered, now: datetime) -> datetime:
    if value is None:
        raise errors.bad("expires_at must be set")
    try:
        moment = times.parse(value if isinstance(value, str) else "")
    except ValueError:
        raise errors.unreadable() from None
    if moment <= now:
        raise errors.bad("expires_at must be in the future")
    if moment > now + timedelta(days=service.max_days):
        raise errors.bad(f"expires_at must be within {service.max_days} days")
    return moment


def _audiences(value: Any, service: Registered) -> list[str]:
    if value is None:
        return [service.id]
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise errors.unreadable()
    if not value:
        raise errors.bad("audience_service_ids must not be empty")
    if not set(value) <= set(service.audiences):
        raise errors.bad("audience_service_ids has a service that is not allowed")
    return list(dict.fromkeys(value))


def unfit(authorizations: Any, service: Registered) -> Refused | None:
    """What is wrong with authorizations; any JSON will do, of a bounded size."""
    if authorizations is None:
        return errors.bad("authorizations must be set")
    if len(jsonio.compact(authorizations)) > service.max_chars:
        return errors.bad(f"authorizations must have at most {service.max_chars} characters")
    return None


def text(document: dict[str, Any], name: str) -> str:
    """A field that must be text. Raises Problem."""
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise errors.unreadable()
    if not value:
        raise errors.bad(f"{name} must be set")
    return value


def status(document: dict[str, Any]) -> str:
    """ACTIVE or SUSPENDED. Raises Problem."""
    value = text(document, "status").upper()
    if value not in (ACTIVE, SUSPENDED):
        raise errors.unreadable()
    return value


_RULE = re.compile(r"[\w-]+\.allow", re.ASCII)


def is_rule(name: str) -> bool:
    """Whether a rule can be evaluated (contract 12.4)."""
    return _RULE.fullmatch(name) is not None


def api_key(document: dict[str, Any]) -> str:
    """The key that is to be judged. Raises Problem."""
    given = document.get("input")
    if not isinstance(given, dict):
        raise errors.bad("input.apiKey must be set")
    return text(given, "apiKey")
