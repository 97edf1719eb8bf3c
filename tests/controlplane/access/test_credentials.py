"""Bearers to callers: the routing of contract 2.1, and what is remembered for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from controlplane.access import policy, scopes
from controlplane.access.credentials import MAX_ENTRIES, Caller, Credentials
from controlplane.access.registry import TASKS
from controlplane.http.problems import Refused
from controlplane.state.protocol import Event
from controlplane.tail import Tail
from tests.controlplane.access.test_tokens import FORGERIES
from tests.controlplane.installation import LOCAL, POLICY, Api, Clock, Worker


def refused(worker: Worker, bearer: str, namespace: str = "nvcf") -> Refused:
    with pytest.raises(Refused) as caught:
        worker.caller(bearer, namespace)
    return caught.value


def token(worker: Worker, client: str = "ncp", having: Any = scopes.ADMIN) -> str:
    return worker.credentials.tokens.issue(client, having).value


def client(worker: Worker, name: str, **spec: Any) -> None:
    worker.change(lambda c: c.create(f"access.clients.{name}", {"account": "nvcf-default", **spec}))


# ---- who it is


def test_a_token_of_a_client(worker: Worker) -> None:
    found = worker.caller(token(worker))
    assert found == Caller(
        "jwt", "ncp", "nvcf-default", frozenset(scopes.ADMIN), policy.EVERYTHING,
        worker.clock() + 43_200,
    )  # fmt: skip
    assert found.actor("r1") == ("jwt:ncp", "r1")


def test_a_client_may_carry_less_than_its_token(worker: Worker) -> None:
    client(worker, "ci", scopes=["plans:read", "state:read"])
    assert worker.caller(token(worker, "ci", ["plans:read", "plans:apply"])).scopes == {
        "plans:read"
    }
    client(worker, "none", scopes=[])
    assert worker.caller(token(worker, "none", ["plans:read"])).scopes == frozenset()


def test_a_client_that_is_not_registered_has_no_account(worker: Worker) -> None:
    found = worker.caller(token(worker, "some-guy"))
    assert (found.account, found.grants) == ("", ())


def test_an_api_key(keys: Api, worker: Worker) -> None:
    value = keys.key().json["value"]
    found = worker.caller(value)
    assert found == Caller(
        "apikey", "anna", "nvcf-default", frozenset({"list_functions"}),
        (policy.Grant("account-functions", "*"),), worker.clock() + 86_400,
    )  # fmt: skip


def test_a_key_is_judged_by_the_service_that_asks(keys: Api, worker: Worker) -> None:
    both = {"policies": [POLICY, {"aud": TASKS.id, "scopes": ["list_tasks"]}]}
    value = keys.key(authorizations=both).json["value"]
    assert worker.caller(value, "nvcf").scopes == {"list_functions"}
    assert worker.caller(value, "nvct").scopes == {"list_tasks"}
    only = keys.key().json["value"]
    worker.caller(only, "nvcf")
    assert refused(worker, only, "nvct").status == 403


def test_the_credential_of_this_host(worker: Worker) -> None:
    found = worker.caller(LOCAL)
    assert (found.kind, found.account, found.grants) == ("local", "", ())
    assert found.scopes == frozenset(scopes.OWN)


# ---- refusals


@pytest.mark.parametrize("bearer", [*FORGERIES.values(), LOCAL[:-1], f"{LOCAL} ", "x" * 5000])
def test_what_is_no_credential_is_401(worker: Worker, bearer: str) -> None:
    found = refused(worker, bearer)
    assert found.status == 401
    assert found.headers == {"WWW-Authenticate": "Bearer"}


@pytest.mark.parametrize(
    "bearer", ["nvapi-", "nvapi-x", "nvapi-nvcf-stg-" + "A" * 64, "nvapi-" + "é"]
)
def test_what_looks_like_a_key_is_403(worker: Worker, bearer: str) -> None:
    found = refused(worker, bearer)
    expected = (403, "Authorization failed") if bearer.isascii() else (401, found.message)
    assert (found.status, found.message) == expected


def test_keys_that_do_not_count(keys: Api, worker: Worker) -> None:
    gone = keys.key().json
    value = gone["value"]
    for change in (
        ("PUT", "/v1/service-admin/users/anna/suspend", None),
        ("DELETE", f"/v1/keys/{gone['id']}", None),
    ):
        keys.ask(*change, owner="anna", service=POLICY["aud"])
        assert (refused(worker, value).status, refused(worker, value).message) == (
            403,
            "Authorization failed",
        )


def test_a_key_without_a_policy_for_the_service(keys: Api, worker: Worker) -> None:
    assert refused(worker, keys.key(authorizations={}).json["value"]).status == 403


# ---- what is remembered


class Counting:
    """Counts how often the store is read."""

    def __init__(self, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self._read = 0, worker.engine.read
        monkeypatch.setattr(worker.engine, "read", self.read)

    async def read(self, work: Any) -> Any:
        self.count += 1
        return await self._read(work)


@pytest.fixture
def reads(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Counting:
    return Counting(worker, monkeypatch)


@pytest.mark.parametrize(("seconds", "count"), [(0, 1), (59.9, 1), (60, 2), (61, 2)])
def test_for_a_minute(
    keys: Api, worker: Worker, clock: Clock, reads: Counting, seconds: float, count: int
) -> None:
    for bearer in (keys.key().json["value"], token(worker)):
        reads.count = 0
        first = worker.caller(bearer)
        clock.sleep(seconds)
        assert worker.caller(bearer) == first
        assert reads.count == count


def test_never_past_the_end_of_a_key(keys: Api, worker: Worker, clock: Clock) -> None:
    value = keys.key(expires_at=clock.after(seconds=10)).json["value"]
    worker.caller(value)
    clock.sleep(9.9)
    worker.caller(value)
    clock.sleep(0.1)
    assert refused(worker, value).status == 403


def test_never_past_the_end_of_a_token(worker: Worker, clock: Clock) -> None:
    bearer = worker.credentials.tokens.issue("ncp", [], 10).value
    worker.caller(bearer)
    clock.sleep(9.9)
    worker.caller(bearer)
    clock.sleep(0.1)
    assert refused(worker, bearer).status == 401


def test_refusals_are_not_remembered(worker: Worker, reads: Counting) -> None:
    for _ in range(2):
        refused(worker, "nvapi-" + "a" * 64)
    assert reads.count == 2
    assert worker.credentials._known == {}


def test_only_digests_are_kept(keys: Api, worker: Worker) -> None:
    value = keys.key().json["value"]
    worker.caller(value)
    assert value not in repr(worker.credentials._known)


def test_no_more_than_so_many(keys: Api, worker: Worker) -> None:
    first, second = (keys.key(owner=o).json["value"] for o in ("a", "b"))
    known = worker.credentials._known
    worker.caller(first)
    ((oldest, entry),) = known.items()
    known.update({(bytes([n % 256, n // 256]), "nvcf"): entry for n in range(MAX_ENTRIES - 1)})
    worker.caller(second)
    assert len(known) == MAX_ENTRIES
    assert oldest not in known


# ---- forgetting


def listening(worker: Worker) -> Tail:
    """A tail that makes credentials forget, as a program sets it up."""
    tail = Tail(worker.engine)
    tail.listeners.append(worker.credentials.heard)
    worker.engine.on_change = tail.wake
    return tail


def test_a_change_is_known_to_every_worker(workers: Callable[[], Worker]) -> None:
    """A key that one worker deletes is refused by the other as soon as it has seen the event."""
    here, there = workers(), workers()
    made = here.api().key().json

    async def run() -> None:
        tails = [listening(worker) for worker in (here, there)]
        following = [asyncio.create_task(tail.follow()) for tail in tails]
        for worker in (here, there):
            await worker.credentials.caller(made["value"])
        watched = [asyncio.create_task(tail.news(30)) for tail in tails]
        await asyncio.to_thread(_delete, here, made["id"])
        await asyncio.gather(*watched)
        for worker in (here, there):
            with pytest.raises(Refused, match="Authorization failed"):
                await worker.credentials.caller(made["value"])
        for task in following:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _delete(worker: Worker, key_id: str) -> None:
        worker.change(lambda c: c.delete(c.tx.get(f"access.keys.{key_id}")))

    asyncio.run(run())


@pytest.mark.parametrize(
    ("address", "forgets"),
    [
        ("access.keys.k", True),
        ("access.users.u", True),
        ("access.clients.c", True),
        ("access.accounts.a", True),
        ("aicr.clusters.edge", False),
        ("plans", False),
    ],
)
def test_which_changes_count(worker: Worker, address: str, forgets: bool) -> None:
    worker.caller(token(worker))
    worker.credentials.heard(Event(1, "updated", address, "", {}))
    assert (worker.credentials._known == {}) is forgets


def test_what_was_asked_before_a_change_is_not_remembered_after_it(
    keys: Api, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = keys.key().json["value"]
    read = worker.engine.read

    async def slow(work: Any) -> Any:
        found = await read(work)
        worker.credentials.forget()  # the change comes while the answer is on its way
        return found

    monkeypatch.setattr(worker.engine, "read", slow)
    worker.caller(value)
    assert worker.credentials._known == {}


def test_a_client_that_is_removed(worker: Worker) -> None:
    client(worker, "ci")
    bearer = token(worker, "ci")
    assert worker.caller(bearer).account == "nvcf-default"
    worker.change(lambda c: c.delete(c.tx.get("access.clients.ci")))
    worker.credentials.forget()
    assert worker.caller(bearer).account == ""


def test_a_client_that_is_added_again_has_new_tokens_only(worker: Worker, clock: Clock) -> None:
    client(worker, "ci")
    old = token(worker, "ci")
    worker.change(lambda c: c.delete(c.tx.get("access.clients.ci")))
    clock.sleep(1)
    client(worker, "ci")
    worker.credentials.forget()
    assert worker.caller(old).account == ""
    assert worker.caller(token(worker, "ci")).account == "nvcf-default"


def test_tokens_of_another_installation(worker: Worker, clock: Clock) -> None:
    from controlplane.access.roots import Roots
    from controlplane.access.tokens import new_key

    other = Credentials(worker.engine, Roots(new_key(), b"x"), (), clock)
    assert refused(worker, other.tokens.issue("ncp", []).value).status == 401
