"""Accounts, clients and keys in manifests: planned, applied, suspended, adopted, destroyed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aicr.errors import AicrError, Conflict
from controlplane.access import keys as stored
from controlplane.access.apikeys import digest
from controlplane.access.kinds import KINDS, user_name
from controlplane.access.registry import FUNCTIONS
from controlplane.backend import Local
from controlplane.cli import options
from controlplane.http.problems import Refused
from tests.controlplane.installation import TESTER, Api, Clock, Worker

VALUE = "nvapi-" + "v" * 40
OTHER = "nvapi-" + "w" * 40
KEY = f"""apiVersion: aicr.nvidia.com/v1alpha1
kind: ControlPlane
metadata: {{name: keys}}
spec:
  resources:
    access:
      keys:
        ci:
          service: {FUNCTIONS.id}
          owner: pipelines
          description: the key of pipelines
          expiresAt: "2026-12-01T00:00:00.000Z"
          value: env:CI_KEY
          authorizations:
            policies:
              - aud: {FUNCTIONS.id}
                scopes: [list_functions]
"""
ADDRESS = "access.keys.ci"


class Manifests:
    """One manifest, applied to an installation."""

    def __init__(self, worker: Worker, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._worker, self._monkeypatch = worker, monkeypatch
        self._file = directory / "keys.yaml"
        self.backend = Local(worker.engine, None, TESTER)
        self.set(VALUE)

    def set(self, value: str) -> None:
        self._monkeypatch.setenv("CI_KEY", value)

    def plan(self, text: str = KEY) -> Any:
        self._file.write_text(text)
        self.wanted = options.wanted(str(self._file), (), prune=False)
        return self.backend.plan(self.wanted).plan

    def apply(self, text: str = KEY) -> list[tuple[str, str]]:
        """What was done: actions and addresses, without those that change nothing."""
        plan = self.plan(text)
        self.backend.apply(plan, self.wanted.secrets)
        return actions(plan)

    def key(self) -> stored.Key:
        (found,) = self._worker.read(lambda r: stored.all_owned(r, "pipelines"))
        return found  # type: ignore[no-any-return]


def actions(plan: Any) -> list[tuple[str, str]]:
    return [(s.action, s.address) for s in plan.stages if s.action != "no-op"]


@pytest.fixture
def manifests(worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifests:
    return Manifests(worker, tmp_path, monkeypatch)


def test_a_declared_key(manifests: Manifests, worker: Worker, keys: Api) -> None:
    assert manifests.apply() == [("create", ADDRESS)]
    found = worker.caller(VALUE)
    assert (found.subject, found.scopes) == ("pipelines", {"list_functions"})
    key = manifests.key()
    assert key.status["digest"] == digest(VALUE)
    assert key.status["masked"] == "nvapi-**********vvv"
    assert key.spec["expiresAt"] == "2026-12-01T00:00:00Z"
    shown = keys.ask("GET", f"/v1/keys/{key.id}", owner="pipelines", service=FUNCTIONS.id).json
    assert shown["value"] == "nvapi-**********vvv"
    assert manifests.apply() == []


def test_only_the_digest_is_at_rest(manifests: Manifests, worker: Worker) -> None:
    manifests.apply()
    assert not any(s.name.startswith(ADDRESS) for s in worker.read(lambda r: r.secrets()))
    for file in worker.home.rglob("*"):
        assert not file.is_file() or VALUE.encode() not in file.read_bytes()


def test_the_plan_shows_a_reference_and_no_value(manifests: Manifests) -> None:
    plan = manifests.plan()
    text = repr(plan)
    assert "env:CI_KEY" in text
    assert VALUE not in text
    assert digest(VALUE) not in text


def test_another_value_is_an_update(manifests: Manifests, worker: Worker, clock: Clock) -> None:
    manifests.apply()
    before = manifests.key()
    clock.sleep(60)
    manifests.set(OTHER)
    assert manifests.apply() == [("update", ADDRESS)]
    worker.credentials.forget()
    assert worker.caller(OTHER).subject == "pipelines"
    with pytest.raises(Refused, match="Authorization failed"):
        worker.caller(VALUE)
    after = manifests.key()
    assert (after.id, after.status["createdAt"]) == (before.id, before.status["createdAt"])


def suspend(keys: Api, key_id: str) -> None:
    path = f"/v1/service-admin/users/pipelines/keys/{key_id}/status"
    answer = keys.ask("PUT", path, {"status": "SUSPENDED"}, service=FUNCTIONS.id)
    assert answer.status_code == 200, answer.text


def test_one_that_is_suspended_stays_so(
    manifests: Manifests, worker: Worker, keys: Api, clock: Clock
) -> None:
    manifests.apply()
    suspend(keys, manifests.key().id)
    for text, value in ((KEY.replace("of pipelines", "of all"), VALUE), (KEY, OTHER)):
        manifests.set(value)
        assert manifests.apply(text) == [("update", ADDRESS)]
        assert manifests.key().state(clock.now) == "SUSPENDED"


@pytest.mark.parametrize(
    "change",
    [
        ("owner: pipelines", "owner: others"),
        (FUNCTIONS.id, "nvidia-cloud-tasks-ncp-service-id-nvcttasks"),
    ],
)
def test_another_owner_or_service_is_another_key(
    manifests: Manifests, change: tuple[str, str]
) -> None:
    manifests.apply()
    assert manifests.apply(KEY.replace(*change)) == [("replace", ADDRESS)]


def test_protected(manifests: Manifests, worker: Worker, keys: Api) -> None:
    manifests.apply()
    manifests.backend.apply(manifests.backend.wish("protect", [ADDRESS]), {})
    key_id = manifests.key().id
    answer = keys.ask("DELETE", f"/v1/keys/{key_id}", owner="pipelines", service=FUNCTIONS.id)
    assert answer.status_code == 409
    assert (
        answer.json["detail"] == f"{ADDRESS} is protected: aicr state unprotect {ADDRESS} lifts it"
    )
    with pytest.raises(Conflict, match="protected"):
        manifests.backend.destroy()
    assert worker.caller(VALUE).subject == "pipelines"


def test_destroyed(manifests: Manifests, worker: Worker) -> None:
    for name in ("nvcf-default", "ncp"):
        kind = "clients" if name == "ncp" else "accounts"
        manifests.backend.apply(manifests.backend.wish("unprotect", [f"access.{kind}.{name}"]), {})
    manifests.apply()
    worker.caller(VALUE)
    plan = manifests.backend.destroy()
    assert ("delete", ADDRESS) in actions(plan)
    manifests.backend.apply(plan, {})
    worker.credentials.forget()
    with pytest.raises(Refused, match="Authorization failed"):
        worker.caller(VALUE)


def test_one_that_was_deleted_over_rest_comes_back(
    manifests: Manifests, worker: Worker, keys: Api
) -> None:
    manifests.apply()
    answer = keys.ask(
        "DELETE", f"/v1/keys/{manifests.key().id}", owner="pipelines", service=FUNCTIONS.id
    )
    assert answer.status_code == 204
    assert manifests.apply() == [("create", ADDRESS)]
    worker.credentials.forget()
    assert worker.caller(VALUE).subject == "pipelines"


def test_one_that_rest_made_is_adopted_as_it_is(
    manifests: Manifests, worker: Worker, keys: Api
) -> None:
    made = keys.key(owner="pipelines").json
    address = f"access.keys.{made['id']}"
    manifests.backend.apply(manifests.backend.wish("adopt", [address]), {})
    found = worker.read(lambda r: r.get(address))
    assert found.applied == found.spec
    assert worker.caller(made["value"]).subject == "pipelines"


@pytest.mark.parametrize(
    "value", ["nvapi-short", "sk-" + "a" * 60, "nvapi-" + "a" * 257, VALUE + " x"]
)
def test_a_value_that_is_no_key(manifests: Manifests, worker: Worker, value: str) -> None:
    manifests.set(value)
    with pytest.raises(AicrError, match="the value must be nvapi-") as caught:
        manifests.apply()
    assert value not in str(caught.value)
    assert worker.read(lambda r: stored.all_owned(r, "pipelines")) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("env:CI_KEY", VALUE, "env:NAME, file:PATH or store:NAME"),
        (FUNCTIONS.id, "nobody", "no such service"),
        ("2026-12-01T00:00:00.000Z", "tomorrow", "instant"),
        ("the key of pipelines", "a.b", "description"),
        ("owner: pipelines", 'owner: ""', "owner"),
        ("owner: pipelines", 'owner: "a\\tb"', "owner"),
        (f"aud: {FUNCTIONS.id}", "aud: nvcf", "no such service"),
        (f"aud: {FUNCTIONS.id}", "auds: []", "aud must be set"),
        ("[list_functions]", "[list_function]", "nothing asks for it"),
        ("[list_functions]", "[plans:read]", "it counts for tokens only"),
        ("[list_functions]", "list_functions", "scopes must be a list"),
        (
            "[list_functions]",
            "[]\n                resources: [{type: functions, id: a}]",
            "no such type",
        ),
        ("[list_functions]", "[]\n                resources: [account-functions]", "list of maps"),
        ("[list_functions]", "[]\n                resources: [{type: task}]", "id must be set"),
        (
            "          value: env:CI_KEY\n",
            "          value: env:CI_KEY\n          audiences: []\n",
            "audiences",
        ),
    ],
)
def test_what_a_manifest_may_not_say(manifests: Manifests, old: str, new: str, said: str) -> None:
    with pytest.raises(AicrError) as caught:
        manifests.plan(KEY.replace(old, new))
    assert said in str(caught.value)
    assert VALUE not in str(caught.value)


CLIENT = """apiVersion: aicr.nvidia.com/v1alpha1
kind: ControlPlane
metadata: {name: keys}
spec:
  resources:
    access:
      accounts: {research: {name: Research}}
      clients: {ci: {account: research, scopes: [plans:read]}}
