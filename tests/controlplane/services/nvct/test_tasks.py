"""Tasks over the API: what may be created, lists and their pages, cancelling, secrets."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.controlplane.services.calling import ACCOUNT, problem, without
from tests.controlplane.services.nvct.conftest import (
    BASE,
    IMAGE,
    NOWHERE,
    TASKS,
    Nvct,
    body,
    gpu,
)

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
NGC = {"name": "ngc_api_key", "value": "nvapi-secret"}
SECRET = {"name": "ALPHA", "value": "one"}


def upload(**more: Any) -> dict[str, Any]:
    return body(
        **{
            "resultHandlingStrategy": "UPLOAD",
            "secrets": [NGC],
            "resultsLocation": "org/model",
            **more,
        }
    )


def test_what_was_created_is_answered(nvct: Nvct) -> None:
    made = nvct.create(
        tags=["a:b"], containerArgs="--x", containerEnvironment=[{"value": "V", "key": "K"}],
        secrets=[SECRET], description="d", maxRuntimeDuration="PT600S",
    )  # fmt: skip
    assert UUID.match(made["id"])
    assert without(made, {"id", "createdAt", "lastUpdatedAt"}) == {
        "ncaId": ACCOUNT,
        "name": "t1",
        "status": "QUEUED",
        "gpuSpecification": gpu(),
        "containerImage": IMAGE,
        "containerArgs": "--x",
        "containerEnvironment": [{"key": "K", "value": "V"}],
        "tags": ["a:b"],
        "description": "d",
        "resultHandlingStrategy": "NONE",
        "maxRuntimeDuration": "PT10M",
        "maxQueuedDuration": "PT72H",
        "terminationGracePeriodDuration": "PT1M",
        "secrets": ["ALPHA"],
    }
    assert list(made) == [
        "id", "ncaId", "name", "status", "gpuSpecification", "containerImage", "containerArgs",
        "containerEnvironment", "tags", "description", "resultHandlingStrategy",
        "maxRuntimeDuration", "maxQueuedDuration", "terminationGracePeriodDuration", "secrets",
        "lastUpdatedAt", "createdAt",
    ]  # fmt: skip
    assert made == nvct.get(made)
    assert nvct.get(made, params={"includeSecrets": "false"}) == without(made, {"secrets"})
    assert nvct.messages(made) == []


CREATE: list[tuple[str, dict[str, Any], int, str]] = [
    ("no name", body(name=None), 400, "field=name"),
    ("empty name", body(name=""), 400, "field=name"),
    ("long name", body(name="a" * 129), 400, "field=name"),
    ("longest name", body(name="a" * 128), 200, ""),
    ("name with a space", body(name="a b"), 400, "field=name"),
    ("no gpu", body(gpuSpecification=None), 400, "gpuSpecification"),
    ("gpu without a name", body(gpuSpecification=gpu(gpu=None)), 400, "gpu"),
    ("unknown gpu", body(gpuSpecification=gpu(gpu="ZX81")), 400, "Invalid GPU"),
    ("no type", body(gpuSpecification=gpu(instanceType=None)), 400, "instanceType"),
    ("unknown type", body(gpuSpecification=gpu(instanceType="X")), 400, "Invalid InstanceType"),
    ("unknown backend", body(gpuSpecification=gpu(backend="x")), 400, "Invalid Backend"),
    ("any backend", body(gpuSpecification=gpu(backend=None)), 200, ""),
    ("clusters", body(gpuSpecification=gpu(backend=None, clusters=["c"])), 200, ""),
    ("GFN for ever", body(gpuSpecification=gpu(backend="GFN"), maxRuntimeDuration=None), 400, "PT8H"),
    ("GFN too long", body(gpuSpecification=gpu(backend="gfn"), maxRuntimeDuration="PT9H"), 400, "PT8H"),
    ("GFN is elsewhere", body(gpuSpecification=gpu(backend="GFN"), maxRuntimeDuration="PT8H"), 400, "Invalid Backend"),
    ("configuration", body(gpuSpecification=gpu(configuration={"a": 1})), 400, "helmChart"),
    ("policy", body(gpuSpecification=gpu(helmValidationPolicy={"name": "default"})), 400, "helmChart"),
    ("image and chart", body(helmChart="oci://samples.aicr.local/c:1"), 400, "exactly one"),
    ("neither", body(containerImage=None), 400, "exactly one"),
    ("a chart", body(containerImage=None, helmChart="oci://samples.aicr.local/c:1"), 200, ""),
    ("a chart with arguments", body(containerImage=None, helmChart="oci://samples.aicr.local/c:1", containerArgs="x"), 400, "containerArgs"),
    ("image of nobody", body(containerImage="registry.example.invalid/x:1"), 400, "Unsupported"),
    ("image without credential", body(containerImage="nvcr.io/x/y:1"), 400, "Missing CONTAINER"),
    ("bad image", body(containerImage="docker.io/acme/task:1:2"), 400, ""),
    ("no time", body(maxRuntimeDuration="PT0S"), 400, "maxRuntimeDuration"),
    ("less than no time", body(maxRuntimeDuration="-PT5M"), 400, "maxRuntimeDuration"),
    ("words for a time", body(maxRuntimeDuration="ten"), 400, "Failed to read request"),
    ("any time", body(maxRuntimeDuration=None), 200, ""),
    ("no queue", body(maxQueuedDuration="PT0S"), 400, "maxQueuedDuration"),
    ("a queue", body(maxQueuedDuration="PT2H"), 200, ""),
    ("no grace", body(terminationGracePeriodDuration="PT0S"), 400, "terminationGrace"),
    ("more grace than time", body(maxRuntimeDuration="PT5M", terminationGracePeriodDuration="PT6M"), 400, "less than"),
    ("as much grace as time", body(maxRuntimeDuration="PT5M", terminationGracePeriodDuration="PT5M"), 200, ""),
    ("less time than grace by itself", body(maxRuntimeDuration="PT30M", terminationGracePeriodDuration=None), 400, "less than"),
    ("unknown strategy", body(resultHandlingStrategy="MAIL"), 400, ""),
    ("strategy in lower case", body(resultHandlingStrategy="none"), 200, ""),
    ("upload by itself", body(resultHandlingStrategy=None), 400, "NGC_API_KEY"),
    ("upload", upload(), 200, ""),
    ("upload for a team", upload(resultsLocation="org/team/model"), 200, ""),
    ("upload without its key", upload(secrets=[SECRET]), 400, "NGC_API_KEY"),
    ("upload to nowhere", upload(resultsLocation=None), 400, "resultsLocation"),
    ("upload to an org", upload(resultsLocation="org"), 400, "resultsLocation"),
    ("upload to a team", upload(resultsLocation="org/team/"), 400, "resultsLocation"),
    ("upload too deep", upload(resultsLocation="a/b/c/d"), 400, "resultsLocation"),
    ("upload upwards", upload(resultsLocation="org/../model"), 400, "resultsLocation"),
    ("upload to itself", upload(resultsLocation="org/."), 400, "resultsLocation"),
    ("upload to a long model", upload(resultsLocation="org/" + "m" * 65), 400, "64"),
    ("upload to the longest model", upload(resultsLocation="org/" + "m" * 64), 200, ""),
    ("no upload, bad location", body(resultsLocation="nonsense"), 200, ""),
    ("no upload, no location", body(resultsLocation=""), 200, ""),
    ("variable with -", body(containerEnvironment=[{"key": "a-b", "value": "x"}]), 400, "key"),
    ("variable with $", body(containerEnvironment=[{"key": "$a", "value": "x"}]), 400, "key"),
    ("blank variable", body(containerEnvironment=[{"key": "a", "value": " "}]), 400, "blank"),
    ("variable with _", body(containerEnvironment=[{"key": "A_b", "value": "x"}]), 200, ""),
    ("long description", body(description="d" * 257), 400, "description"),
    ("65 tags", body(tags=[f"t{n}" for n in range(65)]), 400, "tags"),
    ("bad tag", body(tags=["a b"]), 400, "tags"),
    ("relative model", body(models=[{"name": "m", "version": "1", "uri": "/v2/org/o/models/m/1/files"}]), 400, "absolute"),
    ("model without a name", body(models=[{"version": "1", "uri": "https://a.b/c"}]), 400, "name"),
    ("resource without a version", body(resources=[{"name": "m", "uri": "https://a.b/c"}]), 400, "version"),
    ("secrets of one name", body(secrets=[SECRET, SECRET]), 400, "names of their own"),
    ("a number for a secret", body(secrets=[{"name": "S", "value": 1}]), 400, "Failed to read request"),
    ("an object for a secret", body(secrets=[{"name": "S", "value": {"a": None}}]), 200, ""),
    ("no telemetries", body(telemetries={}), 400, "telemetry"),
    ("unknown telemetries", body(telemetries={"logsTelemetryId": NOWHERE}), 404, "Telemetry"),
    ("malformed telemetries", body(telemetries={"logsTelemetryId": "x"}), 400, "UUID"),
    ("unknown fields", body(whatever={"a": 1}, priority="high", nodes="x"), 200, ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "status", "said"), [pytest.param(*row[1:], id=row[0]) for row in CREATE]
)
def test_what_may_be_created(nvct: Nvct, sent: dict[str, Any], status: int, said: str) -> None:
    answer = nvct.ask("POST", TASKS, sent)
    if status != 200:
        problem(answer, status, said)
    else:
        assert answer.status_code == 200, answer.text
        assert answer.json["task"]["status"] == "QUEUED"


def test_the_order_of_checks(nvct: Nvct) -> None:
    """The body, the account, the key's resources, and only then what the task asks for."""
    wrong = body(gpuSpecification=gpu(gpu="ZX81"), secrets=[SECRET, SECRET])
    none = nvct.task_key(resources=[])
    problem(nvct.ask("POST", TASKS, {**wrong, "name": ""}, bearer=none), 400)
    problem(nvct.ask("POST", TASKS, wrong, bearer=none), 403)
    problem(nvct.ask("POST", TASKS, wrong), 400, "Invalid GPU")


