"""Functions and versions: the table of creation, answers byte for byte, updates, deletion."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.controlplane.services.calling import problem
from tests.controlplane.services.nvcf.conftest import (
    BASE,
    FUNCTIONS,
    HEALTH,
    IMAGE,
    Nvcf,
    at,
    body,
)

CHART = "https://helm.ngc.nvidia.com/o/charts/c-1.tgz"
FILES = "https://api.ngc.nvidia.com/v2/org/o/models/m/1/files"
LLM_MODEL = {"name": "m", "llmConfig": {"uris": ["/v1/chat/completions"]}}


def llm(config: Any = None, **more: Any) -> dict[str, Any]:
    model = {**LLM_MODEL, "llmConfig": {**LLM_MODEL["llmConfig"], **(config or {})}}  # type: ignore[dict-item]
    return {"functionType": "LLM", "models": [model], **more}


def priority(**more: Any) -> dict[str, Any]:
    return {"priority": more}


def model(uri: str = FILES, **more: Any) -> list[dict[str, Any]]:
    return [{"name": "m", "version": "1", "uri": uri, **more}]


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("no name", {"name": None}, "'name' cannot be empty/null in the create function payload"),
    ("empty name", {"name": ""}, "'name' cannot be empty/null in the create function payload"),
    ("long name", {"name": "a" * 129}, "field=name"),
    ("name with a line end", {"name": "abc\n"}, "field=name"),
    ("name with a dash first", {"name": "-a"}, "field=name"),
    ("name is a map", {"name": {"a": 1}}, "Failed to read request"),
    ("url with a space", {"inferenceUrl": "/a b"}, "Failed to read request"),
    ("no url", {"inferenceUrl": None}, "field=inferenceUrl, rejected=null"),
    ("no artifact", {"containerImage": None}, "containerImage, models and helmChart"),
    ("65 tags", {"tags": [f"t{i}" for i in range(65)]}, "field=tags"),
    ("long tag", {"tags": ["t" * 129]}, "field=tags[0]"),
    ("tag with &", {"tags": ["a&b"]}, "rejected=a&b"),
    ("description", {"description": "d" * 257}, "... (257 characters)"),
    ("type", {"functionType": "BATCH"}, "Failed to read request"),
    ("health", {"health": {**HEALTH, "uri": ""}}, "field=health.uri"),
    ("health without port", {"health": {"protocol": "HTTP"}}, "field=health.port"),
    ("health timeout", {"health": {**HEALTH, "timeout": "10 s"}}, "Failed to read request"),
    ("two artifacts", {"helmChart": CHART, "helmChartServiceName": "s"}, "exclude each other"),
    ("chart alone", {"containerImage": None, "helmChart": CHART}, "need each other"),
    ("models of one name", {"models": [*model(), *model()]}, "names of their own"),
    ("model without version", {"models": [{"name": "m", "uri": FILES}]}, "version and uri"),
    ("model at /zip", {"models": model(FILES[:-5] + "zip")}, "Invalid MODEL URI"),
    ("model at /versions/", {"models": model(FILES.replace("/m/1", "/m/versions/1"))}, "Invalid"),
    ("relative model", {"models": model("/v2/org/o/models/m/1/files")}, "absolute"),
    ("model elsewhere", {"models": model("https://x.example.com/f")}, "Unsupported registry"),
    ("image elsewhere", {"containerImage": "x.example.com/a:1"}, "Unsupported registry hostname"),
    ("no credential", {"containerImage": "docker.io/a/b:1"}, "Missing CONTAINER registry credential"),
    ("image tag", {"containerImage": f"{IMAGE}!"}, "!"),
    ("secret twice", {"secrets": [{"name": "A", "value": "zz1"}] * 2}, "names of their own"),
    ("secret name", {"secrets": [{"name": "a b", "value": "zz1"}]}, "rejected=***"),
    ("secret number", {"secrets": [{"name": "A", "value": 5}]}, "Failed to read request"),
    ("long secret", {"secrets": [{"name": "A", "value": "z" * 32769}]}, "1 to 32768"),
    ("rate twice", {"rateLimit": {"rateLimit": "1-S,2-S"}}, "field=rateLimit.rateLimit"),
    ("rate of weeks", {"rateLimit": {"rateLimit": "1-W"}}, "units S M H D"),
    ("empty rate", {"rateLimit": {}}, "one of rateLimit, perNcaIdRate and perUserRate"),
    ("exempted alone", {"rateLimit": {"exemptedNcaIds": ["a"]}}, "one of rateLimit"),
    ("exempted and rated", {"rateLimit": {"rateLimit": "1-S", "exemptedNcaIds": ["a"], "perNcaIdRate": {"a": "1-S"}}}, "either"),
    ("telemetries", {"telemetries": {}}, "at least one telemetry"),
    ("telemetry id", {"telemetries": {"logsTelemetryId": "x"}}, "no UUID"),
    ("llm without models", {"functionType": "LLM"}, "needs models"),
    ("llm without uris", llm({"uris": []}), "llmConfig with uris"),
    ("llm routing", llm({"routingMethod": "fastest"}), "Failed to read request"),
    ("llm rate", llm({"tokenRateLimit": "1-Y"}), "units S M H D W"),
    ("llm config of another", {"llmInvocationConfig": priority(defaultPriority=1)}, "type LLM"),
    ("priority", llm(llmInvocationConfig=priority(defaultPriority=2**32)), "defaultPriority"),
    ("priority of accounts", llm(llmInvocationConfig=priority(perAccountPriority={"a": 1})), "needs"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "said"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_what_is_refused(nvcf: Nvcf, more: dict[str, Any], said: str) -> None:
    answer = nvcf.ask("POST", FUNCTIONS, body(**more))
    problem(answer, 400, said)
    assert "zz1" not in answer.text


GOOD: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("description is the name", {}, {"description": "echo"}),
    ("null is as if absent", {"apiBodyFormat": "predict_v2"}, {"apiBodyFormat": "PREDICT_V2"}),
    ("tags are a set", {"tags": ["x", "x"]}, {"tags": ["x"]}),
    ("tag of a namespace", {"tags": ["ns:key=value"]}, {"tags": ["ns:key=value"]}),
    ("grpc by url", {"health": None, "inferenceUrl": "/grpc"}, {"healthUri": "/v2/health/ready"}),
    ("health of healthUri", {"health": None, "healthUri": "/up"}, {"healthUri": "/up"}),
    ("gRPC", {"health": {**HEALTH, "protocol": "GRPC"}}, {"health": {**HEALTH, "protocol": "gRPC"}}),
    ("duration", {"health": {**HEALTH, "timeout": "PT90S"}}, {"health": {**HEALTH, "timeout": "PT1M30S"}}),
    ("digest", {"containerImage": f"{IMAGE[:-2]}@sha256:{'a' * 64}"}, {}),
    ("unknown fields", {"authorizedParties": [{"ncaId": "x"}], "colour": 1}, {}),
    ("secrets by name", {"secrets": [{"name": "B", "value": "v"}, {"name": "A.b", "value": {"k": None}}]}, {"secrets": ["A.b", "B"]}),
    ("rate", {"rateLimit": {"rateLimit": "100-S, 1000-M"}}, {"rateLimit": {"rateLimit": "100-S, 1000-M", "syncCheck": False}}),
    ("llm", llm({"routingMethod": "ROUND_ROBIN"}), {"functionType": "LLM"}),
]  # fmt: skip


@pytest.mark.parametrize(("more", "want"), [row[1:] for row in GOOD], ids=[row[0] for row in GOOD])
def test_what_is_created(nvcf: Nvcf, more: dict[str, Any], want: dict[str, Any]) -> None:
    made = nvcf.create(**more)
    assert {k: made.get(k) for k in want} == want
    assert made["status"] == "INACTIVE"
    seen = nvcf.get(made)
    assert seen == made


def test_the_answer_byte_for_byte(nvcf: Nvcf) -> None:
    answer = nvcf.ask("POST", FUNCTIONS, body(tags=["team:a"]))
    f = answer.json["function"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.text == (
        f'{{"function":{{"id":"{f["id"]}","ncaId":"nvcf-default","versionId":"{f["versionId"]}",'
        f'"name":"echo","status":"INACTIVE","inferenceUrl":"/echo","inferencePort":8000,'
        f'"containerImage":"{IMAGE}","apiBodyFormat":"CUSTOM","healthUri":"/health",'
        f'"createdAt":"{f["createdAt"]}","tags":["team:a"],"description":"echo",'
        '"health":{"protocol":"HTTP","uri":"/health","port":8000,"timeout":"PT30S",'
        '"expectedStatusCode":200},"functionType":"DEFAULT"}}'
    )


def test_errors_byte_for_byte(nvcf: Nvcf) -> None:
    function = str(uuid4())
    path = f"{FUNCTIONS}/{function}/versions"
    assert nvcf.ask("POST", path, body()).text == (
        '{"type":"urn:nv-boot:problem-details:not-found","title":"Not Found","status":404,'
        f"\"detail\":\"Function id '{function}': Not found in account 'nvcf-default'\","
        f'"instance":"{path}"}}'
    )
    assert nvcf.ask("POST", FUNCTIONS, body(tags=["a b"])).text.startswith(
        '{"title":"Bad Request","status":400,"detail":"Validation failed: '
        "[object=createFunctionRequest, field=tags[0], rejected=a b, message="
    )


@pytest.mark.parametrize(
    ("sent", "status"),
    [(b'{"name":', 400), (b"", 400), (b"[]", 400), (b'"x"', 400), (b'{"name":"\xff"}', 400)],
)
def test_bodies_that_cannot_be_read(nvcf: Nvcf, sent: bytes, status: int) -> None:
    headers = {"Authorization": f"Bearer {nvcf.admin}", "Content-Type": "application/json"}
    answer = nvcf.simulate_post(FUNCTIONS, body=sent, headers=headers)
    assert problem(answer, status, "Failed to read request")["title"] == "Bad Request"
    other = {**headers, "Content-Type": "text/plain"}
    problem(nvcf.simulate_post(FUNCTIONS, body=sent, headers=other), 415)


# ---- lists


def test_lists_and_visibility(nvcf: Nvcf, other: str) -> None:
    mine = nvcf.create()
    further = nvcf.create(mine["id"])

    def listed(query: str = "", bearer: str = "", path: str = FUNCTIONS) -> set[str]:
        answer = nvcf.good("GET", path, query_string=query, bearer=bearer or nvcf.admin)
        assert not any({"secrets", "activeInstances"} & f.keys() for f in answer["functions"])
        return {f["versionId"] for f in answer["functions"]}

    both = {mine["versionId"], further["versionId"]}
    for query in ("", "visibility=", "visibility=PRIVATE", "visibility=public,private"):
        assert both <= listed(query)
    assert not both & listed("visibility=public&visibility=authorized")
    assert listed(path=f"{FUNCTIONS}/{mine['id']}/versions") == both
    ids = nvcf.good("GET", f"{FUNCTIONS}/ids")["functionIds"]
    assert ids.count(mine["id"]) == 1
    for path in (FUNCTIONS, f"{FUNCTIONS}/ids"):
        problem(nvcf.ask("GET", path, query_string="visibility=private,bogus"), 400)
    assert not both & listed(bearer=other)
    problem(nvcf.ask("GET", f"{FUNCTIONS}/{mine['id']}/versions", bearer=other), 404)


def test_details_need_their_scope(nvcf: Nvcf) -> None:
    made = nvcf.create(secrets=[{"name": "A", "value": "v"}])
    assert nvcf.get(made, bearer=nvcf.token("list_functions_details"))["secrets"] == ["A"]
    assert "secrets" not in nvcf.get(made, bearer=nvcf.token("list_functions"))
    assert "secrets" not in nvcf.get(made, query_string="includeSecrets=false")
    problem(nvcf.ask("GET", at(made), query_string="includeSecrets=maybe"), 400)


@pytest.mark.parametrize("what", ["null", "1", "x" * 36])
def test_ids_are_uuids(nvcf: Nvcf, what: str) -> None:
    problem(nvcf.ask("GET", f"{FUNCTIONS}/{what}/versions"), 400)
    problem(nvcf.ask("DELETE", f"{FUNCTIONS}/{uuid4()}/versions/{what}"), 400)


def test_ids_are_read_in_any_case(nvcf: Nvcf) -> None:
    made = nvcf.create()
    path = f"{FUNCTIONS}/{made['id'].upper()}/versions/{made['versionId'].upper()}"
    assert nvcf.good("GET", path)["function"]["id"] == made["id"]


# ---- keys


def test_keys_and_their_resources(nvcf: Nvcf) -> None:
    scopes = ("register_function", "list_functions", "update_function", "delete_function")
    f, g = nvcf.create(), nvcf.create()
    f2 = nvcf.create(f["id"])

    def key(*ids: str, kind: str = "function") -> str:
        return nvcf.key(*scopes, resources=[{"type": kind, "id": i} for i in ids])

    everything, none = key("*", kind="account-functions"), key()
    star, one, other_ = key(f"{f['id']}/*"), key(f"{f['id']}/{f['versionId']}"), key(f"{uuid4()}/*")
    tags = {"tags": ["k"]}
    rows = [
        ("POST", FUNCTIONS, body(), everything, 200),
        ("POST", FUNCTIONS, body(), none, 403),
        ("POST", FUNCTIONS, body(), star, 403),
        ("GET", FUNCTIONS, None, none, 200),
        ("GET", at(f), None, none, 403),
        ("GET", at(f2), None, star, 200),
        ("GET", at(g), None, star, 403),
        ("PUT", at(f2), tags, star, 200),
        ("POST", f"{FUNCTIONS}/{f['id']}/versions", body(), star, 200),
        ("GET", at(f), None, one, 200),
        ("PUT", at(f), tags, one, 200),
        ("GET", at(f2), None, one, 403),
        ("DELETE", at(f2), None, one, 403),
        ("POST", f"{FUNCTIONS}/{f['id']}/versions", body(), one, 403),
        ("GET", f"{FUNCTIONS}/{f['id']}/versions", None, other_, 403),
        ("PUT", at(f), tags, other_, 403),
        ("DELETE", f"{FUNCTIONS}/{uuid4()}/versions/{uuid4()}", None, other_, 404),
        ("GET", at(f), None, key(f["id"]), 403),
    ]
    for method, path, sent, bearer, status in rows:
        answer = nvcf.ask(method, path, sent, bearer=bearer)
        assert answer.status_code == status, (method, path, answer.text)
    assert nvcf.good("GET", FUNCTIONS, bearer=none) == {"functions": []}
    listed = nvcf.good("GET", FUNCTIONS, bearer=star)["functions"]
    assert {r["id"] for r in listed} == {f["id"]}


# ---- updates


@pytest.mark.parametrize("below", ["functions", "metadata/functions"])
def test_updates(nvcf: Nvcf, below: str) -> None:
    made = nvcf.create(secrets=[{"name": "A", "value": "v"}])
    path = at(made, below)
    tagged = nvcf.good("PUT", path, {"tags": ["n1", "n2"]})["function"]
    assert tagged["tags"] == ["n1", "n2"]
    assert "secrets" not in tagged
    limited = nvcf.good("PUT", path, {"rateLimit": {"rateLimit": "7-M"}})["function"]
    assert limited["tags"] == ["n1", "n2"]
    assert limited["rateLimit"] == {"rateLimit": "7-M", "syncCheck": False}
    assert problem(nvcf.ask("PUT", path, {}), 400)["detail"] == "Validation failed"
    problem(nvcf.ask("PUT", path, {"name": "other"}), 400)
    problem(nvcf.ask("PUT", path, {"tags": ["a b"]}), 400)
    problem(nvcf.ask("PUT", path, {"modelUpdates": [{"modelName": "m", "llmConfig": {"routingMethod": "random"}}]}), 400)  # fmt: skip
    assert nvcf.get(made)["tags"] == ["n1", "n2"]


def test_llm_settings_reach_every_version(nvcf: Nvcf) -> None:
    first = nvcf.create(
        **llm({"routingMethod": "random"}, llmInvocationConfig=priority(defaultPriority=1))
    )
    second = nvcf.create(first["id"], **llm({"tokenRateLimit": "5-W"}))
    assert second["llmInvocationConfig"] == {"priority": {"defaultPriority": 1}}
    assert nvcf.get(first)["models"][0]["llmConfig"] == {
        "uris": ["/v1/chat/completions"], "tokenRateLimit": "5-W", "routingMethod": "random",
    }  # fmt: skip

    def update(name: str, **config: Any) -> dict[str, Any]:
        return {"modelUpdates": [{"modelName": name, "llmConfig": config}]}

    nvcf.good("PUT", at(first), update("m", routingMethod="round-robin"))
    assert nvcf.get(second)["models"][0]["llmConfig"]["routingMethod"] == "round-robin"
    nvcf.good("PUT", at(second), {"llmInvocationConfig": priority(defaultPriority=7)})
    assert nvcf.get(first)["llmInvocationConfig"] == {"priority": {"defaultPriority": 7}}
    problem(nvcf.ask("PUT", at(first), update("zz", routingMethod="random")), 404)
    problem(nvcf.ask("PUT", at(first), update(" ", routingMethod="random")), 400)
    problem(nvcf.ask("PUT", at(first), update("m")), 400)
    path = f"{FUNCTIONS}/{first['id']}/versions"
    problem(nvcf.ask("POST", path, body()), 400, "LLM")
    problem(nvcf.ask("POST", path, body(**llm({"uris": ["/other"]}))), 400, "same uris")


# ---- deletion


def test_deletion(nvcf: Nvcf, other: str) -> None:
    made = nvcf.create()
    further = nvcf.create(made["id"])
    problem(nvcf.ask("DELETE", at(made), bearer=other), 404)
    answer = nvcf.ask("DELETE", at(made))
    assert (answer.status_code, answer.content) == (204, b"")
    problem(nvcf.ask("DELETE", at(made)), 404)
    problem(nvcf.ask("GET", at(made)), 404)
    assert nvcf.get(further)["status"] == "INACTIVE"


def test_an_account_may_bound_its_functions(nvcf: Nvcf, other: str) -> None:
    account = f"{BASE}/accounts/other"
    nvcf.good("PATCH", account, {"maxFunctionsAllowed": 1})
    made = nvcf.good("POST", FUNCTIONS, body(), bearer=other)["function"]
    problem(nvcf.ask("POST", FUNCTIONS, body(), bearer=other), 400, "limit of 1 functions")
    nvcf.good("POST", f"{FUNCTIONS}/{made['id']}/versions", body(), bearer=other)
    nvcf.good("PATCH", account, {"maxFunctionsAllowed": 100})
