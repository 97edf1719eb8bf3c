"""Criteria: what a recipe is asked for, and which overlays answer.

The fields and their values come from the catalog's registry (contract section 2); only `nodes`, a
count, is known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aicr.diagnostics import WARNING, Diagnostic, did_you_mean
from aicr.errors import InvalidRequest

ANY = "any"
API_VERSION = "aicr.nvidia.com/v1alpha1"
KIND = "RecipeCriteria"
# The one field that has a second name, wherever criteria are written.
SYNONYMS = {"gpu": "accelerator"}


class Field(NamedTuple):
    """One criteria dimension as the registry declares it."""

    name: str
    summary: str
    titles: Mapping[str, str]
    aliases: Mapping[str, str]
    detect: Mapping[str, str]  # word in a snapshot, lower case -> value

    @property
    def values(self) -> list[str]:
        return list(self.titles)

    def parse(self, text: str) -> str:
        """The canonical value of what somebody typed; empty means any.

        Raises InvalidRequest naming the nearest valid values.
        """
        word = text.strip().lower()
        word = self.aliases.get(word, word)
        if word in ("", ANY):
            return ANY
        if word in self.titles:
            return word
        hint = did_you_mean(word, [*self.titles, *self.aliases])
        valid = ", ".join([*self.titles, ANY])
        raise InvalidRequest(
            f"invalid {self.name} type: {text}: {hint + ' ' if hint else ''}valid values: {valid}",
            details={"field": self.name, "requested": text, "allowed": [*self.titles, ANY]},
        )


def fields_of(registry_criteria: Mapping[str, Any]) -> dict[str, Field]:
    """The criteria fields of a registry's `criteria` block, in its order."""
    fields = {}
    for name, block in registry_criteria.items():
        values = block.get("values") or []
        titles = {v["name"]: v.get("title") or v["name"] for v in values}
        aliases = dict(block.get("aliases") or {})
        detect = {value: value for value in titles}
        detect |= {word: value for word, value in aliases.items() if value != ANY}
        detect |= {w.lower(): v["name"] for v in values for w in v.get("detect") or []}
        fields[name] = Field(name, block.get("summary") or name, titles, aliases, detect)
    return fields


class Criteria(NamedTuple):
    """A request in canonical form: a value for every field (`any` when open) and a node count.

    `stated` are the fields somebody wrote down, even as `any`: leaving a field out and saying that
    it does not matter are different things (warnings tell them apart, answers do not).
    """

    values: Mapping[str, str]
    nodes: int = 0
    stated: frozenset[str] = frozenset()

    @classmethod
    def of(cls, fields: Mapping[str, Field], given: Mapping[str, str], nodes: int = 0) -> Criteria:
        """Criteria from raw text per field."""
        values = {
            f.name: f.parse(given[f.name]) if f.name in given else ANY for f in fields.values()
        }
        return cls(values, nodes, frozenset(given))

    def override(
        self, fields: Mapping[str, Field], given: Mapping[str, str], nodes: int
    ) -> Criteria:
        """These criteria with the non-empty fields of `given` in place of their own."""
        named = {k: v for k, v in given.items() if v.strip()}
        parsed = {k: fields[k].parse(v) for k, v in named.items()}
        stated = self.stated | frozenset(named)
        return Criteria({**self.values, **parsed}, nodes or self.nodes, stated)

    @property
    def is_open(self) -> bool:
        """Whether nothing is asked for."""
        return self.nodes == 0 and all(v == ANY for v in self.values.values())

    def document(self) -> dict[str, Any]:
        """As recipes print it: every field, `nodes` only when it was given."""
        return {**self.values, "nodes": self.nodes} if self.nodes else dict(self.values)

    def __str__(self) -> str:
        named = {k: str(v) for k, v in self.document().items() if v != ANY}
        return ", ".join(f"{k}={v}" for k, v in named.items()) or "no criteria"


