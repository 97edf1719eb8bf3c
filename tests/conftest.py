"""Fixtures that every test may use: an own cache, the built-in catalog, and the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from aicr import catalog as catalogs
from aicr.catalog import Catalog
from aicr.cli.main import main
from aicr.criteria import Criteria
from tests import nats, stores

# The same examples on every machine: a red build can be repeated.
settings.register_profile(
    "house", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")

ROOT = Path(__file__).parent.parent


class TextSnapshot(SingleFileSnapshotExtension):
    """One readable file per snapshot."""

    _write_mode = WriteMode.TEXT
    file_extension = "yaml"


@pytest.fixture
def snapshot(snapshot: Any) -> Any:
    return snapshot.use_extension(TextSnapshot)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Tests neither read nor fill the user's cache and home."""
    directory = tmp_path_factory.mktemp("cache")
    os.environ["AICR_CACHE_DIR"] = str(directory)
    os.environ["AICR_HOME"] = str(tmp_path_factory.mktemp("home"))
    yield directory
    del os.environ["AICR_CACHE_DIR"], os.environ["AICR_HOME"]


@pytest.fixture(scope="session")
def builtin(own_cache: Path) -> Catalog:
    return catalogs.load()


@pytest.fixture(scope="session")
def postgres() -> Iterator[stores.Postgres]:
    with stores.postgres_server() as server:
        yield server


@pytest.fixture(params=[stores.SQLITE, stores.POSTGRESQL])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty state is, in a file and in a PostgreSQL database: what uses this fixture runs
    once with each."""
    if request.param == stores.SQLITE:
        return str(tmp_path / "state.db")
    return str(request.getfixturevalue("postgres").database())


class Ran(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def aicr(capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Ran]:
    """Runs a command line in this process."""

    def run(*arguments: str) -> Ran:
        code = main(list(arguments))
        captured = capfdbinary.readouterr()
        return Ran(code, captured.out.decode(), captured.err.decode())

    return run


Write = Callable[[Mapping[str, str | bytes]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a tree of files (indentation of the literals is theirs to care for)."""

    def build(files: Mapping[str, str | bytes]) -> Path:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return build


Program = Callable[[str, str], Path]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Puts a shell script of a name before everything on the PATH."""
    directory = tmp_path / "programs"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory), prepend=os.pathsep)

    def put(name: str, script: str) -> Path:
        path = directory / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return put


@pytest.fixture
def no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is on the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))


REGISTRY = "apiVersion: aicr.nvidia.com/v1alpha1\nkind: ComponentRegistry\n"


@pytest.fixture
def external(write: Write) -> Callable[[Mapping[str, str | bytes]], str]:
    """An external catalog directory; a registry.yaml without content is added when none is given."""

    def build(files: Mapping[str, str | bytes]) -> str:
        named = {f"data/{name}": content for name, content in files.items()}
        return str(write({"data/registry.yaml": REGISTRY, **named}) / "data")

    return build


def criteria_of(catalog: Catalog, **given: Any) -> Criteria:
    nodes = given.pop("nodes", 0)
    return Criteria.of(catalog.fields, given, nodes)


def families(catalog: Catalog) -> dict[str, Criteria]:
    """One request per distinct recipe, by the name of its most specific overlay."""
    rules = {name: record["criteria"] for name, record in catalog.overlays.items()}
    return {name: criteria_of(catalog, **rule) for name, rule in rules.items() if rule is not None}


@pytest.fixture(scope="session")
def nats_server() -> Iterator[nats.NatsServer]:
    with nats.nats_server() as server:
        yield server