"""


def test_accounts_and_clients(manifests: Manifests, worker: Worker) -> None:
    assert manifests.apply(CLIENT) == [
        ("create", "access.accounts.research"),
        ("create", "access.clients.ci"),
    ]
    bearer = worker.credentials.tokens.issue("ci", ["plans:read", "plans:apply"]).value
    found = worker.caller(bearer)
    assert (found.account, found.scopes) == ("research", {"plans:read"})


@pytest.mark.parametrize("scope", ["plan:read", "launch_task"])
def test_scopes_that_no_token_carries(manifests: Manifests, scope: str) -> None:
    with pytest.raises(AicrError, match=scope):
        manifests.plan(CLIENT.replace("[plans:read]", f"[{scope}]"))


def test_a_new_key_without_a_value(manifests: Manifests, worker: Worker) -> None:
    with pytest.raises(AicrError, match="a key that is new needs a value"):
        manifests.apply(KEY.replace("          value: env:CI_KEY\n", ""))
    assert worker.read(lambda r: stored.all_owned(r, "pipelines")) == []


def test_a_client_of_no_account(manifests: Manifests) -> None:
    with pytest.raises(AicrError, match="research"):
        manifests.plan(CLIENT.replace("      accounts: {research: {name: Research}}\n", ""))


def test_the_name_of_an_owner_fits_any_address() -> None:
    for owner in ("a", "x" * 256, "a@b/c d", "ü", "\ud800"):
        assert len(user_name(owner)) == 64
        assert user_name(owner).isalnum()
    assert user_name("a") != user_name("A")


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_every_kind_is_told_in_a_sentence(kind: Any) -> None:
    assert kind.summary.endswith(".")
    assert kind.path.startswith("access.")


SUSPENDED = """apiVersion: aicr.nvidia.com/v1alpha1
kind: ControlPlane
metadata: {name: users}
spec:
  resources:
    access:
      users: {zed: {owner: anna, status: SUSPENDED}}
