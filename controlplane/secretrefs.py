"""References to secrets: `env:NAME`, `file:PATH`, `store:NAME`. A manifest holds no value.

`env` and `file` are read where the command runs, and only to be handed to the engine; `store` names
a secret that the engine holds already (a resource access.secrets.NAME).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aicr.errors import InvalidRequest

ENV, FILE, STORE = "env", "file", "store"
STORE_KIND = "access.secrets"
MAX_BYTES = 32 * 1024
_REFERENCE = re.compile(
    r"(env):([A-Za-z_][A-Za-z0-9_]*)\Z|(file):(.+)\Z|(store):([A-Za-z0-9][-A-Za-z0-9._]*)\Z", re.S
)
# What a spec holds in place of a secret.
REFERENCE, DIGEST = "secret", "digest"


def parse(text: Any) -> tuple[str, str] | None:
    """The kind and the name of a reference; None for anything else, of which nothing may be shown:
    it may well be the secret."""
    found = _REFERENCE.match(text) if isinstance(text, str) else None
    if found is None:
        return None
    kind, name = (word for word in found.groups() if word is not None)
    return kind, name


def read(references: Iterable[str], where: Callable[[str], str]) -> dict[str, str]:
    """The values of `env:` and `file:` references. `where` says the place of a reference.

    Raises InvalidRequest naming it, never the value.
    """
    values = {}
    for reference in sorted(set(references)):
        kind, name = parse(reference) or ("", "")
        if kind == ENV:
            values[reference] = _of_environment(name, reference, where)
        elif kind == FILE:
            values[reference] = _of_file(name, reference, where)
    return values


def _of_environment(name: str, reference: str, where: Callable[[str], str]) -> str:
    value = os.environ.get(name)
    if not value:
        raise InvalidRequest(f"{where(reference)}: {reference}: the variable {name} is not set")
    return value


def _of_file(path: str, reference: str, where: Callable[[str], str]) -> str:
    try:
        with open(os.path.expanduser(path), "rb") as f:
            data = f.read(MAX_BYTES + 1)
        text = data.decode("utf-8")
    except (OSError, ValueError) as e:
        reason = getattr(e, "strerror", None) or "not UTF-8 text"
        raise InvalidRequest(f"{where(reference)}: {reference}: {reason}") from None
    text = text.removesuffix("\n")
    if not text or len(data) > MAX_BYTES:
        raise InvalidRequest(
            f"{where(reference)}: {reference}: empty, or more than {MAX_BYTES} bytes"
        )
    return text


# In place of a reference: the value was given to an API.
GIVEN = "api"


def paths(spec: Mapping[str, Any] | None, patterns: Iterable[str]) -> list[str]:
    """The paths of secrets that a spec has, in order: `a.*` stands for every key of the map `a`."""
    found = []
    for pattern in sorted(patterns):
        head, star, _ = pattern.partition(".*")
        value = at(spec or {}, head)
        if star and isinstance(value, Mapping):
            found += [f"{head}.{key}" for key in sorted(value)]
        elif not star and value is not None:
            found.append(pattern)
    return found


def at(spec: Mapping[str, Any], path: str) -> Any:
    """What stands at a dotted path; None when nothing does. The last step may have dots in it."""
    if path in spec:
        return spec[path]
    head, dot, rest = path.partition(".")
    value = spec.get(head)
    return at(value, rest) if dot and isinstance(value, Mapping) else None


def replaced(spec: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A spec with another value at a dotted path that exists."""
    head, _, rest = (path, "", "") if path in spec else path.partition(".")
    return {**spec, head: replaced(spec[head], rest, value) if rest else value}
