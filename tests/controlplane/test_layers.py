"""What is refused before anything is merged: nothing that applies, and too much about one thing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controlplane.layers import MAX_LAYERS

Write = Callable[[dict[str, str]], Path]


def manifest(name: str, spec: dict[str, Any]) -> str:
    head = {"apiVersion": "aicr.nvidia.com/v1alpha1", "kind": "ControlPlane"}
    return json.dumps({**head, "metadata": {"name": name}, "spec": spec})


def account(name: str) -> dict[str, Any]:
    return {"resources": {"access": {"accounts": {"a": {"name": name}}}}}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AICR_HOME", str(tmp_path / "home"))


def test_where_no_document_applies_nothing_is_wanted_deleted(aicr: Any, write: Write) -> None:
    root = write({"m/all.yaml": manifest("all", account("A"))})
    assert aicr("apply", "-f", str(root / "m"), "--yes").code == 0
    write({"m/all.yaml": manifest("all", {"criteria": {"region": "europe"}, **account("A")})})
    ran = aicr("apply", "-f", str(root / "m"), "--yes")
    assert ran.code == 2
    assert "no document applies: all is left out: --for region=europe adds it" in ran.err
    assert aicr("plan", "-f", str(root / "m"), "--for", "region=europe").out == "No changes.\n"


def test_too_many_documents_about_one_resource_are_one_finding(aicr: Any, write: Write) -> None:
    files = {f"m/{n}.yaml": manifest(f"d{n}", account(f"A{n}")) for n in range(MAX_LAYERS + 1)}
    ran = aicr("check", "-f", str(write(files) / "m"))
    assert ran.code == 2
    assert ran.out.splitlines()[-1] == "1 errors, 0 warnings"
    assert f"more than {MAX_LAYERS} documents" in ran.out


def test_each_document_is_told_of_one_other(aicr: Any, write: Write) -> None:
    files = {f"m/{n}.yaml": manifest(f"d{n}", account(f"A{n}")) for n in range(4)}
    ran = aicr("check", "-f", str(write(files) / "m"))
    assert ran.out.splitlines()[-1] == "3 errors, 0 warnings"


def test_a_circle_has_a_place(aicr: Any, write: Write) -> None:
    secrets = {"a": {"value": "store:b"}, "b": {"value": "store:a"}}
    files = {"m/s.yaml": manifest("s", {"resources": {"access": {"secrets": secrets}}})}
    root = write(files)
    ran = aicr("check", "-f", str(root / "m"), "--format", "json")
    (finding,) = ran.json["findings"]
    assert (finding["rule"], finding["line"]) == ("cycle", 1)
    assert finding["file"].endswith("s.yaml")
    assert "access.secrets.a -> access.secrets.b" in finding["message"]


def test_what_is_kept_of_a_manifest_is_private(aicr: Any, write: Write) -> None:
    root = write({"m/all.yaml": manifest("all", account("kept"))})
    before = os.umask(0)
    try:
        assert aicr("check", "-f", str(root / "m")).code == 0
    finally:
        os.umask(before)
    kept = list(Path(os.environ["AICR_CACHE_DIR"]).glob("manifests/*/*.json"))
    assert kept
    assert {path.stat().st_mode & 0o077 for path in kept} == {0}
