"""Secrets: kept, merged, never returned and never written down; rate limits."""

from __future__ import annotations

from controlplane.plan.effects import secret_name
from tests.controlplane.services.calling import problem
from tests.controlplane.services.nvcf.conftest import BASE, FUNCTIONS, Nvcf, at, body


def _path(function: dict[str, str]) -> str:
    return at(function, "secrets/functions")  # type: ignore[arg-type]


def test_values_are_kept_and_nowhere_else(nvcf: Nvcf) -> None:
    secrets = [{"name": "A", "value": "zz-1"}, {"name": "O", "value": {"k": "zz-2", "n": None}}]
    f = nvcf.create(secrets=secrets)
    nvcf.good(
        "PUT",
        _path(f),
        {"secrets": [{"name": "A", "value": "zz-3"}, {"name": "N", "value": "zz-4"}]},
    )
    assert nvcf.get(f)["secrets"] == ["A", "N", "O"]
    address = f"nvcf.functions.{f['versionId']}"

    def kept(name: str) -> str:
        path = secret_name(address, f"secrets.{name}")
        return str(nvcf.engine.store.read(lambda r: nvcf.engine.vault.get(r, path)))

    assert [kept(n) for n in "ANO"] == ["zz-3", "zz-4", '{"k":"zz-2","n":null}']
    store = nvcf.engine.store
    said = [
        nvcf.good("GET", FUNCTIONS),
        store.read(lambda r: r.resources()),
        store.read(lambda r: r.events(0, 100_000)),
        store.read(lambda r: r.audit(0, 100_000)),
    ]
    assert "zz-" not in str(said)
    nvcf.good("DELETE", at(f))
    assert not [s for s in store.read(lambda r: r.secrets()) if s.name.startswith(address)]


def test_when_secrets_may_be_put(nvcf: Nvcf) -> None:
    plain = nvcf.create()
    nvcf.deploy(plain)
    one = {"secrets": [{"name": "A", "value": "v"}]}
    problem(nvcf.ask("PUT", _path(plain), one), 400, "INACTIVE")
    having = nvcf.create(**one)
    nvcf.deploy(having)
    nvcf.good("PUT", _path(having), one)
    problem(nvcf.ask("PUT", _path(having), {"secrets": one["secrets"] * 2}), 400)
    problem(nvcf.ask("PUT", _path(having), {"secrets": []}), 400)
    unknown = {**having, "versionId": plain["versionId"]}
    problem(nvcf.ask("PUT", _path(unknown), one), 404)


def test_rate_limits(nvcf: Nvcf) -> None:
    f = nvcf.create()
    path = at(f, "ratelimit/functions")
    nvcf.good("PUT", path, {"rateLimit": {"rateLimit": "9-H", "exemptedNcaIds": None}})
    assert nvcf.get(f)["rateLimit"]["rateLimit"] == "9-H"
    problem(nvcf.ask("PUT", path, {"rateLimit": {"rateLimit": "9-X"}}), 400)
    nvcf.good("DELETE", path)
    assert "rateLimit" not in nvcf.get(f)


def test_telemetries(nvcf: Nvcf, other: str) -> None:
    path = f"{BASE}/telemetries"
    sent = {
        "endpoint": "https://logs.example.com", "protocol": "http", "provider": "datadog",
        "types": ["LOGS", "logs"], "secret": {"name": "logs", "value": "zz-key"},
    }  # fmt: skip
    made = nvcf.good("POST", path, sent)["telemetry"]
    assert list(made) == [
        "telemetryId",
        "name",
        "endpoint",
        "protocol",
        "provider",
        "types",
        "createdAt",
    ]
    assert (made["name"], made["protocol"], made["types"]) == ("logs", "HTTP", ["LOGS"])
    one = f"{path}/{made['telemetryId']}"
    assert nvcf.good("GET", path) == {"telemetries": [made]}
    assert nvcf.good("GET", one) == {"telemetry": made}
    problem(nvcf.ask("GET", one, bearer=other), 404)
    problem(nvcf.ask("POST", path, sent), 400, "already exists")
    problem(nvcf.ask("POST", path, {**sent, "types": []}), 400)
    nvcf.good(
        "PUT",
        f"{BASE}/secrets/telemetries/{made['telemetryId']}",
        {"secret": {"name": "logs", "value": "zz-2"}},
    )
    problem(
        nvcf.ask("POST", FUNCTIONS, body(telemetries={"tracesTelemetryId": made["telemetryId"]})),
        400,
        "TRACES",
    )
    problem(nvcf.ask("POST", FUNCTIONS, body(telemetries={"logsTelemetryId": FUNCTIONS})), 400)
    f = nvcf.create(telemetries={"logsTelemetryId": made["telemetryId"]})
    assert f["telemetries"] == {"logsTelemetryId": made["telemetryId"]}
    problem(nvcf.ask("DELETE", one), 400, "in use")
    nvcf.good("DELETE", at(f))
    nvcf.good("DELETE", one)
    problem(nvcf.ask("GET", one), 404)
