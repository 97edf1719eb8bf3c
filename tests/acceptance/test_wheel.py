"""The wheel: what it holds, what it imports, and that it answers like the checkout anywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from aicr import catalog
from tests.conftest import ROOT

ANSWER = ["recipe", "--service", "eks", "--accelerator", "h100", "--intent", "training"]
COMMANDS = [
    [*ANSWER, "--os", "ubuntu", "--platform", "kubeflow"],
    [*ANSWER, "--format", "json"],
    ["query", *ANSWER[1:], "--selector", ""],
    ["explain", "components.gpu-operator", *ANSWER[1:]],
    ["list", "recipes"],
    ["list", "components", "--format", "json"],
    ["lint", "--format", "json"],
    ["schema", "RecipeMetadata"],
    ["diff", "service=eks,os=any", "service=gke,os=cos"],
]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel, unpacked as an installer would."""
    scratch = tmp_path_factory.mktemp("wheel")
    (scratch / "tmp").mkdir()
    env = {**os.environ, "TMPDIR": str(scratch / "tmp")}
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(scratch)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True, env=env)
    (archive,) = scratch.glob("*.whl")
    with zipfile.ZipFile(archive) as unpacked:
        unpacked.extractall(scratch / "site")
    return scratch / "site"


def run(home: Path, arguments: list[str], cwd: str = "/", **env: str) -> tuple[int, bytes, bytes]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AICR_", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "aicr", *arguments],
        cwd=cwd,
        env={**clean, "PYTHONPATH": str(home), **env},
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_wheel_carries_data_and_compiled_catalog(wheel: Path) -> None:
    data = wheel / "aicr" / "_data"
    for part in ("overlays", "schemas", "templates"):
        expected = {p.relative_to(ROOT / part) for p in (ROOT / part).rglob("*.*")}
        assert {p.relative_to(data / part) for p in (data / part).rglob("*.*")} == expected
    assert json.loads((data / "catalog.json").read_text())["format"] == catalog.FORMAT
    assert (data / "origins.json").exists()
    assert not (wheel / "tests").exists()


def test_a_build_leaves_nothing_behind(wheel: Path) -> None:
    assert list((wheel.parent / "tmp").iterdir()) == []


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda a: " ".join(a)[:40])
def test_the_wheel_answers_like_the_checkout(
    wheel: Path, tmp_path: Path, arguments: list[str]
) -> None:
    installed = run(wheel, arguments, XDG_CACHE_HOME=str(tmp_path))
    assert installed == run(ROOT, arguments, cwd=str(tmp_path), XDG_CACHE_HOME=str(tmp_path))
    assert installed[0] == (1 if arguments[0] == "diff" else 0), installed[2]


ENVIRONMENTS = [
    {"PYTHONHASHSEED": "1", "TZ": "UTC"},
    {"PYTHONHASHSEED": "2", "TZ": "Asia/Kathmandu"},
    {"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


@pytest.mark.parametrize("arguments", COMMANDS[:4], ids=lambda a: " ".join(a)[:40])
def test_the_environment_changes_nothing(wheel: Path, tmp_path: Path, arguments: list[str]) -> None:
    results = {
        run(home, arguments, cwd=cwd, XDG_CACHE_HOME=str(tmp_path / str(i)), **env)
        for i, env in enumerate(ENVIRONMENTS)
        for home, cwd in ((wheel, "/"), (ROOT, str(tmp_path)))
    }
    assert len(results) == 1


@pytest.mark.parametrize("deployer", ["helm", "argocd"])
@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_a_bundle_is_the_same_bytes_everywhere(
    wheel: Path, tmp_path: Path, deployer: str, suffix: str
) -> None:
    digests = set()
    places = ((wheel, "/", 0o022), (ROOT, str(tmp_path), 0o077))
    for i, env in enumerate(ENVIRONMENTS):
        for home, cwd, mask in places:
            recipe, out = str(tmp_path / "r.yaml"), str(tmp_path / f"out{suffix}")
            previous = os.umask(mask)
            try:
                cache = {"XDG_CACHE_HOME": str(tmp_path / str(i)), **env}
                assert run(home, [*ANSWER, "--os", "any", "-o", recipe], cwd=cwd, **cache)[0] == 0
                arguments = ["bundle", "-r", recipe, "-o", out, "--deployer", deployer]
                assert run(home, arguments, cwd=cwd, **cache)[0] == 0
            finally:
                os.umask(previous)
            digests.add(sha256(Path(out).read_bytes()).hexdigest())
    assert len(digests) == 1


def test_the_order_of_directories_changes_nothing(tmp_path: Path) -> None:
    """The same external catalog, its files made in two orders."""
    listing = sorted(p for p in (ROOT / "overlays").rglob("*") if p.is_file())
    outputs = set()
    for order, files in (("up", listing), ("down", listing[::-1])):
        root = tmp_path / order / "data"
        root.mkdir(parents=True)
        for path in files:
            target = root / "overlays" / path.relative_to(ROOT / "overlays")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        shutil.copy(ROOT / "registry.yaml", root)
        cache = str(tmp_path / order / "cache")
        arguments = ["explain", "components", *ANSWER[1:], "--data", "data"]
        outputs.add(run(ROOT, arguments, cwd=str(root.parent), XDG_CACHE_HOME=cache))
    assert len(outputs) == 1
    assert outputs.pop()[0] == 0


HEAVY = ("pydantic", "jinja2", "jsonschema", "ruamel", "dataclasses", "importlib.resources")


def test_a_compiled_answer_imports_nothing_heavy(wheel: Path) -> None:
    program = (
        "import sys; from aicr.cli.main import main; code = main(sys.argv[1:]); "
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, *ANSWER, "--os", "any"],
        env={"PYTHONPATH": str(wheel), "HOME": "/nonexistent"},
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stderr == "[]\n"
    assert done.stdout.startswith("kind: RecipeResult")
