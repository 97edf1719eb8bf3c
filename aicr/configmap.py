"""ConfigMaps as files: `cm://namespace/name` (contract section 11.4), through kubectl."""

from __future__ import annotations

import json
import re
from typing import Any

from aicr import clock, kubectl
from aicr._version import __version__
from aicr.errors import InvalidRequest, NotFound, Unavailable

FIELD_MANAGER = "aicr"
_DNS_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_DNS_NAME = r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?"
# Which data key holds the document, in the order in which they are tried.
_SUFFIXES = ("yaml", "json", "txt")


def address(uri: str) -> tuple[str, str]:
    """Namespace and name of a cm:// address. Raises InvalidRequest."""
    namespace, _, name = uri.removeprefix("cm://").partition("/")
    # Also keeps a name from being read as a flag of kubectl.
    if not re.fullmatch(_DNS_LABEL, namespace) or not re.fullmatch(_DNS_NAME, name):
        raise InvalidRequest(
            f'invalid ConfigMap URI "{uri}": invalid configmap URI format, '
            "expected cm://namespace/name"
        )
    return namespace, name


def read(uri: str, kubeconfig: str | None) -> tuple[str, bool]:
    """The document in a ConfigMap as text, and whether it is JSON."""
    namespace, name = address(uri)
    found = kubectl.run(["get", "configmap", name, "-n", namespace, "-o", "json"], kubeconfig)
    try:
        data = json.loads(found).get("data") or {}
    except (ValueError, AttributeError):
        raise Unavailable(f"{uri}: kubectl answered something else than JSON") from None
    stated = data.get("format", "")
    for suffix in dict.fromkeys((stated, *_SUFFIXES)):
        if f"snapshot.{suffix}" in data:
            return data[f"snapshot.{suffix}"], suffix == "json"
    raise NotFound(f"{uri} holds no document (no key snapshot.yaml, .json or .txt)")


def write(uri: str, text: str, suffix: str, kubeconfig: str | None, component: str) -> None:
    """Create or update the ConfigMap of a document by server-side apply.

    `component` says what the document is: recipe or snapshot.
    """
    namespace, name = address(uri)
    labels = {
        "app.kubernetes.io/name": "aicr",
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/version": __version__,
    }
    manifest: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "data": {
            f"snapshot.{suffix}": text,
            "format": suffix,
            "timestamp": clock.stamp(clock.now()),
        },
    }
    arguments = ["apply", "--server-side", "--force-conflicts", "--field-manager", FIELD_MANAGER]
    kubectl.run([*arguments, "-f", "-"], kubeconfig, json.dumps(manifest))
