"""Logs of functions and tasks at the hosted paths: whose they are, pages, and what is no job."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from aicr.errors import NotFound
from controlplane.runtime.protocol import Line
from tests.controlplane.services.calling import ACCOUNT, problem
from tests.controlplane.services.nvct.conftest import NOWHERE, Nvct, World, world

__all__ = ["world"]
LOGS = f"/v2/orgs/{ACCOUNT}/nvct/logs"


@pytest.fixture(scope="module")
def nvct(own_cache: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nvct]:
    made = Nvct(home=str(tmp_path_factory.mktemp("home")), runtime="simulated")
    made.everything = made.task_key()
    yield made
    made.close()


def lines(count: int) -> list[Line]:
    return [
        Line(f"2026-01-01T00:{n // 60:02}:{n % 60:02}.5Z", "stdout", f"line {n}")
        for n in range(count)
    ]


@pytest.fixture
def task(nvct: Nvct, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A task that has written 250 lines."""
    made = nvct.create()
    world.passes()
    known = {world.instance(made): lines(250)}

    def logs(id_: str, tail: int | None = None) -> Iterator[Line]:
        if id_ not in known:
            raise NotFound(id_)
        return iter(known[id_])

    monkeypatch.setattr(nvct.program.runtime, "logs", logs)
    return made


def ask(nvct: Nvct, task: dict[str, Any], **moments: str) -> Any:
    given = [{"name": name, "value": value} for name, value in moments.items()]
    return nvct.ask("POST", f"{LOGS}/tasks/{task['id']}", {"parameters": given})


def test_page_by_page(nvct: Nvct, task: dict[str, Any]) -> None:
    """As the SDK reads: what comes with the job, then page after page while there are more."""
    first = ask(nvct, task).json
    seen, page, pages = (
        list(first["data"]),
        first["metadata"]["page"] + 1,
        first["metadata"]["totalPages"],
    )
    while pages >= page:
        answer = nvct.good(
            "GET", f"{LOGS}/{first['jobId']}", params={"page": page, "page_size": 100}
        )
        seen += answer["data"]
        page += 1
    assert [line["message"] for line in seen] == [f"line {n}" for n in range(250)]
    assert seen[0]["stream"] == "stdout"
    assert seen[0]["instanceId"].startswith(task["id"])
    assert nvct.good("GET", f"{LOGS}/{first['jobId']}", params={"page": 9})["data"] == []


def test_from_when_to_when(nvct: Nvct, task: dict[str, Any]) -> None:
    found = ask(nvct, task, start="2026-01-01 00:00:10", end="2026-01-01 00:00:12").json
    assert [line["message"] for line in found["data"]] == ["line 10", "line 11", "line 12"]
    assert ask(nvct, task, start="2027-01-01 00:00:00").json["metadata"]["totalPages"] == 0
    problem(ask(nvct, task, start="yesterday"), 400, "time")


def test_whose_logs_they_are(nvct: Nvct, task: dict[str, Any]) -> None:
    job = ask(nvct, task).json["jobId"]
    other = nvct.task_key(resources=[{"type": "task", "id": NOWHERE}])
    for bearer in (other, nvct.task_key("list_tasks")):
        problem(nvct.ask("POST", f"{LOGS}/tasks/{task['id']}", {}, bearer=bearer), 403)
        problem(nvct.ask("GET", f"{LOGS}/{job}", bearer=bearer), 403)
    problem(nvct.ask("POST", f"{LOGS}/tasks/{NOWHERE}", {}), 404)


@pytest.mark.parametrize(
    "job",
    [
        "nope",
        "7b7d",
        "5b5d",
        "ff",
        b'[{"functionId":"x"},"",""]'.hex(),
        f'[{{"functionId":"{NOWHERE}"}},"",""]'.encode().hex(),
    ],
)
def test_what_is_no_job(nvct: Nvct, job: str) -> None:
    problem(nvct.ask("GET", f"{LOGS}/{job}"), 404, "no such job")


@pytest.mark.parametrize("page", ["0", "-1", "x", "99999999"])
def test_what_is_no_page(nvct: Nvct, task: dict[str, Any], page: str) -> None:
    job = ask(nvct, task).json["jobId"]
    problem(nvct.ask("GET", f"{LOGS}/{job}", params={"page": page}), 400, "page")


def test_what_has_no_log_has_no_lines(nvct: Nvct, task: dict[str, Any]) -> None:
    assert ask(nvct, nvct.create()).json["data"] == []
