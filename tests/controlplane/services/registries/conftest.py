"""An application, a token that manages registry credentials, and bodies."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from tests.controlplane.services.calling import Vendor

SCOPE = "manage_registry_credentials"
CREDENTIALS = "/v2/nvcf/registry-credentials"
NGC, DOCKER = "api.ngc.nvidia.com", "docker.io"
_numbers = count()


def encoded(login: str) -> str:
    return base64.b64encode(login.encode()).decode()


VALUE = encoded("$oauthtoken:not-a-real-password")


def body(**more: Any) -> dict[str, Any]:
    """A body with which a credential is stored; None leaves a field out."""
    found = {
        "registryHostname": NGC,
        "artifactTypes": ["MODEL"],
        "secret": {"name": f"secret-{next(_numbers)}", "value": VALUE},
        **more,
    }
    return {key: value for key, value in found.items() if value is not None}


class Registries(Vendor):
    manager: str = ""

    def manage(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        return self.call(method, path, self.manager, body, **more)

    def store(self, **more: Any) -> dict[str, Any]:
        """A new credential."""
        answer = self.manage("POST", CREDENTIALS, body(**more))
        assert answer.status_code == 200, answer.text
        return dict(answer.json["registryCredential"])


def opened(**settings: Any) -> Registries:
    made = Registries(**settings)
    made.manager = made.token(SCOPE)
    return made


@pytest.fixture(scope="module")
def registries(own_cache: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registries]:
    made = opened(home=str(tmp_path_factory.mktemp("home")))
    yield made
    made.close()


@pytest.fixture
def own(own_cache: Any, tmp_path: Any) -> Iterator[Registries]:
    made = opened(home=str(tmp_path))
    yield made
    made.close()
