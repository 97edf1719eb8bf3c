"""Logs over HTTP: who may read them, which there are, page by page and as they grow."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from falcon import testing

from controlplane.access.registry import FUNCTIONS, TASKS
from controlplane.http import streams
from controlplane.http.problems import Refused
from controlplane.runtime.protocol import Instance
from controlplane.services.ngc import followed, log_routes
from tests.controlplane.services.calling import ACCOUNT, Vendor, problem
from tests.controlplane.services.nvcf import conftest as nvcf
from tests.controlplane.services.nvct import conftest as nvct

ORG = f"/v2/orgs/{ACCOUNT}"
SCOPES = (*nvcf.ALL, "list_functions_details")
DAY = {"parameters": [{"name": "start", "value": "2026-01-01 00:00:00"},
                      {"name": "end", "value": "2026-01-01 23:59:59"}]}  # fmt: skip


class Logged(NamedTuple):
    """Something whose instances write: where to ask for its logs, the uid that instances begin
    with, and the same of another that there is."""

    api: Vendor
    word: str
    path: str
    uid: str
    other: str

    @property
    def base(self) -> str:
        return f"{ORG}/{self.word}/logs"

    @property
    def key(self) -> str:
        return self.limited("*")

    def limited(self, id_: str) -> str:
        """A key for one of them, or for all."""
        if self.word == "nvct":
            kind = "account-tasks" if id_ == "*" else "task"
            return self.api.key(*nvct.SCOPES, resources=[{"type": kind, "id": id_}], of=TASKS)
        kind = "account-functions" if id_ == "*" else "function"
        return self.api.key(*SCOPES, resources=[{"type": kind, "id": id_}], of=FUNCTIONS)

    @property
    def id(self) -> str:
        """As resources of keys name it."""
        return "/".join(re.findall(r"[0-9a-f-]{36}", self.path))

    def ask(self, sent: Any = DAY, **more: Any) -> Any:
        return self.api.call("POST", f"{self.base}/{self.path}", more.get("bearer", self.key), sent)

    def page(self, job: str, query: str = "", **more: Any) -> Any:
        return self.api.call("GET", f"{self.base}/{job}{query}", more.get("bearer", self.key))

    def follow(self, query: str, **more: Any) -> Any:
        path = f"{ORG}/skyway/logs/{self.path}?{query}"
        return self.api.call("GET", path, more.get("bearer", self.key))

    def wrote(self, instance: str, lines: dict[str, str]) -> None:
        """Leave a log of an instance, as a runner does."""
        at = Path(self.api.program.settings.home) / "logs" / instance.replace("/", "~")
        at.mkdir(parents=True)
        text = "".join(f"{time} stdout F {said}\n" for time, said in lines.items())
        (at / "log").write_text(text)


def at(second: int) -> str:
    return f"2026-01-01T00:{second // 60:02}:{second % 60:02}.000000001Z"


def _function(api: Vendor) -> tuple[str, str]:
    """A version that is deployed, and the uid of its deployment."""
    admin = api.token(*nvcf.ALL)
    made = api.call("POST", nvcf.FUNCTIONS, admin, nvcf.body()).json["function"]
    assert api.call("POST", nvcf.deployed(made), admin, nvcf.specs()).status_code == 200
    address = f"nvcf.deployments.{made['versionId']}"
    found = api.program.engine.store.read(lambda reader: reader.get(address))
    return f"functions/{made['id']}/versions/{made['versionId']}", found.uid


def _task(api: Vendor) -> tuple[str, str]:
    key = api.key(*nvct.SCOPES, resources=nvct.ALL, of=TASKS)
    made = api.call("POST", nvct.TASKS, key, nvct.body()).json["task"]
    return f"tasks/{made['id']}", made["id"]


KINDS = {"nvcf": _function, "nvct": _task}


def logged(word: str, home: Path, runtime: str) -> Iterator[Logged]:
    api = Vendor(home=str(home), runtime=runtime)
    (path, uid), (_, other) = KINDS[word](api), KINDS[word](api)
    yield Logged(api, word, path, uid, other)
    api.close()


@pytest.fixture(params=KINDS)
def written(request: Any, own_cache: Any, tmp_path: Path) -> Iterator[Logged]:
    """Logs are read from files, where no runner is needed."""
    yield from logged(request.param, tmp_path / "home", "process")


@pytest.fixture(params=KINDS)
def running(
    request: Any, own_cache: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Logged]:
    """Two instances, and one of something else."""
    monkeypatch.setattr(followed, "LOOK_SECONDS", 0.01)
    for found in logged(request.param, tmp_path / "home", "simulated"):
        for uid, name in ((found.uid, "0.0"), (found.uid, "0.1"), (found.other, "0.0")):
            found.api.program.runtime.start(Instance(f"{uid}/{name}/d", "", name, "d"), {}, {})
        yield found


# --------------------------------------------------------------------------- pages


def test_page_by_page(written: Logged) -> None:
    u = written.uid
    written.wrote(f"{u}/0.0/d", {at(n): f"{n}" for n in range(0, 250, 2)})
    written.wrote(f"{u}/0.1/gone", {at(n): f"{n}" for n in range(1, 250, 2)})
    written.wrote(f"{written.other}/0.0/d", {at(7): "of another"})
    written.wrote(f"{u}x/0.0/d", {at(8): "of another"})
    first = written.ask()
    assert first.status_code == 200, first.text
    assert first.json["metadata"] == {
        "page": 1, "pageSize": 100, "totalPages": 3, "totalResults": 250,
    }  # fmt: skip
    job = first.json["jobId"]
    assert re.fullmatch(r"[A-Za-z0-9.-]+", job)
    assert written.page(job).json == {k: v for k, v in first.json.items() if k != "jobId"}
    data = list(first.json["data"])
    for n in (2, 3):
        data += written.page(job, f"?page={n}&page_size=100").json["data"]
    assert [d["message"] for d in data] == [str(n) for n in range(250)]
    assert data[1] == {
        "timestamp": at(1), "instanceId": f"{u}/0.1/gone", "stream": "stdout", "message": "1",
    }  # fmt: skip
    beyond = written.page(job, "?page=4&page_size=100")
    assert beyond.json["data"] == []
    assert beyond.json["metadata"]["totalPages"] == 3
    assert written.page(job, "?page_size=1000").json["data"] == data
    team = written.base.replace(ORG, f"{ORG}/teams/t")
    assert written.api.call("GET", f"{team}/{job}", written.key).json == written.page(job).json


def test_from_when_to_when(written: Logged) -> None:
    written.wrote(f"{written.uid}/0.0/d", {at(n): f"{n}" for n in range(10)})
    times = {"start": "2026-01-01 00:00:03", "end": "2026-01-01 00:00:05", "helm": True}
    sent = {"parameters": [{"name": n, "value": v} for n, v in times.items()]}
    found = written.ask(sent).json
    assert [d["message"] for d in found["data"]] == ["3", "4", "5"]
    assert written.page(found["jobId"]).json["data"] == found["data"]
    assert written.ask({}).json["data"] == []
    late = {"parameters": [{"name": "start", "value": "2999-01-01 00:00:00"}]}
    assert written.ask(late).json["metadata"]["totalPages"] == 0
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    written.wrote(f"{written.uid}/0.1/d", {now: "just now"})
    assert [d["message"] for d in written.ask({}).json["data"]] == ["just now"]


BAD: tuple[Any, ...] = (
    [], {"parameters": {}}, {"parameters": [{"value": "x"}]}, {"parameters": ["start"]},
    {"parameters": [{"name": "start", "value": "yesterday"}]},
    {"parameters": [{"name": "end", "value": 7}]},
    {"parameters": [*DAY["parameters"], {"name": "end", "value": "2025-01-01 00:00:00"}]},
)  # fmt: skip


def test_bad_questions(written: Logged) -> None:
    for sent in BAD:
        problem(written.ask(sent), 400)
    problem(written.api.call("POST", f"{written.base}/{written.path}x", written.key, DAY), 400)


def test_bad_pages(written: Logged) -> None:
    job = written.ask().json["jobId"]
    for query in (
        "page=0", "page=-1", "page=x", "page=1.5", "page=99999999999", "page_size=0",
        "page_size=1001", "page=%C2%B2",
    ):  # fmt: skip
        problem(written.page(job, f"?{query}"), 400)
    assert written.page(job, "?page=2147483647").json["data"] == []
    foreign = "tasks" if written.word == "nvcf" else "functions"
    for bad in ("x", f"{job}.", job[:-1], re.sub(r"^\w+", foreign, job), job.upper()):
        problem(written.page(bad), 400, "jobId")
    # What is well said, and was never asked: that it is not there.
    nowhere = re.sub(r"\.[0-9a-f]{8}-", ".00000000-", job)
    problem(written.page(nowhere), 404)


def test_whoever_reads_pages_may_read_them_now(written: Logged) -> None:
    written.wrote(f"{written.uid}/0.0/d", {at(1): "secret"})
    job = written.ask().json["jobId"]
    assert written.page(job, bearer=written.limited(written.id)).json["data"]
    others = "/".join("00000000-0000-4000-8000-000000000000" for _ in written.id.split("/"))
    scopes = {"nvcf": "list_functions", "nvct": "list_tasks"}
    of = {"nvcf": FUNCTIONS, "nvct": TASKS}[written.word]
    for bearer in (written.limited(others), written.api.key(scopes[written.word], of=of)):
        problem(written.page(job, bearer=bearer), 403, "Access Denied")
        problem(written.ask(bearer=bearer), 403, "Access Denied")
        problem(written.follow("timeout=1", bearer=bearer), 403, "Access Denied")


@pytest.mark.parametrize("written", ["nvcf"], indirect=True)
def test_logs_are_for_the_account_of_a_function(written: Logged) -> None:
    written.wrote(f"{written.uid}/0.0/d", {at(1): "secret"})
    api, job = written.api, written.ask().json["jobId"]
    setup = api.token("account_setup")
    for method, below, sent in (
        ("POST", "", {"name": "Other"}),
        ("PATCH", "/clients/associate", {"clientIds": ["them"]}),
    ):
        assert api.call(method, f"/v2/nvcf/accounts/other{below}", setup, sent).status_code == 200
    them = api.token(*SCOPES, client="them")
    pages = written.base.replace(ACCOUNT, "other")
    problem(api.call("GET", f"{pages}/{job}", them), 404)
    party = {"authorizedParty": {"ncaId": "other"}}
    shared = f"/v2/nvcf/authorizations/{written.path}/add"
    assert api.call("PATCH", shared, api.token("authorize_clients"), party).status_code == 200
    # They may see and invoke it, and nothing of what runs for it.
    assert api.call("GET", f"{pages}/{job}", them).json["data"] == []
    following = f"/v2/orgs/other/skyway/logs/{written.path}?instanceId={written.uid}/0.0/d"
    problem(api.call("GET", following, them), 404)


@pytest.mark.parametrize("written", ["nvcf"], indirect=True)
def test_what_is_not_deployed_has_no_logs(written: Logged) -> None:
    written.wrote(f"{written.uid}/0.0/d", {at(1): "1"})
    deployment = f"/v2/nvcf/deployments/{written.path}"
    assert written.api.call("DELETE", deployment, written.key).status_code == 200
    assert written.ask().json["data"] == []


@pytest.mark.parametrize("word", KINDS)
def test_without_a_runtime(own_cache: Any, tmp_path: Path, word: str) -> None:
    for found in logged(word, tmp_path / "home", "none"):
        assert found.ask().json["data"] == []
        assert found.follow("timeout=3600").text == ""
        problem(found.follow(f"instanceId={found.uid}/0.0/d"), 404)


# --------------------------------------------------------------------------- following


def events(of: Logged, query: str) -> list[dict[str, str]]:
    """All events, for somebody who stays connected until there are no more."""
    headers = {"Authorization": f"Bearer {of.key}"}

    path = f"{ORG}/skyway/logs/{of.path}"
    scope = testing.create_scope(path=path, query_string=query, headers=headers)
    said: list[Any] = []

    async def read() -> None:
        asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> Any:
            return next(asked, None) or await asyncio.Event().wait()

        async def send(message: Any) -> None:
            said.append(message)

        await asyncio.wait_for(of.api.app(scope, receive, send), 30)

    asyncio.run(read())
    assert said[0]["status"] == 200
    assert dict(said[0]["headers"])[b"content-type"].startswith(b"text/event-stream")
    text = b"".join(m.get("body", b"") for m in said[1:]).decode()
    blocks = [b for b in text.split("\n\n") if b]
    return [dict(line.split(": ", 1) for line in b.split("\n")) for b in blocks]


def test_one_instance(running: Logged) -> None:
    id_ = f"{running.uid}/0.1/d"
    (found,) = events(running, f"instanceId={id_}&podName=p&containerName=c&since=5s")
    assert found["event"] == "log"
    assert json.loads(found["data"]) == {
        "timestamp": "",
        "instanceId": id_,
        "stream": "stdout",
        "message": f"{id_}: simulated, nothing runs",
    }


def test_all_instances_for_a_while(running: Logged) -> None:
    found = events(running, "instanceId=&timeout=1")
    instances = sorted(json.loads(e["data"])["instanceId"] for e in found)
    assert instances == [f"{running.uid}/0.0/d", f"{running.uid}/0.1/d"]


def test_until_the_server_ends(running: Logged) -> None:
    running.api.program.lifecycle.reason = "the server is shutting down"
    assert events(running, "timeout=3600") == []


@pytest.mark.parametrize("later", ["refused", "another"])
def test_until_the_reader_may_no_longer(
    running: Logged, monkeypatch: pytest.MonkeyPatch, later: str
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.0)
    found = iter([running.uid])

    async def uid(*_: Any) -> str:
        if (first := next(found, None)) is None and later == "refused":
            raise Refused(403, "Access Denied")
        return first or "deployed again"

    monkeypatch.setattr(log_routes._Context, "uid", uid)
    assert events(running, "timeout=3600") == []


def test_instances_of_others_are_not_there(running: Logged) -> None:
    for id_ in (f"{running.other}/0.0/d", f"{running.uid}/0.7/d", running.uid, "..", "x" * 9000):
        problem(running.follow(f"instanceId={id_}"), 404, "Instance id")


def test_bad_followers(running: Logged) -> None:
    for query in (
        "timeout=0", "timeout=3601", "timeout=x", "since=1", "since=5w", "since=-5s", "since=5s5m",
        "sinceTime=now", "sinceTime=2026-13-01T00:00:00Z", "since=5s&sinceTime=2026-01-01 00:00:00",
        f"since={'9' * 10}s",
    ):  # fmt: skip
        problem(running.follow(query), 400)


def test_since_when(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_routes.logs, "now", lambda: "2026-01-02T00:00:00")
    asked = {
        "": "2026-01-01T23:00:00",
        "since=5s": "2026-01-01T23:59:55",
        "since=2m": "2026-01-01T23:58:00",
        "since=1d": "2026-01-01T00:00:00",
        "since=999999999d": "0001-01-01T00:00:00",
        "sinceTime=2026-01-01 05:00:00": "2026-01-01T05:00:00",
        # As clients write it, without escaping anything.
        "sinceTime=2026-01-01 05:00:00.25+02:00": "2026-01-01T03:00:00",
    }
    for query, second in asked.items():
        assert log_routes._since(_asked(query)) == second, query


def _asked(query: str) -> Any:
    return testing.create_asgi_req(query_string=query)


def test_commands_are_not_served(running: Logged) -> None:
    path = f"{ORG}/skyway/commands/{running.path}"
    problem(running.api.call("POST", path, running.key, {"command": "ls"}), 404)
