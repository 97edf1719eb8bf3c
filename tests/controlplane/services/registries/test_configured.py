"""Registries of the settings: there while the settings say so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aicr.errors import InvalidRequest
from controlplane import registries
from controlplane.engine import Engine
from controlplane.families import KINDS
from controlplane.http.settings import from_environment
from controlplane.services.registries import configured
from controlplane.services.registries.models import RegistrySpec
from tests.controlplane import engines

VARIABLE = "NVCF_REGISTRIES_RECOGNIZED_CONTAINER_MY_HARBOR_"
ENVIRONMENT = {f"{VARIABLE}HOSTNAME": "Harbor.example.com", f"{VARIABLE}NAME": "Harbor"}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with engines.opened(str(tmp_path / "state.db"), KINDS) as made:
        yield made


def given(environment: dict[str, str]) -> Any:
    return from_environment(environment, {}).registries


def known(engine: Engine) -> list[str]:
    return [r.address for r in engine.store.read(lambda r: r.resources(registries.RECOGNIZED))]


def test_from_the_environment_to_the_state_and_out_again(engine: Engine) -> None:
    configured.ensure(engine, given(ENVIRONMENT))
    assert known(engine) == ["nvcf.recognizedRegistries.env-container-my-harbor"]
    found = engine.store.read(lambda r: registries.find(r, "CONTAINER", "harbor.example.com"))
    assert found == registries.Registry(
        "Harbor", "harbor.example.com", ("CONTAINER",), validated=False
    )
    before = engine.store.read(lambda r: r.meta()).serial
    configured.ensure(engine, given(ENVIRONMENT))
    assert engine.store.read(lambda r: r.meta()).serial == before
    configured.ensure(engine, given({**ENVIRONMENT, f"{VARIABLE}NAME": "Other"}))
    configured.ensure(engine, given({}))
    assert known(engine) == []


def test_they_are_as_manifests_would_write_them() -> None:
    for spec in given(ENVIRONMENT).values():
        assert RegistrySpec.model_validate(spec).model_dump(mode="json") == spec


def test_a_registry_without_a_name_is_called_by_its_host() -> None:
    (spec,) = given({f"{VARIABLE}HOSTNAME": "harbor.example.com"}).values()
    assert spec["name"] == "harbor.example.com"


def test_what_is_no_host() -> None:
    with pytest.raises(InvalidRequest, match=f"{VARIABLE}HOSTNAME"):
        given({f"{VARIABLE}HOSTNAME": "no host"})
