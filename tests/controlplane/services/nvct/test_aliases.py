"""Tasks at the hosted paths: the very same, for keys of tasks of whoever is of the org."""

from __future__ import annotations

import re

import pytest

from tests.controlplane.routes import TASK_ALIASES
from tests.controlplane.services.calling import ACCOUNT, problem
from tests.controlplane.services.nvct.conftest import NOWHERE, SCOPES, TASKS, Nvct, World, body

EACH = [(method, path) for path, methods in TASK_ALIASES.items() for method in methods]
ORG = f"/v2/orgs/{ACCOUNT}"


@pytest.mark.parametrize(("method", "path"), EACH)
def test_who_may(nvct: Nvct, method: str, path: str) -> None:
    def at(org: str) -> str:
        return re.sub(r"\{\w+\}", NOWHERE, path.replace("{org}", org).replace("{team}", "t"))

    sent = None if method in ("GET", "DELETE") else {}
    problem(nvct.call(method, at(ACCOUNT), "", sent), 401)
    problem(nvct.call(method, at("other"), nvct.everything, sent), 403, "Access Denied")
    for bearer in (nvct.key(*SCOPES), nvct.task_key("list_functions"), nvct.token("launch_task")):
        problem(nvct.call(method, at(ACCOUNT), bearer, sent), 403)
    answer = nvct.call(method, at(ACCOUNT), nvct.everything, sent)
    assert answer.status_code in (200, 204, 400, 404), answer.text


def test_the_same_answer_by_both_paths(nvct: Nvct, world: World) -> None:
    made = nvct.good("POST", f"{ORG}/nvct/tasks", body())["task"]
    world.passes()
    for path in (
        "tasks",
        f"tasks/{made['id']}",
        f"tasks/{made['id']}/events",
        f"tasks/{made['id']}/results",
    ):
        plain, *hosted = (
            nvct.ask("GET", f"{base}/{path}")
            for base in (TASKS.removesuffix("/tasks"), f"{ORG}/nvct", f"{ORG}/teams/t/nvct")
        )
        assert plain.status_code == 200
        assert all(answer.content == plain.content for answer in hosted)
    instances = nvct.good("GET", f"{ORG}/skyway/instances/tasks/{made['id']}")["instances"]
    assert instances == nvct.get(made)["instances"]
    # Its client reads a body, and leads itself from page to page by cursors that are not escaped.
    assert (
        nvct.good("POST", f"{ORG}/nvct/tasks/{made['id']}/cancel")["task"]["status"] == "CANCELED"
    )
