"""Functions and their versions: what each endpoint of contract 4 reads and changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from controlplane.access import guard, times
from controlplane.access.policy import NEW_FUNCTION
from controlplane.access.policy import version as target_of
from controlplane.access.scopes import ADMIN_PREFIX
from controlplane.changes import Changes
from controlplane.registries import Artifact
from controlplane.services.nvcf import answers, checks, compile, errors, visible  # noqa: A004
from controlplane.services.nvcf.checks import LLM
from controlplane.services.nvcf.lifecycle import INACTIVE
from controlplane.services.nvcf.lookups import EVERYBODY, FUNCTIONS, parties
from controlplane.services.nvcf.models import CreateFunctionRequest, UpdateFunctionRequest
from controlplane.state.protocol import Json, Reader, Resource
from controlplane.vendor import checks as shared
from controlplane.vendor.calls import Answer, Call
from controlplane.vendor.lookups import account_of

DETAILS = "list_functions_details"


# --------------------------------------------------------------------------- reading


def listed(reader: Reader, call: Call) -> Answer:
    found = visible.every(reader, call.rows, call.caller, call.options["visibility"])
    texts = (r.own if r.account == call.account else r.foreign for r in found)
    return b'{"functions":[' + b",".join(texts) + b"]}"


def ids(reader: Reader, call: Call) -> Answer:
    found = visible.every(reader, call.rows, call.caller, call.options["visibility"])
    return {"functionIds": list(dict.fromkeys(r.function for r in found))}


def versions(reader: Reader, call: Call) -> Answer:
    function = call.ids["functionId"]
    found = [r for r in visible.versions(reader, function) if visible.visibility(r, call.account)]
    if not found:
        raise errors.no_function(function, call.account)
    permitted = [r for r in found if visible.permitted(r, call.caller)]
    if not permitted:
        guard.check(call.caller, visible.target(found[0], call.account))
    return {"functions": [answers.function(r, call.account) for r in permitted]}


def version(reader: Reader, call: Call) -> Answer:
    found = visible.seen(reader, call.caller, call.ids["functionId"], call.ids["functionVersionId"])
    if not details(call):
        return {"function": answers.function(found, call.account)}
    deployed = None
    if found.status["status"] != INACTIVE:
        deployed = visible.deployment_of(reader, found)
    running = None if deployed is None else answers.instances(found, deployed)
    shown = call.options["includeSecrets"]
    return {"function": answers.function(found, call.account, secrets=shown, instances=running)}


def instances(reader: Reader, call: Call) -> Answer:
    """The instances of a version; none while it is not deployed."""
    ids_ = call.ids
    found = visible.seen(reader, call.caller, ids_["functionId"], ids_["functionVersionId"])
    own = account_of(found.spec or {}) == call.account
    deployed = visible.deployment_of(reader, found) if own else None
    return {"instances": [] if deployed is None else answers.instances(found, deployed)}


def details(call: Call) -> bool:
    """Whether a caller sees names of secrets, and instances."""
    having = call.caller.scopes
    return any(f"{p}{DETAILS}" in having for p in ("", "apikey:", ADMIN_PREFIX))


# --------------------------------------------------------------------------- creating


def create(changes: Changes, call: Call) -> Answer:
    checks.account(changes.tx, call.account)
    guard.check(call.caller, NEW_FUNCTION)
    return _create(changes, call, str(uuid4()), [])


def create_version(changes: Changes, call: Call) -> Answer:
    checks.account(changes.tx, call.account)
    function = call.ids["functionId"]
    siblings = visible.own_versions(changes.tx, call.account, function)
    guard.check(call.caller, target_of(function))
    if any(EVERYBODY in parties(r.spec or {}) for r in siblings):
        raise errors.public(function)
    return _create(changes, call, function, siblings)


def _create(changes: Changes, call: Call, function: str, siblings: list[Resource]) -> Answer:
    tx, body = changes.tx, call.body
    spec: Json = compile.function(body, call.account, call.vault)
    if not siblings:
        checks.limit(tx, spec)
    spec = shared.with_telemetries(tx, spec)
    found = checks.telemetries(tx, spec)
    checks.pullable(tx, spec, call.registry_check)
    checks.siblings(spec, siblings)
    if siblings:
        spec = _inherited(spec, siblings[0].spec or {})
        _propagate(changes, siblings, _settings(spec), spec.get("llmInvocationConfig"))
    version_id = str(uuid4())
    address = f"{FUNCTIONS}.{version_id}"
    status = {
        "functionId": function,
        "versionId": version_id,
        "status": INACTIVE,
        "createdAt": times.stamp(times.parse(tx.now)),
        **found,
    }
    made = changes.create(address, spec, status, uid=version_id)
    _keep_secrets(changes, call, address, body)
    return {"function": answers.function(made, call.account, secrets=True)}


def _keep_secrets(changes: Changes, call: Call, address: str, body: CreateFunctionRequest) -> None:
    compile.keep(changes.tx, call.vault, address, compile.by_path(body.secrets))


def _inherited(spec: Json, oldest: Json) -> dict[str, Any]:
    """What a further version takes over from the oldest one."""
    taken = {"functionAuthorizedParties": oldest.get("functionAuthorizedParties")}
    if spec["functionType"] == LLM and "llmInvocationConfig" not in spec:
        taken["llmInvocationConfig"] = oldest.get("llmInvocationConfig")
    return {**spec, **{k: v for k, v in taken.items() if v is not None}}


def pulls(reader: Reader, call: Call) -> list[Artifact]:
    """What a function that is to be created pulls, once it is clear that it may be created."""
    checks.account(reader, call.account)
    function = call.ids.get("functionId")
    if function is not None:
        visible.own_versions(reader, call.account, function)
    guard.check(call.caller, NEW_FUNCTION if function is None else target_of(function))
    return list(checks.artifacts(compile.function(call.body, call.account, call.vault)))


# --------------------------------------------------------------------------- updating

_SETTINGS = ("tokenRateLimit", "routingMethod")
# Settings of models that all versions of a function share, by the name of the model.
_Settings = Mapping[str, Mapping[str, str]]


def _settings(spec: Json) -> _Settings:
    if spec["functionType"] != LLM:
        return {}
    configs = {m["name"]: m.get("llmConfig", {}) for m in spec.get("models", ())}
    return {n: {k: c[k] for k in _SETTINGS if k in c} for n, c in configs.items()}


def _propagate(
    changes: Changes, found: list[Resource], settings: _Settings, config: Json | None
) -> None:
    """Put settings of models, and the invocation's configuration, on versions."""
    for r in found:
        spec = _with_settings(r.spec or {}, settings)
        if config is not None:
            spec = {**spec, "llmInvocationConfig": config}
        if spec != r.spec:
            changes.update(r, spec=spec)