def matches(rule: Mapping[str, Any] | None, request: Criteria) -> bool:
    """Whether an overlay with criteria `rule` answers the request (contract section 3.3).

    Asymmetric: an open rule field matches anything, an open request field only an open rule field.
    A rule of None never matches by itself.
    """
    if rule is None:
        return False
    return all(
        value in (ANY, "", 0)
        or value == (request.nodes if name == "nodes" else request.values[name])
        for name, value in rule.items()
    )


def specificity(rule: Mapping[str, Any] | None) -> int:
    """How many fields of the rule narrow it."""
    return sum(1 for value in (rule or {}).values() if value not in (ANY, "", 0))


def breadth(rule: Mapping[str, Any] | None) -> int:
    """How many fields the rule spells out as `any`: the more, the more general it says it is."""
    return sum(1 for value in (rule or {}).values() if value == ANY)


# --------------------------------------------------------------------------- criteria documents


def from_document(
    fields: Mapping[str, Field], document: Any, name: str, *, fold_keys: bool = False
) -> tuple[Criteria, list[Diagnostic]]:
    """Criteria from a RecipeCriteria document, and warnings about keys in it that have no effect.

    `name` is the file or source for messages; `fold_keys` accepts keys in any case (JSON bodies, as
    the real AICR reads them). Raises InvalidRequest on a wrong kind, type or value.
    """
    document = _object(document, name, "the document", fold_keys)
    _expect(document, name, "kind", KIND)
    _expect(document, name, "apiVersion", API_VERSION)
    spec = _object(document.get("spec"), name, "spec", fold_keys)
    given: dict[str, str] = {}
    nodes = 0
    for key, value in spec.items():
        target = SYNONYMS.get(key, key)
        if target == "nodes":
            nodes = _node_count(value, name)
        elif target in fields and value is not None:
            if not isinstance(value, str):
                raise InvalidRequest(f"{name}: spec.{key} must be text, not {_kind_of(value)}")
            first = given.setdefault(target, value)
            if first.strip().lower() != value.strip().lower():
                raise InvalidRequest(f"{name}: spec.gpu and spec.{target} disagree: state one")
    known = [*fields, *SYNONYMS, "nodes"]
    top = _unknown(document, ["kind", "apiVersion", "metadata", "spec"], "", name)
    top = [d._replace(hint="it belongs under spec") if _key(d) in known else d for d in top]
    try:
        criteria = Criteria.of(fields, given, nodes)
    except InvalidRequest as e:
        raise InvalidRequest(f"{name}: {e.message}", details=e.details) from None
    return criteria, top + _unknown(spec, known, "spec.", name)


def _object(value: Any, name: str, what: str, fold_keys: bool) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest(f"{name}: {what} must be a map, not {_kind_of(value)}")
    if not fold_keys:
        return value
    spelling = {k.lower(): k for k in ("kind", "apiVersion", "metadata", "spec")}
    folded = {spelling.get(k.lower(), k.lower()): v for k, v in value.items()}
    if len(folded) < len(value):
        raise InvalidRequest(f"{name}: a key of {what} stands twice, in two spellings")
    return folded


def _expect(document: Mapping[str, Any], name: str, key: str, expected: str) -> None:
    value = document.get(key)
    if value not in (None, "", expected):
        raise InvalidRequest(f'{name}: invalid {key} "{value}", expected "{expected}"')


def _node_count(value: Any, name: str) -> int:
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidRequest(f"{name}: spec.nodes must be a whole number, not {_kind_of(value)}")
    if value < 0:
        raise InvalidRequest(f"{name}: invalid nodes count: {value} (must be >= 0)")
    return value


def _unknown(
    document: Mapping[str, Any], known: Iterable[str], prefix: str, name: str
) -> list[Diagnostic]:
    known = list(known)
    return [
        Diagnostic(
            name, 0, 0, WARNING, "unknown-key",
            f"{prefix}{key} has no effect: criteria have no such key", did_you_mean(key, known),
        )
        for key in document
        if key not in known
    ]  # fmt: skip


def _key(diagnostic: Diagnostic) -> str:
    return diagnostic.message.split(" ", 1)[0]


def _kind_of(value: Any) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list"}
    return names.get(type(value), "a map" if isinstance(value, dict) else "null")
