"""What goes before a chart, what after it, and what the tools that act on it may not take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aicr import catalog as catalogs
from aicr import yamlio
from aicr.bundle.deployers.stages import built_in, without_hooks
from aicr.catalog import Catalog
from aicr.errors import InvalidRequest
from tests.bundle.test_bundle import bundle

External = Callable[[dict[str, str]], str]
MANIFEST = "components/{}/manifests/m.yaml"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"
CUSTOM = "apiVersion: example.test/v1\nkind: Thing\nmetadata:\n  name: a\n"
KUSTOMIZATION = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [x]\n"


def made(catalog: Catalog, *refs: Any, **options: Any) -> dict[str, str]:
    files = bundle(catalog, {"componentRefs": list(refs)}, **options)
    return {f.path: f.data.decode() for f in files}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CONFIG, True),
        (CUSTOM, False),
        (CONFIG + "---\n" + CUSTOM, False),
        ('apiVersion: "apps/v1"\n', True),
        ("apiVersion: rbac.authorization.k8s.io/v1\n", True),
        ("apiVersion: gateway.networking.k8s.io/v1\n", False),
        ("{apiVersion: v1}\n", False),
        ("", False),
    ],
)
def test_what_every_cluster_knows(text: str, expected: bool) -> None:
    assert built_in(text) is expected


def test_hooks_are_taken_out_of_metadata_only() -> None:
    text = (
        "metadata:\n  annotations:\n    helm.sh/hook: post-install\n"
        '    "helm.sh/hook-weight": "5"\n  name: a\ndata:\n  x: |\n    helm.sh/hook: stays\n---\n'
        "metadata:\n  name: b\n  annotations:\n    helm.sh/hook: pre-install\n    keep: me\n"
    )
    assert without_hooks(text) == (
        "metadata:\n  name: a\ndata:\n  x: |\n    helm.sh/hook: stays\n---\n"
        "metadata:\n  name: b\n  annotations:\n    keep: me\n"
    )
    assert without_hooks(CONFIG) == CONFIG


def test_manifests_stand_on_their_side_of_the_chart(external: External) -> None:
    files = {f"components/{n}/manifests/m.yaml": t for n, t in [("a", CONFIG), ("b", CUSTOM)]}
    files["components/a/manifests/late.yaml"] = CUSTOM
    files["components/a/manifests/crds.yaml"] = KUSTOMIZATION
    catalog = catalogs.load(external(files))
    paths = [
        MANIFEST.format("a"),
        "components/a/manifests/late.yaml",
        "components/a/manifests/crds.yaml",
    ]
    a = {"name": "a", "namespace": "n", "source": "https://x.test", "manifestFiles": paths}
    b = {"name": "b", "manifestFiles": [MANIFEST.format("b")]}
    written = made(catalog, a, b, deployer="helmfile")
    document = yamlio.parse(written["helmfile.yaml"].encode(), "h").value
    assert [r["name"] for r in document["releases"]] == ["a-before", "a", "a-after", "b"]
    assert document["releases"][0]["hooks"][0]["args"][-1] == "a/kustomize/crds"
    assert {
        "a/manifests/before/m.yaml",
        "a/manifests/after/late.yaml",
        "b/manifests/m.yaml",
    } <= set(written)
    flux = made(catalog, a, b, deployer="flux")
    chain = [line.split()[-1] for line in (flux["a/flux.yaml"] + flux["b/flux.yaml"]).splitlines()
             if line.startswith(("  name: ", "    - name: "))]  # fmt: skip
    assert chain == [
        "a-crds",
        "a-before",
        "a-crds",
        "a",
        "a-before",
        "a-after",
        "a",
        "b",
        "a-after",
    ]


def test_a_component_of_nothing_but_a_kustomization(external: External) -> None:
    catalog = catalogs.load(external({MANIFEST.format("a"): KUSTOMIZATION}))
    written = made(
        catalog, {"name": "a", "manifestFiles": [MANIFEST.format("a")]}, deployer="helmfile"
    )
    (release,) = yamlio.parse(written["helmfile.yaml"].encode(), "h").value["releases"]
    assert (release["chart"], len(release["hooks"])) == ("./a", 2)
    assert "a/Chart.yaml" in written


KUSTOMIZE = {"name": "k", "type": "Kustomize", "namespace": "n", "path": "config/default",
             "source": "https://git.test/org/repo.git", "tag": "v1"}  # fmt: skip


def test_remote_kustomizations(builtin: Catalog) -> None:
    helmfile = made(builtin, KUSTOMIZE, deployer="helmfile")
    url = "https://git.test/org/repo.git//config/default?ref=v1"
    assert url in helmfile["k/kustomize/kustomization.yaml"]
    assert 'chart: "./k/kustomize"' in helmfile["helmfile.yaml"]
    flux = made(builtin, KUSTOMIZE, deployer="flux")
    assert "    tag: v1\n" in flux["sources.yaml"]
    stage = yamlio.parse(flux["k/flux.yaml"].encode(), "k").value["spec"]
    assert stage["sourceRef"] == {"kind": "GitRepository", "name": "k"}
    assert (stage["path"], stage["targetNamespace"]) == ("./config/default", "n")


def test_sources_of_like_names_stay_apart(builtin: Catalog) -> None:
    refs = [{"name": n, "source": s} for n, s in
            [("a", "https://x.test/y"), ("b", "oci://x.test/y"), ("c", "https://x.test/y")]]  # fmt: skip
    document = yamlio.parse(
        made(builtin, *refs, deployer="helmfile")["helmfile.yaml"].encode(), "h"
    )
    assert document.value["repositories"] == [
        {"name": "x-test-y", "url": "https://x.test/y"},
        {"name": "x-test-y--2", "url": "x.test/y", "oci": True},
    ]
    assert [r["chart"] for r in document.value["releases"]] == [
        "x-test-y/a",
        "x-test-y--2/b",
        "x-test-y/c",
    ]


@pytest.mark.parametrize(
    ("ref", "deployer", "words"),
    [
        ({"name": "a", "source": "https://x", "version": '{{ exec "id" }}'}, "helmfile", "for a template"),
        ({"name": "a", "source": "ftp://x"}, "flux", "not from 'ftp://x'"),
        ({**KUSTOMIZE, "source": "git@github.com:a/b"}, "flux", "Flux takes Git from"),
        ({"name": "nvidia-stack", "source": "https://x"}, "flux", "nvidia-stack is there twice"),
        ({"name": "a" * 54, "source": "https://x"}, "helmfile", "longer than the 53 characters"),
    ],
)  # fmt: skip
def test_what_a_tool_would_not_take(
    builtin: Catalog, ref: dict[str, Any], deployer: str, words: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        made(builtin, ref, deployer=deployer)
    assert words in caught.value.message


def test_flux_refuses_a_repository_it_cannot_read(builtin: Catalog) -> None:
    ref = {"name": "a", "source": "https://x"}
    with pytest.raises(InvalidRequest, match="Flux takes Git from"):
        made(builtin, ref, deployer="flux", repo="git@github.com:a/b.git")
    assert "url: ssh://git@github.com/a/b.git" in made(
        builtin, ref, deployer="flux", repo="ssh://git@github.com/a/b.git"
    )["flux.yaml"]  # fmt: skip