def test_telemetries_are_shown_by_their_ids(nvct: Nvct) -> None:
    admin = nvct.token("manage_telemetries")
    given = {
        "endpoint": "https://a.example/x",
        "protocol": "HTTP",
        "provider": "SPLUNK",
        "types": ["LOGS"],
    }
    made = nvct.call(
        "POST",
        "/v2/nvcf/telemetries",
        admin,
        {**given, "secret": {"name": "logs-of-tasks", "value": "v"}},
    )
    id_ = made.json["telemetry"]["telemetryId"]
    task = nvct.create(telemetries={"logsTelemetryId": id_})
    assert nvct.get(task)["telemetries"] == {"logsTelemetryId": id_}
    problem(nvct.ask("POST", TASKS, body(telemetries={"tracesTelemetryId": id_})), 400, "TRACES")
    problem(nvct.call("DELETE", f"/v2/nvcf/telemetries/{id_}", admin), 400, "in use")
    nvct.good("DELETE", f"{TASKS}/{task['id']}")
    assert nvct.call("DELETE", f"/v2/nvcf/telemetries/{id_}", admin).status_code == 204


@pytest.mark.parametrize(
    ("method", "below"),
    [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/events"), ("GET", "/results")],
)
def test_what_is_not_there(nvct: Nvct, method: str, below: str) -> None:
    problem(
        nvct.ask(method, f"{TASKS}/{NOWHERE}{below}"),
        404,
        f"Task id '{NOWHERE}': Not found in account '{ACCOUNT}'",
    )
    problem(nvct.ask(method, f"{TASKS}/nope{below}"), 400, "UUID")


# --------------------------------------------------------------------------- pages


def test_pages_lead_through_everything_once(nvct: Nvct) -> None:
    made = {nvct.create()["id"] for _ in range(11)}
    seen: list[str] = []
    parameters: dict[str, Any] = {"limit": 2}
    while True:
        page = nvct.good("GET", TASKS, params=parameters)
        seen += [t["id"] for t in page["tasks"]]
        if "cursor" not in page:
            assert "limit" not in page
            break
        assert page["limit"] == 2
        assert len(page["tasks"]) == 2
        assert re.fullmatch("[0-9a-f]+", page["cursor"])
        parameters["cursor"] = page["cursor"]
    assert seen == sorted(set(seen))
    assert made <= set(seen)
    rest = nvct.good("GET", TASKS, params={"limit": len(seen)})
    assert set(rest) == {"tasks"}
    assert [t["id"] for t in rest["tasks"]] == seen
    assert nvct.good("GET", TASKS)["limit"] == 10
    assert all("instances" not in t and "secrets" not in t for t in rest["tasks"])


def test_filters_count_after_the_page_is_cut(nvct: Nvct) -> None:
    nvct.create(), nvct.create()
    page = nvct.good("GET", TASKS, params={"limit": 1, "status": "COMPLETED"})
    assert page["tasks"] == []
    assert page["limit"] == 1
    assert page["cursor"]


@pytest.mark.parametrize("below", ["", "/{id}/events", "/{id}/results"])
@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"limit": "99999999999"}, "limit"),
        ({"limit": "١"}, "limit"),
        ({"cursor": "zz"}, "Invalid cursor: zz"),
        ({"cursor": "ff"}, "Invalid cursor: ff"),
        ({"cursor": "00"}, "Invalid cursor"),
        ({"cursor": "61 62"}, "Invalid cursor"),
    ],
)
def test_wrong_pages(nvct: Nvct, below: str, parameters: dict[str, str], said: str) -> None:
    path = TASKS + below.format(id=nvct.create()["id"])
    problem(nvct.ask("GET", path, params=parameters), 400, said)


