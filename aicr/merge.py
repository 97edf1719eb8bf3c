"""THE merge rule book: how one layer goes over another. The only module that merges anything.

Every field of every document has one policy, written down in the tables below (a test holds them
against the models). deepmerge walks the two trees; the strategies here never change their inputs.

| policy    | base and next                                                                        |
|-----------|--------------------------------------------------------------------------------------|
| MAP       | maps merge key by key; a scalar or list on either side is replaced by next           |
| REPLACE   | next, whole                                                                          |
| IF_SET    | next unless it is empty ("" or [] or null), else base                                |
| KEYS      | a map whose keys are replaced whole: next's keys over base's (Helm override blocks)  |
| BY_NAME   | lists of maps with `name`: same names merge, new ones are added, sorted by name      |
| NAMED     | the same, in the order in which names first appear                                   |
| APPEND    | base's items, then next's that are not there yet                                     |
| OR        | true when either is true                                                             |
| OWN       | belongs to the document that states it and is never merged                           |

In the documents above the values (`RECIPE`, `REGISTRY`) null means "not stated"; in Helm values it
is a value like any other, since Helm then drops the chart's default.

Directives, in any map that merges: `$patch: delete` removes the map (or the list item of that name)
from what lies below, `$patch: replace` puts the map in place of it. A directive stays in the result
until `finish`, so that merging is associative: (a + b) + c equals a + (b + c).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from deepmerge import Merger

DIRECTIVE = "$patch"
DELETE = "delete"
REPLACE_WHOLE = "replace"


class Policy(Enum):
    MAP = "map"
    REPLACE = "replace"
    IF_SET = "if-set"
    KEYS = "keys"
    BY_NAME = "by-name"
    NAMED = "named"
    APPEND = "append"
    OR = "or"
    OWN = "own"


class Rule(NamedTuple):
    """A policy, and the rules of what lies below (`*` stands for any key and for list items)."""

    policy: Policy
    below: Mapping[str, Rule] = {}

    def child(self, key: str) -> Rule:
        return self.below.get(key) or self.below.get("*") or _FREE


_MAP, _REPLACE, _IF_SET = Rule(Policy.MAP), Rule(Policy.REPLACE), Rule(Policy.IF_SET)
_APPEND, _OR, _OWN = Rule(Policy.APPEND), Rule(Policy.OR), Rule(Policy.OWN)
# Below a table's last word: maps merge, anything else is replaced. That is how Helm merges values.
_FREE = Rule(Policy.MAP)

COMPONENT_REF = Rule(
    Policy.MAP,
    {
        "name": _REPLACE,
        "namespace": _IF_SET,
        "chart": _IF_SET,
        "type": _IF_SET,
        "source": _IF_SET,
        "version": _IF_SET,
        "tag": _IF_SET,
        "path": _IF_SET,
        "valuesFile": _IF_SET,
        "overrides": Rule(Policy.KEYS),
        "patches": _IF_SET,
        "dependencyRefs": _IF_SET,
        "manifestFiles": _APPEND,
        "cleanup": _OR,
        "expectedResources": _IF_SET,
        "healthCheckAsserts": _IF_SET,
    },
)

RECIPE = Rule(
    Policy.MAP,
    {
        "base": _OWN,
        "criteria": _OWN,
        "mixins": _OWN,
        "parameters": _OWN,
        "constraints": Rule(Policy.BY_NAME, {"*": _REPLACE}),
        "componentRefs": Rule(Policy.BY_NAME, {"*": COMPONENT_REF}),
        "validation": Rule(
            Policy.MAP,
            dict.fromkeys(("readiness", "deployment", "performance", "conformance"), _REPLACE),
        ),
    },
)

# Manifests of desired state. What lies below `resources` is the services': maps merge, and null
# takes back what a lower layer states.
CONTROL_PLANE = Rule(
    Policy.MAP,
    {
        "base": _OWN,
        "criteria": _OWN,
        "mixins": _OWN,
        "parameters": _OWN,
        "resources": _FREE,
    },
)

VALUES = _FREE

REGISTRY = Rule(
    Policy.MAP,
    {
        "apiVersion": _OWN,
        "kind": _OWN,
        "criteria": Rule(
            Policy.MAP,
            {
                "*": Rule(
                    Policy.MAP,
                    {
                        "summary": _IF_SET,
                        "values": Rule(Policy.NAMED, {"*": _REPLACE}),
                        "aliases": _MAP,
                    },
                )
            },
        ),
        "validators": Rule(Policy.NAMED, {"*": _REPLACE}),
        "driverBranches": _MAP,
        "components": Rule(Policy.BY_NAME, {"*": _REPLACE}),
    },
)


def _next(base: Any, nxt: Any) -> Any:
    return nxt


def _plain(value: Any) -> Any:
    return value


class RuleBook:
    """Merges two trees by one rule table.

    `replace(base, next)` builds what stands where `next` supersedes `base`, and `read(leaf)` gives
    the plain value of a leaf: with both left alone the trees are plain JSON; aicr.trace passes its
    own to carry the origin of every leaf through the very same rules.
    """

    def __init__(
        self,
        rule: Rule,
        replace: Callable[[Any, Any], Any] = _next,
        read: Callable[[Any], Any] = _plain,
    ) -> None:
        self._rule = rule
        self._replace = replace
        self._read = read
        self._merger = Merger(
            [(dict, self._maps), (list, self._lists)], [self._leaves], [self._conflict]
        )

    def merge(self, base: Any, nxt: Any) -> Any:
        """`nxt` over `base`; a new tree, which may share unchanged parts with both."""
        return self._merger.merge(base, nxt)

    def finish(self, tree: Any) -> Any:
        """The tree without directives: what they delete is gone. Call it once, after all layers."""
        return self._finish(tree, self._rule)

    def _rule_at(self, path: list[str]) -> Rule:
        rule = self._rule
        for key in path:
            rule = rule.child(key)
        return rule

    # ---- strategies: (merger, path, base, next) -> merged, as deepmerge calls them

    def _maps(self, merger: Any, path: list[str], base: Any, nxt: Any) -> Any:
        policy = self._rule_at(path).policy
        if policy is Policy.REPLACE:
            return self._replace(base, nxt)
        if policy is Policy.KEYS:
            return self._overlay_keys(base, nxt)
        if self._directive(nxt):
            return self._replace(base, nxt)
        if self._directive(base) == DELETE:
            return self._whole(base, nxt)
        merged = dict(base)
        for key, value in nxt.items():
            below = merger.value_strategy([*path, key], base[key], value) if key in base else value
            merged[key] = below
        return merged

    def _lists(self, merger: Any, path: list[str], base: Any, nxt: Any) -> Any:
        policy = self._rule_at(path).policy
        if policy in (Policy.BY_NAME, Policy.NAMED):
            merged = self._by_name(merger, path, base, nxt)
            names = sorted(merged) if policy is Policy.BY_NAME else merged
            return [merged[name] for name in names]
        if policy is Policy.APPEND:
            seen = [self._read(item) for item in base]
            return base + [item for item in nxt if self._read(item) not in seen]
        if policy is Policy.IF_SET and not nxt:
            return base
        return self._replace(base, nxt)

    def _leaves(self, _merger: Any, path: list[str], base: Any, nxt: Any) -> Any:
        rule = self._rule_at(path)
        policy = rule.policy
        if rule is not _FREE and self._read(nxt) is None:
            return base
        if policy is Policy.IF_SET and self._read(nxt) == "":
            return base
        if policy is Policy.OR and self._read(base) and not self._read(nxt):
            return base
        return self._replace(base, nxt)

    def _conflict(self, merger: Any, path: list[str], base: Any, nxt: Any) -> Any:
        """Different types. A leaf may stand for an empty map or list: then it merges like one."""
        below, above = self._open(base), self._open(nxt)
        rule = self._rule_at(path)
        if rule is not _FREE and (below is None or above is None):
            return base if above is None else nxt
        if isinstance(below, dict) and isinstance(above, dict):
            return self._maps(merger, path, below, above)
        policy = rule.policy
        lists = isinstance(below, list) and isinstance(above, list)
        if lists and policy in (Policy.APPEND, Policy.BY_NAME, Policy.NAMED):
            return self._lists(merger, path, below, above)
        if policy is Policy.IF_SET and not above:
            return base
        if isinstance(above, dict) and policy is Policy.MAP:
            return self._whole(base, above)
        return self._leaves(merger, path, base, nxt)

    def _open(self, value: Any) -> Any:
        return value if isinstance(value, (dict, list)) else self._read(value)

    def _by_name(self, merger: Any, path: list[str], base: Any, nxt: Any) -> dict[str, Any]:
        items = {str(self._read(item["name"])): item for item in base}
        for item in nxt:
            name = str(self._read(item["name"]))
            known = items.get(name)
            items[name] = (
                item if known is None else merger.value_strategy([*path, "*"], known, item)
            )
        return items

    def _overlay_keys(self, base: Any, nxt: Any) -> Any:
        replaced = {k: self._replace(base[k], v) if k in base else v for k, v in nxt.items()}
        return {**base, **replaced}

    def _whole(self, base: Any, nxt: Any) -> Any:
        """A map in place of something that was no map, or was deleted: marked, so that it stays
        in place of it when this result is later put over a further layer."""
        if self._directive(nxt):
            return self._replace(base, nxt)
        return {**self._replace(base, nxt), DIRECTIVE: REPLACE_WHOLE}

    def _directive(self, tree: Any) -> Any:
        return self._read(tree[DIRECTIVE]) if DIRECTIVE in tree else None

    def _finish(self, tree: Any, rule: Rule) -> Any:
        if rule.policy is Policy.KEYS:
            return tree  # Helm values in the making: their directives speak to the values below
        if isinstance(tree, dict):
            return {
                key: self._finish(value, rule.child(key))
                for key, value in tree.items()
                if key != DIRECTIVE and not self._gone(value, rule.child(key))
            }
        if isinstance(tree, list):
            below = rule.child("*")
            return [self._finish(v, below) for v in tree if not self._gone(v, below)]
        return tree

    def _gone(self, tree: Any, rule: Rule) -> bool:
        """Deleted, or never stated."""
        if isinstance(tree, dict):
            return bool(self._directive(tree) == DELETE)
        return rule is not _FREE and not isinstance(tree, list) and self._read(tree) is None
