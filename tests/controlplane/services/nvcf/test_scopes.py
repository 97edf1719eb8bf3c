"""Every endpoint: the right scope, a wrong one, none; what NVCF_TOKEN lacks; other accounts."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from controlplane.access.scopes import SCOPES, bearers
from controlplane.services.nvcf.endpoints import ENDPOINTS
from controlplane.vendor.endpoints import Endpoint
from tests.controlplane.services.calling import ACCOUNT, problem
from tests.controlplane.services.nvcf.conftest import FUNCTIONS, Nvcf


def _path(endpoint: Endpoint) -> str:
    path = endpoint.path.replace("{ncaId}", ACCOUNT).replace("{clientId}", "ncp")
    return re.sub(r"\{\w+\}", str(uuid4()), path)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: f"{e.method} {e.path}")
def test_who_may(nvcf: Nvcf, endpoint: Endpoint) -> None:
    method, path = endpoint.method.upper(), _path(endpoint)
    sent = None if endpoint.body is None else {}
    missing = nvcf.call(method, path, "", sent)
    assert missing.status_code == 401
    assert missing.headers["www-authenticate"].startswith("Bearer")
    assert missing.content == b""
    others = [s for s in SCOPES if s not in endpoint.scopes]
    problem(nvcf.call(method, path, nvcf.token(*others), sent), 403, "Access Denied")
    for scope in endpoint.scopes:
        # What is asked for is not there, or the body says nothing: past the guard either way.
        answer = nvcf.call(method, path, nvcf.token(scope), sent)
        assert answer.status_code in (200, 204, 400, 404, 409), answer.text
        assert answer.status_code not in (401, 403)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: f"{e.method} {e.path}")
def test_tokens_of_unknown_clients_are_404(nvcf: Nvcf, endpoint: Endpoint) -> None:
    bearer = nvcf.token(*endpoint.scopes, client="some-guy")
    answer = nvcf.call(endpoint.method.upper(), _path(endpoint), bearer, {})
    problem(answer, 404, "Unknown client_id 'some-guy'")


KEYED = [e for e in ENDPOINTS if any("apikey" in bearers(s) for s in e.scopes)]


@pytest.mark.parametrize("endpoint", KEYED, ids=lambda e: f"{e.method} {e.path}")
def test_keys_count_where_their_scopes_do(nvcf: Nvcf, endpoint: Endpoint) -> None:
    method, path = endpoint.method.upper(), _path(endpoint)
    sent = None if endpoint.body is None else {}
    assert nvcf.call(method, path, _key(nvcf, endpoint.scopes), sent).status_code not in (401, 403)


_keys: dict[tuple[str, ...], str] = {}


def _key(nvcf: Nvcf, scopes: tuple[str, ...]) -> str:
    if scopes not in _keys:
        _keys[scopes] = nvcf.key(*scopes)
    return _keys[scopes]


def test_an_administrator_of_all_accounts_has_nothing_on_the_normal_path(nvcf: Nvcf) -> None:
    bearer = nvcf.token("admin:list_functions")
    problem(nvcf.call("GET", FUNCTIONS, bearer), 403, "Access Denied")
    path = f"/v2/nvcf/accounts/{ACCOUNT}/functions"
    assert nvcf.call("GET", path, bearer).status_code == 200
    problem(nvcf.call("GET", "/v2/nvcf/accounts/nobody/functions", bearer), 404, "nobody")
    problem(nvcf.ask("GET", path), 403)


def test_doubled_slashes_are_sent_on_for_good(nvcf: Nvcf) -> None:
    answer = nvcf.ask("GET", "/v2/nvcf//functions")
    assert (answer.status_code, answer.headers["location"]) == (308, FUNCTIONS)