def _with_settings(spec: Json, settings: _Settings) -> Json:
    if not settings:
        return spec
    models = [
        {**m, "llmConfig": {**m["llmConfig"], **settings[m["name"]]}}
        if m["name"] in settings and "llmConfig" in m
        else m
        for m in spec["models"]
    ]
    return {**spec, "models": models}


def update(changes: Changes, call: Call) -> Answer:
    """Change what can be changed of a version, and of all versions what they share (4.5)."""
    found = visible.owned(
        changes.tx, call.caller, call.ids["functionId"], call.ids["functionVersionId"]
    )
    body: UpdateFunctionRequest = call.body
    spec = dict(found.spec or {})
    settings = _updates(body, spec)
    given = body.llmInvocationConfig
    config = None if given is None else compile.canonical(given)
    if config and spec["functionType"] != LLM:
        raise errors.bad("llmInvocationConfig is for functions of type LLM")
    spec.update(_replaced(body))
    if body.rateLimit is None and "rateLimit" in body.model_fields_set:  # null, where that clears
        spec.pop("rateLimit", None)
    if spec != found.spec:
        found = changes.update(found, spec=spec)
    if settings or config:
        every = visible.own_versions(changes.tx, call.account, call.ids["functionId"])
        _propagate(changes, every, settings, config)
        found = changes.tx.get(found.address) or found
    return {"function": answers.function(found, call.account)}


def _replaced(body: UpdateFunctionRequest) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if body.tags is not None:
        given["tags"] = body.tags
    if body.rateLimit is not None:
        given["rateLimit"] = compile.canonical(body.rateLimit)
    return given


def _updates(body: UpdateFunctionRequest, spec: Json) -> _Settings:
    """Settings by model. Raises InvalidRequest, or NotFound."""
    if body.modelUpdates and spec["functionType"] != LLM:
        raise errors.bad("modelUpdates are for functions of type LLM")
    models = {m["name"]: m for m in spec.get("models", ())}
    settings = {}
    for wanted in body.modelUpdates or ():
        if wanted.modelName not in models:
            raise errors.no_model(wanted.modelName)
        if "llmConfig" not in models[wanted.modelName]:
            raise errors.bad(f"Model '{wanted.modelName}' has no llmConfig")
        settings[wanted.modelName] = compile.canonical(wanted.llmConfig)
    return settings


# --------------------------------------------------------------------------- deleting


def delete(changes: Changes, call: Call) -> Answer:
    """Remove a version with its deployment, instances, queue and secrets (4.6)."""
    found = visible.owned(
        changes.tx, call.caller, call.ids["functionId"], call.ids["functionVersionId"]
    )
    deployed = visible.deployment_of(changes.tx, found)
    if deployed is not None:
        changes.delete(deployed)
    changes.delete(changes.tx.get(found.address) or found)
    return None
