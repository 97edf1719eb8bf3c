"""Requests made of /openapi.json: no 5xx, and no status that the document does not name.

    AICR_SCHEMATHESIS_EXAMPLES=5000 python -m pytest tests/controlplane/test_schemathesis.py

spends that many examples on all operations together; 300 otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from controlplane.access import scopes
from controlplane.access.bootstrap import CLIENT
from controlplane.http.log import set_level
from controlplane.http.settings import Settings
from controlplane.program import Program, home_of, prepare
from tests.controlplane.conftest import PLENTY
from tests.controlplane.routes import ALL, STREAMS

OPERATIONS = [
    (path, method.lower())
    for path, methods in ALL.items()
    for method in methods
    if path not in STREAMS
]
_NVCF = (
    *scopes.ADMIN, "list_cluster_groups", "queue_details", "authorize_clients", "invoke_function",
)  # fmt: skip
# What vendors' paths want, by prefix; the others take the credential of this host.
TOKENS = {
    ("/v1/accounts", "/v1/si", "/v1/nvca"): (
        "cluster-management", "cluster_listing", "gpu_listing", "regions_listing",
        "clusters_listing", "attributes_listing", "instance_types", "gpu-usage",
    ),
    ("/v2/nvcf/accounts",): (*(f"admin:{scope}" for scope in _NVCF), "account_setup"),
    ("/v2/org", "/v2/users", "/v3/"): (*_NVCF, "cluster-management"),
    ("/v2/nvcf/",): (*_NVCF, "account_setup"),
}  # fmt: skip
EXAMPLES = int(os.environ.get("AICR_SCHEMATHESIS_EXAMPLES", "300"))


@pytest.fixture(scope="module")
def described(own_cache: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    home = str(tmp_path_factory.mktemp("home"))
    settings = Settings(**PLENTY, log_level="error", home=home)
    set_level("error")
    prepare(settings)
    program = Program(settings)
    described = schemathesis.openapi.from_asgi("/openapi.json", program.app)
    described.token = home_of(program.settings).token()
    # In two, since clusters take no long ones.
    issue = program.credentials.tokens.issue
    described.tokens = {prefixes: issue(CLIENT, asked).value for prefixes, asked in TOKENS.items()}
    yield described
    set_level("info")
    program.engine.store.close()


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_operation(described: Any, path: str, method: str) -> None:
    checks = [not_a_server_error, status_code_conformance, content_type_conformance]

    @settings(
        max_examples=max(1, -(-EXAMPLES // len(OPERATIONS))),
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=described[path][method].as_strategy(generation_mode=GenerationMode.NEGATIVE)
        | described[path][method].as_strategy()
    )
    def check(case: Any) -> None:
        found = (t for prefixes, t in described.tokens.items() if path.startswith(prefixes))
        bearer = next(found, described.token)
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {bearer}"}
        case.call_and_validate(checks=checks)

    check()
