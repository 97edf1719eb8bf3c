"""Invocations as their clients see them, through a real server to real connections."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from controlplane.http import protocol
from controlplane.services.invoke import exchange, invocation
from tests.controlplane.services.invoke.conftest import PEXEC, Served

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
JSON = "application/json"
POLL = {"NVCF_POLL_SECONDS": "1"}


def slow(seconds: float) -> bytes:
    return json.dumps({"delay_ms": seconds * 1000}).encode()


class Raw(asyncio.Protocol):
    """A function that keeps what it gets, and answers with what `answer` says."""

    answer: Any = staticmethod(lambda data: b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    def __init__(self) -> None:
        self.data = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.got(data)

    def got(self, data: bytes) -> None:
        if b"\r\n\r\n" in self.data:
            self.transport.write(self.answer(self.data))
            self.data = b""


def raw(answer: Any) -> tuple[type[Raw], list[bytes], list[Raw]]:
    """A protocol, and what its connections get."""
    got: list[bytes] = []
    made: list[Raw] = []

    class Function(Raw):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            made.append(self)

        def got(self, data: bytes) -> None:
            if b"\r\n\r\n" in self.data:
                got.append(self.data)
                self.data = b""
                said = answer(self)
                if said is not None:
                    self.transport.write(said)

    return Function, got, made


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.fixture(scope="module")
def echo(served: Served) -> dict[str, Any]:
    return served.function(served.listen())


def test_a_function_answers(served: Served, echo: dict[str, Any]) -> None:
    answer = served.invoke(echo, b'{"a":1}', Content_Type=JSON)
    assert (answer.status, answer.body) == (200, b'{"a":1}')
    assert UUID.fullmatch(answer.id)
    assert answer.headers["nvcf-status"] == "fulfilled"
    assert answer.headers["access-control-expose-headers"] == "nvcf-reqid"
    assert answer.headers["content-type"] == JSON
    version = f"{echo['id']}/versions/{echo['versionId']}"
    again = served.call("POST", f"{PEXEC}/{version}", b"x")
    assert (again.status, again.body) == (200, b"x")
    assert again.id != answer.id


def test_what_is_finished_cannot_be_polled(served: Served, echo: dict[str, Any]) -> None:
    answer = served.poll(served.invoke(echo).id)
    assert answer.status == 404
    assert answer.json == {"status": 404, "title": "Not Found"}
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_function_gets_what_the_client_sent_and_who_it_is(served: Served) -> None:
    speaks, got, _ = raw(lambda _: OK)
    function = served.function(served.listen(speaks), inferenceUrl="v1/run?x=1")
    answer = served.invoke(
        function, b"{}", X_Own="yes", Connection="X-Hop", X_Hop="no",
        NVCF_INVOCATION_REGION="mars", NVCF_REQID="mine",
    )  # fmt: skip
    assert answer.body == b"ok"
    lines = got[0].decode().split("\r\n")
    assert lines[0] == "POST /v1/run?x=1 HTTP/1.1"
    head = dict(line.split(": ", 1) for line in lines[1 : lines.index("")])
    assert head["x-own"] == "yes"
    assert head["nvcf-reqid"] == answer.id
    assert head["nvcf-function-version-id"] == function["versionId"]
    assert head["nvcf-invocation-region"] == "us-west-1"
    assert not {"authorization", "x-hop", "connection"} & set(head)


def test_the_function_says_status_headers_and_progress(served: Served) -> None:
    said = (
        b"HTTP/1.1 202 Accepted\r\nX-Own: 1\r\nNVCF-PERCENT-COMPLETE: 40\r\nNVCF-STATUS: custom\r\n"
        b"Connection: X-Hop\r\nX-Hop: 1\r\ncontent-length: 2\r\n\r\nok"
    )
    function = served.function(served.listen(raw(lambda _: said)[0]))
    answer = served.invoke(function)
    assert answer.status == 202
    assert answer.headers["x-own"] == "1"
    assert answer.headers["nvcf-percent-complete"] == "40"
    assert answer.headers.get_all("nvcf-status") == ["custom"]
    assert "x-hop" not in answer.headers
    assert answer.body == b"ok"


@pytest.mark.parametrize(
    ("status", "word"), [(302, "fulfilled"), (404, "errored"), (500, "errored")]
)
def test_statuses_pass_through(served: Served, status: int, word: str) -> None:
    said = b"HTTP/1.1 %d X\r\nlocation: http://there/\r\ncontent-length: 0\r\n\r\n" % status
    answer = served.invoke(served.function(served.listen(raw(lambda _: said)[0])))
    assert (answer.status, answer.headers["nvcf-status"]) == (status, word)
    assert answer.headers["location"] == "http://there/"


def test_direct_invocation_by_host_and_by_header(served: Served, echo: dict[str, Any]) -> None:
    f, v, nobody = echo["id"], echo["versionId"], str(uuid4())
    table = [
        ({"Host": f"{f}.invocation.localhost"}, 200),
        ({"Host": f"{v}.{f}.invocation.localhost"}, 200),
        ({"Host": f"{f}.{v}.invocation.localhost"}, 404),
        ({"function_id": f}, 200),
        ({"function_id": f, "function_version_id": v}, 200),
        ({"function_id": f, "Host": f"{nobody}.localhost"}, 200),
        ({"function_id": f, "function_version_id": nobody}, 404),
        ({"Host": f"{nobody}.localhost"}, 404),
    ]
    for headers, status in table:
        answer = served.call("POST", "/v2/nvcf/functions?q=1", b"hello", **headers)
        assert answer.status == status, headers
        assert (answer.body == b"hello") is (status == 200)


def test_direct_invocation_forwards_method_path_and_query_as_they_are(served: Served) -> None:
    speaks, got, _ = raw(lambda _: OK)
    function = served.function(served.listen(speaks))
    for method in ("GET", "OPTIONS", "DELETE", "PUT"):
        served.call(method, "/a%2Fb//c?x=%20&y", function_id=function["id"])
    lines = [data.split(b"\r\n")[0].decode() for data in got]
    assert lines == [f"{m} /a%2Fb//c?x=%20&y HTTP/1.1" for m in ("GET", "OPTIONS", "DELETE", "PUT")]


def test_head_has_a_length_and_no_body(served: Served) -> None:
    said = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
    function = served.function(served.listen(raw(lambda _: said)[0]))
    answer = served.call("HEAD", "/", function_id=function["id"])
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "5")


def test_who_may_not_is_told_so(served: Served, echo: dict[str, Any]) -> None:
    path = f"{PEXEC}/{echo['id']}"
    missing = served.call("POST", path, bearer="")
    assert missing.status == 401
    assert missing.body == b"Header of type `authorization` was missing"
    assert served.call("POST", path, bearer="", Authorization="Basic abc").status == 401
    assert served.call("POST", path, bearer="rubbish").status == 401
    assert served.call("POST", path, bearer=served.nvcf.token("list_functions")).status == 403
    assert served.call("POST", path, bearer=served.nvcf.key("list_functions")).status == 403
    assert served.call("POST", path, bearer=served.nvcf.key("invoke_function")).status == 200
    other = [{"type": "function", "id": f"{uuid4()}/*"}]
    assert (
        served.call("POST", path, bearer=served.nvcf.key("invoke_function", resources=other)).status
        == 403
    )
    this = [{"type": "function", "id": f"{echo['id']}/*"}]
    assert (
        served.call("POST", path, bearer=served.nvcf.key("invoke_function", resources=this)).status
        == 200
    )
    assert served.call("POST", "/v2/nvcf/pexec/what", bearer="").status == 401


def test_functions_of_others_are_invoked_when_they_share_them(
    served: Served, echo: dict[str, Any]
) -> None:
    nvcf = served.nvcf
    nvcf.good("POST", "/v2/nvcf/accounts/other", {"name": "Other"})
    nvcf.good("PATCH", "/v2/nvcf/accounts/other/clients/associate", {"clientIds": ["theirs"]})
    bearer = nvcf.token("invoke_function", client="theirs")
    path = f"{PEXEC}/{echo['id']}"
    assert served.call("POST", path, bearer=bearer).status == 404
    sharing = f"/v2/nvcf/authorizations/functions/{echo['id']}"
    nvcf.good("POST", sharing, {"authorizedParties": [{"ncaId": "other"}]})
    assert served.call("POST", path, bearer=bearer).status == 200
    nvcf.good("DELETE", sharing)
    assert served.call("POST", path, bearer=bearer).status == 404


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        ({"NVCF_POLL_SECONDS": "abc"}, 400, "failed to parse poll duration"),
        ({"NVCF_POLL_SECONDS": "3601"}, 400, "failed to parse poll duration"),
        ({"NVCF_INPUT_ASSET_REFERENCES": "x"}, 400, "asset"),
        ({"NVCF_INPUT_ASSET_REFERENCES": str(uuid4())}, 404, "Asset"),
    ],
)
def test_headers_that_are_wrong(
    served: Served, echo: dict[str, Any], headers: dict[str, str], status: int, said: str
) -> None:
    answer = served.invoke(echo, **headers)
    assert answer.status == status
    assert said in answer.json["detail"]
    assert list(answer.json)[:2] == ["status", "title"]


def test_paths_that_are_wrong(served: Served, echo: dict[str, Any]) -> None:
    assert served.call("POST", f"{PEXEC}/nope").status == 400
    assert served.call("POST", f"{PEXEC}/{uuid4()}").status == 404
    assert served.call("POST", f"{PEXEC}/{echo['id']}/versions/{uuid4()}").status == 404
    assert served.poll("nope").status == 400
    assert served.poll(str(uuid4())).status == 404
    wrong = served.call("GET", f"{PEXEC}/{echo['id']}")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")
    assert served.call("GET", "/v2/nvcf/pexec/what").status == 404


def test_a_browser_may_ask_first(served: Served, echo: dict[str, Any]) -> None:
    answer = served.call(
        "OPTIONS", f"{PEXEC}/{echo['id']}", bearer="", Origin="https://a.example",
        Access_Control_Request_Method="POST",
    )  # fmt: skip
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-max-age"] == "86400"
    assert answer.headers["allow"] == "POST"


def test_what_is_not_deployed_is_not_found(served: Served) -> None:
    made = served.nvcf.create()
    assert served.invoke(made).status == 404
    served.nvcf.deploy(made)
    answer = served.invoke(made, **POLL)
    assert answer.status == 504  # found, at once, though nobody answers
    served.good(
        "DELETE", f"/v2/nvcf/deployments/functions/{made['id']}/versions/{made['versionId']}"
    )
    assert served.invoke(made).status == 404


def test_where_nobody_comes_the_answer_is_504_and_nothing_is_delivered_later(
    served: Served,
) -> None:
    function = served.function()
    began = time.monotonic()
    answer = served.invoke(function, **POLL)
    assert 2.5 < time.monotonic() - began < 8
    assert (answer.status, answer.body) == (504, b"")
    assert answer.headers["nvcf-status"] == "errored"
    assert served.poll(answer.id).status == 404
    speaks, got, _ = raw(lambda _: OK)
    endpoint = served.listen(speaks)
    served.on_loop(
        lambda: served.broker.offer(function["door"], f"{function['door']}/0", endpoint, 1)
    )
    assert served.invoke(function).status == 200
    assert len(got) == 1


def test_where_an_instance_cannot_be_reached_nothing_is_promised_nor_delivered_later(
    served: Served,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = f"127.0.0.1:{taken.getsockname()[1]}"
    function = served.function(endpoint)
    began = time.monotonic()
    answer = served.invoke(function, **POLL)
    assert 2.5 < time.monotonic() - began < 8
    assert (answer.status, answer.body) == (504, b"")
    assert answer.headers["nvcf-status"] == "errored"
    assert served.poll(answer.id).status == 404
    speaks, got, _ = raw(lambda _: OK)
    alive = served.listen(speaks)
    served.on_loop(lambda: served.broker.withdraw(function["versionId"]))
    served.on_loop(lambda: served.broker.offer(function["door"], f"{function['door']}/0", alive, 1))
    assert served.invoke(function).status == 200
    assert len(got) == 1


def test_202_and_polling(served: Served, echo: dict[str, Any]) -> None:
    body = slow(2)
    answer = served.invoke(echo, body, Content_Type=JSON, **POLL)
    assert (answer.status, answer.body) == (202, b"")
    assert answer.headers["content-length"] == "0"
    assert answer.headers["nvcf-status"] == "in-progress"
    other = served.nvcf.token("invoke_function", client="theirs")
    assert served.poll(answer.id, bearer=other).status in (403, 404)
    position = served.good("GET", f"/v2/nvcf/queues/{answer.id}/position")
    assert position == {
        "functionVersionId": echo["versionId"],
        "functionId": echo["id"],
        "positionInQueue": 0,
    }
    found = served.poll(answer.id, NVCF_POLL_SECONDS="20")
    assert (found.status, found.body) == (200, body)
    assert found.id == answer.id
    assert found.headers["nvcf-status"] == "fulfilled"
    assert found.headers["content-type"] == JSON
    assert served.poll(answer.id).status == 404


def test_a_result_that_nobody_waited_for_is_kept_and_had_once(
    served: Served, echo: dict[str, Any]
) -> None:
    answer = served.invoke(echo, slow(1.2), Content_Type=JSON, **POLL)
    assert answer.status == 202
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: served.poll(answer.id, NVCF_POLL_SECONDS="10"), range(8)))
    assert sorted(a.status for a in found) == [200] + [404] * 7
    state = served.call("GET", f"/v2/nvcf/queues/{answer.id}/position")
    assert state.status == 404


def test_a_poll_in_time_says_that_it_still_runs(served: Served, echo: dict[str, Any]) -> None:
    answer = served.invoke(echo, slow(3), Content_Type=JSON, **POLL)
    again = served.poll(answer.id, NVCF_POLL_SECONDS="1")
    assert (again.status, again.headers["nvcf-status"], again.id) == (202, "in-progress", answer.id)
    assert served.poll(answer.id, NVCF_POLL_SECONDS="10").status == 200


def test_old_clients_say_poll_seconds_with_an_underscore(
    served: Served, echo: dict[str, Any]
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    headers = {"Authorization": f"Bearer {served.nvcf.admin}", "NVCF-POLL_SECONDS": "1"}
    connection.request(
        "POST", f"{PEXEC}/{echo['id']}", slow(1.5), {**headers, "Content-Type": JSON}
    )
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (202, b"")
    connection.close()


@pytest.mark.parametrize("size", [5 * 1024 * 1024, 12 * 1024 * 1024 + 7])
@pytest.mark.parametrize("chunked", [False, True])
def test_large_bodies_go_both_ways(
    served: Served, echo: dict[str, Any], size: int, chunked: bool
) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    parts = (data[i : i + 100_000] for i in range(0, size, 100_000)) if chunked else data
    answer = served.invoke(echo, parts)
    assert answer.status == 200
    assert answer.body == data


def test_events_come_as_they_are_said(served: Served) -> None:
    def begin(function: Raw) -> bytes:
        asyncio.get_running_loop().call_later(
            0.3, function.transport.write, b"6\r\ndata:b\r\n0\r\n\r\n"
        )
        return b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n6\r\ndata:a\r\n"

    function = served.function(served.listen(raw(begin)[0]))
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    headers = {"Authorization": f"Bearer {served.nvcf.admin}", "Accept": "text/event-stream"}
    connection.request("POST", f"{PEXEC}/{function['id']}", b"{}", headers)
    answer = connection.getresponse()
    began = time.monotonic()
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["content-length"] is None
    assert answer.read1(6) == b"data:a"
    assert time.monotonic() - began < 0.25
    assert answer.read() == b"data:b"
    connection.close()


def test_a_function_that_hangs_up_is_one_error(served: Served) -> None:
    def hang_up(function: Raw) -> None:
        function.transport.close()

    speaks, got, _ = raw(hang_up)
    function = served.function(served.listen(speaks))
    for method in ("POST", "GET"):
        answer = served.call(method, "/", function_id=function["id"])
        assert answer.status == 500
        assert answer.headers["nvcf-status"] == "errored"
        assert "did not answer" in answer.json["detail"]
    assert len(got) == 2  # nothing is sent twice


def test_an_answer_that_is_cut_off_is_seen_to_be(served: Served) -> None:
    def half(function: Raw) -> bytes:
        asyncio.get_running_loop().call_later(0.05, function.transport.close)
        return b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"

    function = served.function(served.listen(raw(half)[0]))
    with pytest.raises(http.client.IncompleteRead):
        served.invoke(function)


def test_a_function_that_hangs_up_after_202_is_one_error_for_a_poll(served: Served) -> None:
    def later(function: Raw) -> None:
        asyncio.get_running_loop().call_later(1.3, function.transport.close)

    function = served.function(served.listen(raw(later)[0]))
    answer = served.invoke(function, **POLL)
    assert answer.status == 202
    found = served.poll(answer.id, NVCF_POLL_SECONDS="10")
    assert (found.status, found.headers["nvcf-status"]) == (500, "errored")
    assert served.poll(answer.id).status == 404


def test_a_function_that_hangs_holds_its_place_as_long_as_it_can_be_polled(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "KEEP_SECONDS", 0.3)
    ended = threading.Event()

    class Hanging(raw(lambda _: None)[0]):  # type: ignore[misc]
        def connection_lost(self, exc: Any) -> None:
            ended.set()

    function = served.function(served.listen(Hanging), places=1)
    answer = served.invoke(function, **POLL)
    assert answer.status == 202
    found = served.poll(answer.id, NVCF_POLL_SECONDS="10")
    assert (found.status, found.headers["nvcf-status"]) == (500, "errored")
    assert "nobody waits" in found.json["detail"]
    assert served.poll(answer.id).status == 404
    assert ended.wait(10)
    _until(lambda: served.on_loop(lambda: served.broker.running(function["versionId"])) == 0)


def test_a_result_that_is_too_large_to_be_kept_is_one_error(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invocation, "MAX_BYTES", 100_000)

    def large(size: int) -> Any:
        said = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size

        def later(function: Raw) -> None:
            asyncio.get_running_loop().call_later(1.2, function.transport.write, said)

        return served.function(served.listen(raw(later)[0]))

    fits, not_ = (served.invoke(large(size), **POLL).id for size in (100_000, 100_001))
    found = served.poll(fits, NVCF_POLL_SECONDS="10")
    assert (found.status, len(found.body)) == (200, 100_000)
    found = served.poll(not_, NVCF_POLL_SECONDS="10")
    assert (found.status, found.headers["nvcf-status"]) == (500, "errored")
    assert "more than 100000 bytes" in found.json["detail"]
    assert served.poll(not_).status == 404


def test_where_nobody_listens_another_place_is_asked_for(served: Served) -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        dead = f"127.0.0.1:{s.getsockname()[1]}"
        function = served.function(dead, places=1)
        answers: list[Any] = []
        asking = threading.Thread(target=lambda: answers.append(served.invoke(function, b"x")))
        asking.start()
        alive = served.listen()
        served.on_loop(
            lambda: served.broker.offer(function["door"], f"{function['door']}/0", alive, 9)
        )
        served.on_loop(lambda: served.broker.withdraw(function["versionId"]))
        asking.join(20)
    assert [(a.status, a.body) for a in answers] == [(200, b"x")]


def _abandon(served: Served, function: dict[str, Any]) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", served.port))
    head = f"POST {PEXEC}/{function['id']} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {served.nvcf.admin}\r\ncontent-length: 2\r\n\r\n{{}}"
    client.sendall(head.encode())
    return client


def _until(look: Any) -> None:
    end = time.monotonic() + 10
    while not look():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_who_goes_away_while_waiting_is_never_delivered(served: Served) -> None:
    function = served.function()
    depth = f"/v2/nvcf/queues/functions/{function['id']}"

    def waiting() -> int:
        return int(json.loads(served.call("GET", depth).body)["queues"][0]["queueDepth"])

    client = _abandon(served, function)
    _until(lambda: waiting() == 1)
    client.close()
    _until(lambda: waiting() == 0)
    speaks, got, _ = raw(lambda _: OK)
    endpoint = served.listen(speaks)
    served.on_loop(
        lambda: served.broker.offer(function["door"], f"{function['door']}/0", endpoint, 1)
    )
    assert served.invoke(function).status == 200
    assert len(got) == 1


def test_who_goes_away_while_it_runs_ends_it(served: Served) -> None:
    ended = threading.Event()
    speaks, got, _ = raw(lambda _: None)

    class Watching(speaks):  # type: ignore[misc,valid-type]
        def connection_lost(self, exc: Any) -> None:
            ended.set()

    function = served.function(served.listen(Watching), places=1)
    client = _abandon(served, function)
    _until(lambda: len(got) == 1)
    client.close()
    assert ended.wait(10)
    _until(lambda: served.on_loop(lambda: served.broker.running(function["versionId"])) == 0)


def test_rate_limits_of_functions(served: Served) -> None:
    rates = {"rateLimit": "2-D", "exemptedNcaIds": ["nobody"]}
    function = served.function(served.listen(), rateLimit=rates)
    found = [served.invoke(function) for _ in range(3)]
    assert [a.status for a in found] == [200, 200, 429]
    assert found[2].json == {"status": 429, "title": "Too Many Requests"}
    path = f"/v2/nvcf/ratelimit/functions/{function['id']}/versions/{function['versionId']}"
    own = {"rateLimit": {"rateLimit": "1-D", "exemptedNcaIds": ["nvcf-default"]}}
    served.nvcf.good("PUT", path, own)
    assert [served.invoke(function).status for _ in range(3)] == [200] * 3
    own = {"rateLimit": {"perNcaIdRate": {"nvcf-default": "1-D"}}}
    served.nvcf.good("PUT", path, own)
    assert [served.invoke(function).status for _ in range(2)] == [200, 429]
    served.nvcf.good("PUT", path, {"rateLimit": {"perUserRate": "1-D"}})
    assert [served.invoke(function).status for _ in range(2)] == [200, 429]
    key = served.nvcf.key("invoke_function")
    assert served.invoke(function, bearer=key).status == 200


def test_a_full_queue_says_so(served: Served) -> None:
    function = served.function()
    served.on_loop(lambda: setattr(served.broker._doors, "_max", 0))
    try:
        answer = served.invoke(function, **POLL)
    finally:
        served.on_loop(lambda: setattr(served.broker._doors, "_max", 100_000))
    assert (answer.status, answer.headers["nvcf-status"]) == (429, "errored")
    assert "wait already" in answer.json["detail"]


def test_the_old_wrapper(served: Served, echo: dict[str, Any]) -> None:
    path = f"/v2/nvcf/exec/functions/{echo['id']}"
    good = served.call("POST", path, json.dumps({"requestBody": {"x": [1]}}))
    assert good.status == 200
    assert good.json == {
        "reqId": good.id, "status": "fulfilled", "percentComplete": 100, "response": {"x": [1]},
    }  # fmt: skip
    wrapped = {"requestHeader": {"pollDurationSeconds": 1}, "requestBody": {"delay_ms": 1500}}
    later = served.call("POST", path, json.dumps(wrapped))
    assert later.status == 202
    assert later.json == {"reqId": later.id, "status": "in-progress"}
    found = served.call("GET", f"/v2/nvcf/exec/status/{later.id}", NVCF_POLL_SECONDS="10")
    assert found.json["response"] == {"delay_ms": 1500}
    for wrong in (b"", b"[]", b"{}", b'{"requestBody":1,"requestHeader":[]}'):
        assert served.call("POST", path, wrong).status == 400
    nobody = served.call(
        "POST", f"/v2/nvcf/exec/functions/{served.function()['id']}", json.dumps(wrapped)
    )
    assert nobody.status == 504
    assert nobody.json == {"reqId": nobody.id, "status": "errored", "errorCode": 504}


@pytest.mark.parametrize("said", [b"NaN", b"[" * 100_000, b'"\\ud800"', b"9" * 5000, b"1e999"])
def test_what_is_no_json_is_text_in_the_old_wrapper(served: Served, said: bytes) -> None:
    whole = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(said) + said
    function = served.function(served.listen(raw(lambda _: whole)[0]))
    answer = served.call("POST", f"/v2/nvcf/exec/functions/{function['id']}", b'{"requestBody":1}')
    assert answer.status == 200
    assert answer.json["response"] == said.decode()


def test_large_json_is_json_in_the_old_wrapper(served: Served) -> None:
    said = b'["' + b"x" * 11_000_000 + b'"]'
    whole = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(said) + said
    function = served.function(served.listen(raw(lambda _: whole)[0]))
    answer = served.call("POST", f"/v2/nvcf/exec/functions/{function['id']}", b'{"requestBody":1}')
    assert answer.status == 200
    assert len(answer.json["response"][0]) == 11_000_000


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/é/%20?q=ü&x=a+b;c", "/%C3%A9/%20?q=%C3%BC&x=a+b;c"),
        ("http://there/日", "/%E6%97%A5"),
    ],
)
def test_an_inference_url_that_is_not_ascii_is_encoded(served: Served, url: str, path: str) -> None:
    speaks, got, _ = raw(lambda _: OK)
    function = served.function(served.listen(speaks), inferenceUrl=url)
    assert served.invoke(function).status == 200
    assert got[0].decode().split("\r\n")[0] == f"POST {path} HTTP/1.1"


def test_a_redirect_is_a_reference_in_the_old_wrapper(served: Served) -> None:
    said = b"HTTP/1.1 302 Found\r\nlocation: http://there/r.zip\r\ncontent-length: 0\r\n\r\n"
    function = served.function(served.listen(raw(lambda _: said)[0]))
    answer = served.call("POST", f"/v2/nvcf/exec/functions/{function['id']}", b'{"requestBody":1}')
    assert answer.status == 200
    assert answer.json["responseReference"] == "http://there/r.zip"


def test_metrics_of_functions(served: Served, echo: dict[str, Any]) -> None:
    served.invoke(echo)
    text = served.call("GET", "/metrics").body.decode()
    labels = f'function_id="{echo["id"]}",function_version_id="{echo["versionId"]}"'
    assert f'aicr_function_requests_total{{{labels},status="200"}}' in text
    assert f"aicr_function_queue_depth{{{labels}}} 0.0" in text
    assert f"aicr_function_requests_in_flight{{{labels}}} 0.0" in text
    assert f"aicr_function_request_duration_seconds_count{{{labels}}}" in text
    deployment = echo["door"].rpartition(".")[2]
    assert f'aicr_function_instances{{deployment="{deployment}"}} 1.0' in text


def test_a_body_that_nobody_can_take_yet_is_not_late(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "MESSAGE_SECONDS", 0.3)
    function = served.function()
    data, answers = b"x" * 2_000_000, []
    asking = threading.Thread(target=lambda: answers.append(served.invoke(function, data)))
    asking.start()
    asking.join(1.0)
    assert asking.is_alive()
    endpoint = served.listen()
    served.on_loop(
        lambda: served.broker.offer(function["door"], f"{function['door']}/0", endpoint, 1)
    )
    asking.join(20)
    assert [(a.status, len(a.body)) for a in answers] == [(200, len(data))]
