"""What nobody expected is a 500 that says nothing of the inside; the log says it all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aicr.errors import Internal
from controlplane.services.aicr import answers
from tests.controlplane.conftest import problem
from tests.controlplane.http.test_metrics import samples


def test_an_unexpected_error(
    api_with: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    own = api_with()

    def fail(*_: Any) -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(answers, "resolve", fail)
    answer = own.simulate_get("/v1/recipe")
    body = problem(answer, 500, "INTERNAL_ERROR")
    assert "secret" not in answer.text
    first = json.loads(capfd.readouterr().err.splitlines()[0])
    assert first["requestId"] == body["requestId"]
    assert "secret of the house" in first["trace"]
    assert samples(own)["aicr_panic_recoveries_total"] == 1
    assert samples(own)["aicr_http_requests_in_flight"] == 0


def test_an_internal_error_of_the_compiler(api_with: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own = api_with()

    def fail(*_: Any) -> None:
        raise Internal("the catalog is inconsistent")

    monkeypatch.setattr(answers, "resolve", fail)
    problem(own.simulate_get("/v1/recipe"), 500, "INTERNAL_ERROR")