def test_wrong_filters(nvct: Nvct) -> None:
    problem(nvct.ask("GET", TASKS, params={"status": "LOST"}), 400, "status")
    problem(nvct.ask("GET", TASKS, params={"status": "queued"}), 400, "status")
    made = nvct.create()
    problem(
        nvct.ask("GET", f"{TASKS}/{made['id']}/events", params={"cursor": "61"}),
        400,
        "Invalid cursor",
    )


def test_bulk_is_all_or_nothing(nvct: Nvct) -> None:
    a, b = nvct.create(name="a"), nvct.create(name="b")
    ids = [b["id"], a["id"].upper(), b["id"]]
    assert nvct.good("POST", f"{TASKS}/bulk", {"taskIds": ids}) == {
        "ncaId": ACCOUNT,
        "tasks": [{"id": t["id"], "name": t["name"], "status": "QUEUED"} for t in (b, a)],
    }
    # What is asked for is in the body: another question, another answer.
    assert len(nvct.good("POST", f"{TASKS}/bulk", {"taskIds": [a["id"]]})["tasks"]) == 1
    for sent, status in (([a["id"], NOWHERE], 404), ([], 400), (["x"], 400), (None, 400)):
        problem(nvct.ask("POST", f"{TASKS}/bulk", {"taskIds": sent}), status)


