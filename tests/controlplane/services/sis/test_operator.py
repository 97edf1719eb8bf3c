"""What the operator decides: no other keys for clusters, and what is said of versions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from controlplane.services.sis import rules
from tests.controlplane.services.calling import ACCOUNT
from tests.controlplane.services.sis.conftest import Sis, fault

VERSIONS = {"nvcaVersions": [{"version": "2.50", "operatorVersion": "1.9"}], "clusterSources": []}
PATH = f"/v1/accounts/{ACCOUNT}/clusterVersions"
# What is there whatever the operator says.
ALWAYS = {"clusterRegions": list(rules.REGIONS), "clusterSources": ["ngc-managed", "helm-managed"]}


@pytest.fixture(scope="module")
def operated(own_cache: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sis]:
    home = str(tmp_path_factory.mktemp("home"))
    made = Sis(home=home, key_rotation=False, cluster_versions=VERSIONS)
    made.manager = made.token("cluster-management")
    yield made
    made.close()


def test_no_other_keys(operated: Sis) -> None:
    id_, _ = operated.register()
    path = f"/v1/nvca/clusters/{id_}/jwks"
    fault(operated.manage("PUT", path, {"jwks": "{}"}), 404, "not replaced")
    fault(operated.call("PUT", path, "", {"jwks": "{}"}), 401)
    fault(operated.call("PUT", path, operated.token("list_functions"), {}), 403)


def test_versions(operated: Sis, sis: Sis) -> None:
    assert operated.manage("GET", PATH).json == {**VERSIONS, **ALWAYS}
    assert sis.manage("GET", PATH).json == ALWAYS


def test_versions_at_the_hosted_path(operated: Sis, sis: Sis) -> None:
    path = f"/v2/orgs/{ACCOUNT}/sis/clusterVersions"
    assert operated.manage("GET", path).json == {**VERSIONS, **ALWAYS}
    assert [*sis.manage("GET", path).json["nvcaVersions"][0]] == ["version", "operatorVersion"]
