"""Lint: every rule fires on its mistake, and the built-in catalog is clean."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aicr import catalog as catalogs
from aicr.lint import lint
from aicr.sources import read_builtin, read_external

External = Callable[[dict[str, str]], str]
META = "kind: RecipeMetadata\nmetadata: {name: x}\n"
OKE = META + "spec:\n  criteria: {service: oke}\n"
BLOCK = "a: {b: 1, c: 2, d: 3, e: 4, f: 5, g: 6, h: 7}"


def overlay(name: str, body: str) -> str:
    return f"metadata: {{name: {name}}}\nspec:\n{body}"


CASES: dict[str, tuple[dict[str, str], list[str]]] = {
    "nothing": ({}, []),
    "not yaml": ({"overlays/x.yaml": "a: ["}, ["overlays/x.yaml:1:5: error: malformed YAML"]),
    "unknown dependency": (
        {"overlays/x.yaml": OKE + "  componentRefs: [{name: gpu-operator, dependencyRefs: [zz]}]\n"},
        ['overlays/x.yaml:5:3: error: component "gpu-operator" references unknown dependency "zz"'],
    ),
    "dependency cycle": (
        {"overlays/x.yaml": OKE + "  componentRefs: [{name: cert-manager, dependencyRefs: [gpu-operator]}]\n"},
        ["error: circular dependency detected: "],
    ),
    "unknown component": (
        {"overlays/x.yaml": OKE + "  componentRefs: [{name: gpu-operater, version: v1}]\n"},
        ["5:26: warning: component 'gpu-operater' is not in registry.yaml: it gets no defaults "
         "(did you mean 'gpu-operator'"],
    ),
    "missing values file": (
        {"overlays/x.yaml": OKE + "  componentRefs: [{name: kgateway, valuesFile: components/kgateway/v.yaml}]\n"},
        ["5:48: error: values file components/kgateway/v.yaml does not exist"],
    ),
    "bad type": (
        {"overlays/x.yaml": OKE + "  componentRefs: [{name: kgateway, type: Hell}]\n"},
        ["5:42: error: type 'Hell' is neither Helm nor Kustomize"],
    ),
    "bad constraint path": (
        {"overlays/x.yaml": OKE + "  constraints: [{name: K9s.a.b, value: x}]\n"},
        ["5:24: error: 'K9s.a.b' is no Type.Subtype.Key"],
    ),
    "bad constraint expression": (
        {"overlays/x.yaml": OKE + "  constraints: [{name: K8s.a.b, value: '>= one'}]\n"},
        ["5:40: error: '>= one' can never be evaluated"],
    ),
    "unused mixin": (
        {"overlays/m.yaml": "kind: RecipeMixin\nmetadata: {name: m}\nspec: {constraints: []}\n"},
        ["overlays/m.yaml:1:1: warning: no overlay uses the mixin 'm'"],
    ),
    "unselectable overlay": (
        {"overlays/x.yaml": META + "spec: {}\n"},
        ["overlays/x.yaml:1:1: warning: overlay 'x' has no criteria and no children"],
    ),
    "unused values": (
        {"components/kgateway/values-x.yaml": "a: 1\n"},
        ["components/kgateway/values-x.yaml:1:1: warning: no component names"],
    ),
    "redundant constraint": (
        {"overlays/x.yaml": OKE + "  constraints: [{name: K8s.server.version, value: '>= 1.25'}]\n"},
        ["5:17: warning: the parents already state K8s.server.version"],
    ),
    "redundant field": (
        {"overlays/x.yaml": OKE + "  componentRefs: [{name: cert-manager, version: v1.17.2}]\n"},
        ["5:49: warning: the parents already give cert-manager this version"],
    ),
    "floating version": (
        {"overlays/x.yaml": OKE + "  componentRefs: [{name: kk, source: 'https://k.test'}]\n"},
        ["warning: the version of kk is not pinned", "warning: component 'kk' is not in registry.yaml"],
    ),
    "coin toss": (
        {
            "overlays/a.yaml": overlay("sa", "  criteria: {service: oke}\n  constraints: [{name: OS.a.b, value: a}]\n"),
            "overlays/b.yaml": overlay("sb", "  criteria: {os: rhel}\n  constraints: [{name: OS.a.b, value: b}]\n"),
        },
        ["overlays/b.yaml:2:1: error: sa and sb answer the same requests, are "
         "equally specific, and set constraints.OS.a.b differently: sb wins only by its name"],
    ),
    "no coin toss between relatives, strangers or equals": (
        {
            "overlays/a.yaml": overlay("sa", "  criteria: {service: oke}\n  constraints: [{name: OS.a.b, value: a}]\n"),
            "overlays/b.yaml": overlay("sb", "  base: sa\n  criteria: {os: rhel}\n  constraints: [{name: OS.a.b, value: b}]\n"),
            "overlays/c.yaml": overlay("sc", "  criteria: {service: gke, os: cos}\n  constraints: [{name: OS.a.b, value: c}]\n"),
            "overlays/d.yaml": overlay("sd", "  criteria: {accelerator: l40}\n  constraints: [{name: OS.q.b, value: a}]\n"),
        },
        [],
    ),
    "repetition": (
        {
            "overlays/a.yaml": overlay("sa", f"  criteria: {{service: oke}}\n  componentRefs: [{{name: kgateway, overrides: {{{BLOCK}}}}}]\n"),
            "overlays/b.yaml": overlay("sb", f"  criteria: {{os: rhel}}\n  componentRefs: [{{name: kgateway, overrides: {{{BLOCK}}}}}]\n"),
        },
        ["overlays/b.yaml:4:3: warning: spec.componentRefs stands in 2 files"],
    ),
    "override key taken": (
        {"registry.yaml": "components: [{name: a, displayName: a, valueOverrideKeys: [gpuoperator, cert-manager]}]\n"},
        ["registry.yaml:1:40: error: override key 'cert-manager' already belongs to cert-manager",
         "registry.yaml:1:40: error: override key 'gpuoperator' already belongs to gpu-operator"],
    ),
    "no display name": (
        {"registry.yaml": "components: [{name: a}]\n"},
        ["registry.yaml:1:14: warning: component 'a' has no displayName"],
    ),
    "unknown operator": (
        {"overlays/x.yaml": OKE + "  constraints: [{name: K8s.a.b, value: '=> 1'}]\n"},
        ["5:40: error: '=> 1' can never be evaluated: operators are >=, <=, ==, !=, >, <"],
    ),
    "missing manifest": (
        {"overlays/x.yaml": OKE + "  componentRefs: [{name: kgateway, version: v9, manifestFiles: [../../etc/passwd]}]\n"},
        ["5:65: error: manifest ../../etc/passwd does not exist"],
    ),
    "deleting what is not there": (
        {"overlays/x.yaml": OKE + "  componentRefs: [{name: kai-schedulr, $patch: delete}]\n"},
        ["5:19: warning: there is no component 'kai-schedulr' to delete below x (did you mean 'kai-scheduler'"],
    ),
    "parameter outside of a mixin": (
        {"overlays/x.yaml": OKE + "  componentRefs: [{name: kgateway, version: '${v}'}]\n"},
        ["5:45: warning: ${v} stays as it is: parameters are for mixins"],
    ),
    "coin toss over a whole override": (
        {
            "overlays/a.yaml": overlay("sa", "  criteria: {service: oke}\n  componentRefs: [{name: gpu-operator, overrides: {sandbox: {x: 1}}}]\n"),
            "overlays/b.yaml": overlay("sb", "  criteria: {os: rhel}\n  componentRefs: [{name: gpu-operator, overrides: {sandbox: {y: 1}}}]\n"),
        },
        ["and set componentRefs.gpu-operator.overrides.sandbox differently"],
    ),
    "unread file": (
        {"cat.yaml": "kind: Other\n"},
        ["cat.yaml: warning: neither RecipeMetadata nor RecipeMixin: nothing reads this file"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_rules(external: External, name: str) -> None:
    files, expected = CASES[name]
    directory = external(files)
    found = catalogs.in_directory(lint(read_builtin(), read_external(directory)), directory)
    texts = [str(d).removeprefix(directory + "/") for d in found]
    assert len(texts) == len(expected), texts
    for text, words in zip(texts, expected, strict=True):
        assert words in text


def test_the_built_in_catalog_is_clean() -> None:
    assert lint(read_builtin()) == []
