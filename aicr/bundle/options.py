"""The options of a bundle, as values: parsed from text, checked before any work (contract 9.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aicr.bundle.settings import Setting
from aicr.errors import InvalidRequest

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
# Without a flag everything is tolerated: a stack that lands nowhere helps nobody.
TOLERATE_ALL: tuple[Mapping[str, str], ...] = ({"operator": "Exists"},)


class Options(NamedTuple):
    """What a bundle is made with, beside the recipe. Tolerations are Kubernetes objects."""

    deployer: str = "helm"
    repo: str = ""
    values: tuple[Setting, ...] = ()  # of files; they lie below the settings
    settings: tuple[Setting, ...] = ()
    bundlers: tuple[str, ...] = ()  # the only components wanted; none means all
    system_selector: Mapping[str, str] = {}
    system_tolerations: tuple[Mapping[str, str], ...] = TOLERATE_ALL
    accelerated_selector: Mapping[str, str] = {}
    accelerated_tolerations: tuple[Mapping[str, str], ...] = TOLERATE_ALL
    workload_selector: Mapping[str, str] = {}
    workload_gate: str = ""
    nodes: int = 0


def selector(texts: Iterable[str], flag: str) -> dict[str, str]:
    """`key=value` texts as a map; a later one wins. Raises InvalidRequest naming the flag."""
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise InvalidRequest(f'invalid {flag}: invalid format "{text}", expected key=value')
        pairs[key.strip()] = value.strip()
    return pairs


def tolerations(texts: Iterable[str], flag: str) -> tuple[Mapping[str, str], ...]:
    """`key=value:Effect` or `key:Effect` texts as Kubernetes tolerations; none means all."""
    found: list[Mapping[str, str]] = []
    for text in texts:
        key, value, effect = _taint(text, flag)
        if value and not key:
            words = f'invalid format "{text}", a value needs a key'
            raise InvalidRequest(f"invalid {flag}: {words}")
        toleration: dict[str, Any] = {"key": key} if key else {}
        toleration |= {"operator": "Equal", "value": value} if value else {"operator": "Exists"}
        found.append({**toleration, "effect": effect})
    return tuple(found) or TOLERATE_ALL


def taint(text: str, flag: str) -> str:
    """A taint in one string, checked."""
    key, value, effect = _taint(text, flag)
    if not key:
        raise InvalidRequest(f'invalid {flag}: invalid format "{text}", key cannot be empty')
    return f"{key}={value}:{effect}" if value else f"{key}:{effect}"


def _taint(text: str, flag: str) -> tuple[str, str, str]:
    if text.count(":") != 1:
        words = f'invalid format "{text}", expected key=value:effect or key:effect'
        raise InvalidRequest(f"invalid {flag}: {words}")
    left, effect = text.split(":")
    if effect not in EFFECTS:
        words = (
            f'invalid taint effect "{effect}", expected {", ".join(EFFECTS[:2])}, or {EFFECTS[2]}'
        )
        raise InvalidRequest(f"invalid {flag}: {words}")
    key, _, value = left.partition("=")
    return key, value, effect
