"""Whom a request is for."""

from __future__ import annotations

import pytest

from controlplane.services.invoke import targets
from controlplane.services.invoke.errors import Refusal
from controlplane.services.invoke.requests import Target
from controlplane.services.invoke.targets import Call

F, V = "0b7cbb43-3c24-4d35-a07c-1c5a0a5a6ed1", "5a8d9f52-7c11-4b1e-9a52-1f6f0f9f2c3d"


def scope(**headers: str) -> dict[str, object]:
    return {"headers": [(n.replace("_", "-").encode(), v.encode()) for n, v in headers.items()]}


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"host": "localhost:8080"}, None),
        ({"host": f"{F}.invocation.localhost"}, Target(F)),
        ({"host": f"{F.upper()}.x:8080"}, Target(F)),
        ({"host": f"{V}.{F}.localhost"}, Target(F, V)),
        ({"host": f"{F}"}, None),
        ({"host": f"{F[:-1]}x.localhost"}, None),
        ({"host": "x", "function_id": F}, Target(F)),
        ({"host": "x", "function_id": F, "function_version_id": V.upper()}, Target(F, V)),
        ({"host": "x", "function_id": F, "function_version_id": "no"}, Target(F, "no")),
        ({"host": "x", "function_id": "no"}, None),
        ({"host": f"{V}.x", "function_id": F}, Target(F)),
    ],
)
def test_headers_and_hosts(headers: dict[str, str], found: Target | None) -> None:
    assert targets.direct(scope(**headers)) == found


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("POST", f"/v2/nvcf/pexec/functions/{F}", Call(Target(F))),
        ("POST", f"/v2/nvcf/pexec/functions/{F.upper()}/versions/{V}", Call(Target(F, V))),
        ("POST", f"/v2/nvcf/exec/functions/{F}", Call(Target(F), wrapped=True)),
        ("GET", f"/v2/nvcf/pexec/status/{F}", Call(request=F)),
        ("GET", f"/v2/nvcf/exec/status/{F}", Call(request=F, wrapped=True)),
        ("GET", "/v2/nvcf/pexec/status/no", 400),
        ("POST", "/v2/nvcf/pexec/functions/no", 400),
        ("POST", f"/v2/nvcf/pexec/functions/{F}/versions/no", 400),
        ("PUT", f"/v2/nvcf/pexec/functions/{F}", 405),
        ("POST", f"/v2/nvcf/pexec/functions/{F}/more", 404),
        ("POST", "/v2/nvcf/pexec", 404),
    ],
)
def test_paths(method: str, path: str, found: Call | int) -> None:
    assert targets.is_path(path)
    if isinstance(found, Call):
        assert targets.call(method, path) == found
        return
    with pytest.raises(Refusal) as refused:
        targets.call(method, path)
    assert refused.value.status == found


def test_other_paths_are_not_ours() -> None:
    for path in ("/v2/nvcf/functions", "/v2/nvcf/pexecutor", "/v2/nvcf/execs/x", "/"):
        assert not targets.is_path(path)


def test_what_names_a_function_stands_before_an_allowed_host() -> None:
    allowed = {"nvcf.example.org"}
    for host in ("nvcf.example.org:80", f"{F}.nvcf.example.org", f"{V}.{F}.NVCF.example.org."):
        targets.check_host(scope(host=host), allowed)
    for host in ("evil.org", f"{F}.evil.org", "x.nvcf.example.org", f"{F}.x.nvcf.example.org", F):
        with pytest.raises(Refusal):
            targets.check_host(scope(host=host), allowed)
    targets.check_host(scope(host="anything"), ())
    for wrong in (
        {"headers": []},
        {"headers": [(b"host", b"a"), (b"host", b"a")]},
        scope(host="a b"),
    ):
        with pytest.raises(Refusal):
            targets.check_host(wrong, ())


@pytest.mark.parametrize(
    ("path", "label"),
    [
        (f"/v2/nvcf/pexec/functions/{F}", "/v2/nvcf/pexec/functions/{functionId}"),
        (
            f"/v2/nvcf/exec/functions/{F}/versions/{V}",
            "/v2/nvcf/exec/functions/{functionId}/versions/{versionId}",
        ),
        ("/v2/nvcf/pexec/status/x", "/v2/nvcf/pexec/status/{requestId}"),
        ("/v2/nvcf/pexec/anything/else", "/v2/nvcf/pexec"),
    ],
)
def test_labels_are_few(path: str, label: str) -> None:
    assert targets.label(path) == label
