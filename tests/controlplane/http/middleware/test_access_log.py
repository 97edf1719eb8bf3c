"""One JSON line per request on standard error, with the id that the client saw."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controlplane.http import log
from tests.controlplane.conftest import Api


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    log.flush()
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/recipe", 200), ("GET", "/nothing", 404), ("DELETE", "/v1/bundle", 405)],
)
def test_a_line(
    api: Api, capfd: pytest.CaptureFixture[str], method: str, path: str, status: int
) -> None:
    answer = api.simulate_request(method, path, remote_addr="192.0.2.7")
    (line,) = lines(capfd)
    assert line["requestId"] == answer.headers["x-request-id"]
    assert (line["method"], line["path"], line["status"]) == (method, path, status)
    assert line["client"] == "192.0.2.7"
    assert line["ms"] >= 0
    assert line["level"] == "INFO"


def test_a_path_cannot_forge_a_line(api: Api, capfd: pytest.CaptureFixture[str]) -> None:
    api.simulate_get('/a%0A{"level":"ERROR"}')
    (line,) = lines(capfd)
    assert line["path"] == '/a\n{"level":"ERROR"}'


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
def test_probes_are_not_worth_a_line(
    api: Api, capfd: pytest.CaptureFixture[str], path: str
) -> None:
    api.simulate_get(path)
    assert lines(capfd) == []


@pytest.mark.parametrize(("level", "count"), [("debug", 1), ("info", 1), ("warn", 0), ("error", 0)])
def test_the_level(api: Api, capfd: pytest.CaptureFixture[str], level: str, count: int) -> None:
    log.set_level(level)
    api.simulate_get("/")
    assert len(lines(capfd)) == count
