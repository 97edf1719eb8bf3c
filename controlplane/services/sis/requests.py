"""Bodies and parameters of this API: their types first, then what must be there, in order of field.

What a body becomes is the spec of a resource, in the very form in which a manifest compiles to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from falcon.asgi import Request

from aicr import jsonio
from aicr.errors import InvalidRequest
from controlplane.clusters import SINGLE
from controlplane.http import bodies
from controlplane.http.problems import Problem
from controlplane.services.sis import errors, rules

Body = Mapping[str, Any]
Read = Callable[[Any], Any]


async def body(req: Request) -> Body:
    """The JSON object of a body; unknown fields are nobody's business. Raises Problem."""
    media_type = (req.content_type or "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem(415, f"Content-Type '{media_type}' is not supported")
    try:
        document = jsonio.parse(await bodies.read(req), bodies.NAME)
    except InvalidRequest:
        raise errors.unreadable() from None
    return _object(document)


# --------------------------------------------------------------------------- types


def _object(value: Any) -> Body:
    if not isinstance(value, dict):
        raise errors.unreadable()
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise errors.unreadable()
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise errors.unreadable()
    return value


def _count(value: Any) -> int:
    if type(value) is not int or abs(value) >= 2**31:
        raise errors.unreadable()
    return value


def _size(value: Any) -> int | str:
    """A number, or one with its unit."""
    return value if isinstance(value, str) else _count(value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise errors.unreadable()
    return value


def _texts(value: Any) -> list[str]:
    """A set: in the order in which it was written, each once."""
    return list(dict.fromkeys(_text(entry) for entry in _list(value)))


def _map(value: Any) -> dict[str, str]:
    return {key: _text(entry) for key, entry in _object(value).items()}


class _Field(NamedTuple):
    """A field: its type, whether it must be there (and not be blank), what it is without."""

    name: str
    read: Read
    required: bool = False
    default: Any = None
    aliases: tuple[str, ...] = ()


def _read(document: Any, fields: Iterable[_Field]) -> dict[str, Any]:
    """Values by field, those that are null left out. Raises Problem for the first that is of
    another type, then for the first that is missing."""
    given, found = _object(document), {}
    for field in fields:
        names = (field.name, *field.aliases)
        value = next((given[n] for n in names if given.get(n) is not None), field.default)
        if value is not None:
            found[field.name] = field.read(value)
    for field in fields:
        if field.required and _is_blank(found.get(field.name)):
            raise errors.missing(field.name)
    return found


def _is_blank(value: Any) -> bool:
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


# --------------------------------------------------------------------------- clusters

_INSTANCE_TYPE = (
    _Field("name", _text, required=True),
    _Field("value", _text, required=True),
    _Field("description", _text),
    _Field("default", _flag, default=False),
    _Field("nodeType", _text, default=SINGLE),
    _Field("gpuCount", _count, default=1),
    _Field("cpuCores", _size),
    _Field("systemMemory", _size),
    _Field("gpuMemory", _size),
    _Field("cpuArch", _text),
    _Field("os", _text),
    _Field("driverVersion", _text),
    _Field("storage", _size),
)


def _instance_type(value: Any) -> dict[str, Any]:
    found = _read(value, _INSTANCE_TYPE)
    _check(rules.node_type(found["nodeType"]))
    if found["gpuCount"] < 0:
        raise errors.bad("gpuCount must not be negative")
    return found


_GPU = (
    _Field("name", _text, required=True),
    _Field("capacity", _count, default=0),
    _Field("instanceTypes", lambda v: [_instance_type(t) for t in _list(v)], required=True),
)


def _gpus(value: Any) -> list[dict[str, Any]]:
    found = [_read(entry, _GPU) for entry in _list(value)]
    if any(gpu["capacity"] < 0 for gpu in found):
        raise errors.bad("capacity must not be negative")
    return [gpu for i, gpu in enumerate(found) if gpu not in found[:i]]


_REPLACEMENT = (
    _Field("clusterGroupName", _text, required=True),
    _Field("cloudProvider", _text, required=True),
    _Field("region", _text, required=True),
    _Field("nvcaVersion", _text, required=True),
    _Field("clusterDescription", _text),
    _Field("authorizedNCAIds", _texts, default=[]),
    _Field("capabilities", _texts, default=[]),
    _Field("attributes", _texts, default=[]),
    _Field("customAttributes", _texts, default=[]),
    _Field("gpus", _gpus, default=[]),
    _Field("clusterKeyId", _text),
    _Field("clusterSource", _text, default=rules.NGC_MANAGED),
    _Field("clusterConfigurations", _map, default={}),
    _Field("clusterConfigurationFiles", _map, default={}),
)
_CLIENT = ("oauthClientId", "OAuthClientId", "ssaClientId")
_CREATION = (
    _Field("clusterName", _text, required=True),
    _Field("ncaId", _text, required=True),
    *_REPLACEMENT,
    _Field("oAuthClientId", _text, aliases=_CLIENT),
    _Field("jwks", _text),
    _Field("oidcIssuer", _text),
)


def creation(document: Body) -> dict[str, Any]:
    """The spec of a cluster that is registered; its other rules are asked of the state."""
    return _cluster(_read(document, _CREATION))


def replacement(document: Body) -> dict[str, Any]:
    """What a PUT wants of a cluster."""
    return _cluster(_read(document, _REPLACEMENT))


def _cluster(found: dict[str, Any]) -> dict[str, Any]:
    _check(rules.provider(found["cloudProvider"]))
    return {**found, "region": found["region"].lower()}


def _check(fault: rules.Fault) -> None:
    if fault is not None:
        raise fault


# --------------------------------------------------------------------------- agents

_KEYS = (_Field("jwks", _text, required=True), _Field("oidcIssuer", _text))
STATES = (
    "READY", "PAUSED", "FAILED", "ABANDONED", "NOT_READY", "UNHEALTHY", "DELETED", "CORDON",
    "CORDON_AND_DRAIN",
)  # fmt: skip
HEALTHY = "HEALTHY"
HEALTHS = (HEALTHY, "UNHEALTHY")


def keys(document: Body) -> dict[str, Any]:
    """A set of keys, and maybe their issuer. Raises Problem; 413 for too many."""
    found = _read(document, _KEYS)
    if len(found["jwks"].encode("utf-8", "surrogatepass")) > rules.MAX_KEYS:
        raise errors.keys_too_large()
    _check(rules.key_set(found["jwks"]))
    return found


_REGISTRATION = (
    _Field("status", _text, required=True),
    _Field("k8sVersion", _text, required=True),
    _Field("gpus", _gpus),
    _Field("nvcaVersion", _text),
    _Field("jwks", _text),
    _Field("oidcIssuer", _text),
)


def registration(document: Body) -> dict[str, Any]:
    """What an agent says when it starts. Raises Problem."""
    found = _read(document, _REGISTRATION)
    _one_of("status", found["status"], STATES)
    if found.get("jwks") is not None:
        keys(found)
    for gpu in found.get("gpus", ()):
        _check(rules.one_gpu(gpu))
    return found


_USAGE = (
    _Field("capacity", _count, default=0),
    _Field("allocated", _count, default=0),
    _Field("available", _count, default=0),
)
_HEARTBEAT = (
    _Field("status", _text, required=True),
    _Field("gpuUsage", lambda v: {k: _read(u, _USAGE) for k, u in _object(v).items()}),
    _Field("upgradeStatus", _text),
    _Field("nvcaAgentVersion", _text),
    _Field("nvcaOperatorVersion", _text),
)


def heartbeat(document: Body) -> dict[str, Any]:
    """What an agent says again and again. Raises Problem."""
    found = _read(document, _HEARTBEAT)
    _one_of("status", found["status"], HEALTHS)
    if "gpuUsage" not in found:
        raise errors.missing("gpuUsage")
    return found


def token(document: Body) -> str:
    """A token that is asked about. Raises Problem."""
    value: str = _read(document, (_Field("token", _text, required=True),))["token"]
    return value


def _one_of(field: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise errors.bad(f"{field} must be one of {', '.join(known)}")


# --------------------------------------------------------------------------- query strings

_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off", "")


def flag(req: Request, *names: str, default: bool = False) -> bool:
    """A boolean parameter; the first of these names that is there counts. Raises Problem."""
    text = next((v for name in names if (v := req.get_param(name)) is not None), None)
    if text is None:
        return default
    word = text.strip().lower()
    if word not in (*_TRUE, *_FALSE):
        raise errors.bad(f"{names[0]} must be true or false")
    return word in _TRUE


def words(req: Request, name: str) -> list[str]:
    """A parameter that may come several times, or with commas."""
    given = req.get_param_as_list(name) or []
    return [word.strip() for text in given for word in text.split(",") if word.strip()]


def uuid(text: str, name: str) -> str:
    """An id of a path. Raises Problem 400."""
    if not _UUID.fullmatch(text):
        raise errors.bad(f"{name} must be a UUID")
    return text.lower()


_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