"""


def test_an_owner_that_a_manifest_suspends(manifests: Manifests, worker: Worker, keys: Api) -> None:
    """Beside the resource that REST made of the owner, wherever that sorts."""
    value = keys.key().json["value"]
    assert manifests.apply(SUSPENDED) == [("create", "access.users.zed")]
    worker.credentials.forget()
    with pytest.raises(Refused, match="Authorization failed"):
        worker.caller(value)
    assert keys.key().status_code == 403
    user = "/v1/admin/users/anna"
    assert keys.ask("GET", user).json["status"] == "SUSPENDED"
    assert keys.ask("PUT", f"{user}/status", {"status": "ACTIVE"}).json["status"] == "ACTIVE"
    assert worker.caller(value).subject == "anna"
    assert keys.ask("GET", user).json["status"] == "ACTIVE"


def test_a_value_that_is_declared_twice(manifests: Manifests, worker: Worker, keys: Api) -> None:
    """Each is a key: one that is suspended or expired does not hide the other."""
    block = KEY[KEY.index("        ci:") :]
    manifests.apply(KEY + block.replace("ci:", "second:", 1))
    first, second = worker.read(lambda r: stored.all_owned(r, "pipelines"))
    assert first.id != second.id
    suspend(keys, first.id)
    assert worker.caller(VALUE).subject == "pipelines"
    suspend(keys, second.id)
    with pytest.raises(Refused, match="Authorization failed"):
        worker.caller(VALUE)


def test_two_declared_keys_have_ids_of_their_own(
    manifests: Manifests, worker: Worker, monkeypatch: Any
) -> None:
    monkeypatch.setenv("SECOND", OTHER)
    block = KEY[KEY.index("        ci:") :]
    manifests.apply(KEY + block.replace("ci:", "second:", 1).replace("env:CI_KEY", "env:SECOND"))
    first, second = worker.read(lambda r: stored.all_owned(r, "pipelines"))
    assert first.id != second.id
