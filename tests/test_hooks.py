""".pre-commit-hooks.yaml: every hook is run as pre-commit would, by its very entry and arguments."""

from __future__ import annotations

import shlex
import subprocess
import sys
from typing import Any

import pytest
from pre_commit.clientlib import load_manifest

from tests.conftest import ROOT, Program, Write

HOOKS = {hook["id"]: hook for hook in load_manifest(ROOT / ".pre-commit-hooks.yaml")}
MANIFEST = """apiVersion: aicr.nvidia.com/v1alpha1
kind: ControlPlane
metadata: {{name: a}}
spec: {{resources: {{access: {{accounts: {{a: {{{field}: x}}}}}}}}}}
"""
ARGUMENTS = {
    "aicr-lint": ["--data", "catalog"],
    "aicr-check": ["-f", "site"],
    "aicr-plan": ["-f", "site"],
}


@pytest.fixture
def hook(program: Program, write: Write) -> Any:
    program("aicr", f'PYTHONPATH={ROOT} exec {sys.executable} -m aicr "$@"')

    def run(name: str, field: str, service: str) -> Any:
        place = write(
            {
                "site/a.yaml": MANIFEST.format(field=field),
                "catalog/registry.yaml": "apiVersion: aicr.nvidia.com/v1alpha1\nkind: ComponentRegistry\n",
                "catalog/a.yaml": "kind: RecipeMetadata\nmetadata: {name: site}\n"
                f"spec:\n  criteria: {{service: {service}, intent: any}}\n",
            }
        )
        command = [*shlex.split(HOOKS[name]["entry"]), *HOOKS[name]["args"], *ARGUMENTS[name]]
        return subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)

    return run


def test_there_are_three() -> None:
    assert set(HOOKS) == set(ARGUMENTS)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_sound_tree_passes(hook: Any, name: str) -> None:
    ran = hook(name, "name", "eks")
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_broken_one_fails_and_says_where(hook: Any, name: str) -> None:
    ran = hook(name, "nmae", "esk")
    assert ran.returncode == 2
    assert "a.yaml:" in ran.stdout + ran.stderr


@pytest.mark.parametrize("hook_", HOOKS.values(), ids=list(HOOKS))
def test_each_sees_the_whole_tree_once(hook_: Any) -> None:
    assert hook_["language"] == "python"
    assert not hook_["pass_filenames"]
    assert hook_["require_serial"]
