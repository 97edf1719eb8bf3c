"""The bill of materials: valid CycloneDX, and every image that values and manifests name."""

from __future__ import annotations

from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from aicr import jsonio
from aicr.bundle import sbom
from aicr.bundle.compile import Component, Manifest
from aicr.catalog import Catalog
from tests.bundle.test_bundle import bundle, of_family
from tests.test_resolve import NAMES


def component(values: Any = None, manifest: str = "") -> Component:
    manifests = (Manifest("m.yaml", manifest),) if manifest else ()
    return Component("a", "n", "a", "", "", "", "", False, values or {}, manifests, ())


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_has_a_valid_bill(builtin: Catalog, name: str) -> None:
    document = of_family(builtin, name)[sbom.NAME].data.decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(document) is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"driver": {"repository": "nvcr.io/nvidia", "image": "driver", "version": "580.1"}},
            ("nvcr.io/nvidia/driver", "580.1"),
        ),
        ({"image": {"repository": "ghcr.io/x/y", "tag": "v1"}}, ("ghcr.io/x/y", "v1")),
        (
            {"image": {"registry": "quay.io", "repository": "x/y", "tag": "v1"}},
            ("quay.io/x/y", "v1"),
        ),
        ({"image": {"repository": "busybox", "tag": 1.36}}, ("docker.io/library/busybox", "1.36")),
        ({"sidecars": [{"image": "x/y:1"}]}, ("docker.io/x/y", "1")),
        ({"image": "localhost:5000/x:1"}, ("localhost:5000/x", "1")),
        ({"image": "x/y:1@sha256:ab"}, ("docker.io/x/y", "sha256:ab")),
        ({"image": "y", "repository": "h.io/x"}, None),
        ({"image": "h.io:5000/x"}, None),
        ({"version": "1"}, None),
    ],
)
def test_images_of_values(values: Any, expected: Any) -> None:
    assert list(sbom.images(component(values))) == ([expected] if expected else [])


def test_images_of_manifests() -> None:
    text = 'spec:\n  - image: "h.io/a:1"\n    name: image\n  - name: b\n    image: h.io/b:2 # x\n'
    assert list(sbom.images(component(manifest=text))) == [("h.io/a", "1"), ("h.io/b", "2")]


def test_the_serial_number_follows_from_the_content(builtin: Catalog) -> None:
    def serial(version: str) -> str:
        ref = {"name": "cert-manager", "version": version}
        files = {f.path: f for f in bundle(builtin, {"componentRefs": [ref]})}
        return str(jsonio.parse(files[sbom.NAME].data, "s")["serialNumber"])

    assert serial("v1.0.0") == serial("v1.0.0") != serial("v1.0.1")