# --------------------------------------------------------------------------- ending


def test_cancel(nvct: Nvct) -> None:
    made = nvct.create()
    ended = nvct.good("POST", f"{TASKS}/{made['id']}/cancel")["task"]
    assert ended["status"] == "CANCELED"
    assert nvct.get(made)["status"] == "CANCELED"
    events = nvct.good("GET", f"{TASKS}/{made['id']}/events")
    assert set(events) == {"events"}
    (event,) = events["events"]
    assert UUID.match(event["eventId"])
    assert without(event, {"eventId", "createdAt"}) == {
        "taskId": made["id"],
        "ncaId": ACCOUNT,
        "message": "Changing status from 'QUEUED' to 'CANCELED'",
    }
    problem(
        nvct.ask("POST", f"{TASKS}/{made['id']}/cancel"),
        400,
        "Cannot cancel a Task with 'CANCELED' terminal status",
    )
    assert nvct.good("GET", f"{TASKS}/{made['id']}/results") == {"results": []}
    problem(nvct.ask("PUT", f"{BASE}/secrets/tasks/{made['id']}", {"secrets": [SECRET]}), 400)
    answer = nvct.ask("DELETE", f"{TASKS}/{made['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    problem(nvct.ask("GET", f"{TASKS}/{made['id']}"), 404)


def test_secrets_are_put_beside_each_other(nvct: Nvct) -> None:
    made, bare = nvct.create(secrets=[SECRET]), nvct.create()
    path = f"{BASE}/secrets/tasks/{made['id']}"
    new = {"name": "BETA", "value": "two"}
    answer = nvct.ask("PUT", path, {"secrets": [new, {"name": "ALPHA", "value": {"a": 1}}]})
    assert (answer.status_code, answer.content) == (204, b"")
    assert nvct.get(made)["secrets"] == ["ALPHA", "BETA"]
    address = f"nvct.tasks.{made['id']}"

    def value(name: str) -> str:
        vault = nvct.engine.vault
        return str(nvct.engine.store.read(lambda r: vault.get(r, f"{address}#secrets.{name}")))

    assert (value("ALPHA"), value("BETA")) == ('{"a":1}', "two")
    for sent in ([], [new, new], [{"name": "a b", "value": "1"}], None):
        problem(nvct.ask("PUT", path, {"secrets": sent}), 400)
    problem(
        nvct.ask("PUT", f"{BASE}/secrets/tasks/{bare['id']}", {"secrets": [new]}),
        400,
        "without secrets",
    )
    problem(nvct.ask("PUT", f"{BASE}/secrets/tasks/{NOWHERE}", {"secrets": [new]}), 404)
    nvct.good("POST", f"{TASKS}/{made['id']}/cancel")
    problem(nvct.ask("PUT", path, {"secrets": [new]}), 400, "terminal")
    seen = nvct.engine.store.read(
        lambda r: str([r.resources("nvct.tasks"), r.audit(0, 10_000), r.events(0, 10_000)])
    )
    assert "two" not in seen


def test_an_account_with_tasks_stays(nvct: Nvct) -> None:
    admin = nvct.token("account_setup", "admin:launch_task", "admin:delete_task")
    assert nvct.call("POST", "/v2/nvcf/accounts/busy", admin, {"name": "Busy"}).status_code == 200
    base = "/v1/nvct/accounts/busy/tasks"
    made = nvct.call("POST", base, admin, body()).json["task"]
    assert made["ncaId"] == "busy"
    problem(nvct.call("DELETE", "/v2/nvcf/accounts/busy", admin), 400, "nvct.tasks")
    assert nvct.call("DELETE", f"{base}/{made['id']}", admin).status_code == 204
    assert nvct.call("DELETE", "/v2/nvcf/accounts/busy", admin).status_code == 204
