"""Assets as resources, and the signed URLs by which their bytes come and go (contract 17)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from controlplane import assets, signed
from controlplane.access import times
from controlplane.access.kinds import ACCOUNTS
from controlplane.assets import ASSETS
from controlplane.changes import Changes
from controlplane.kinds import Kind, Making, Spec, table
from controlplane.services.nvcf import errors
from controlplane.services.nvcf.asset_models import AssetSpec, CreateAssetRequest
from controlplane.state.protocol import Lookup, Reader, Resource
from controlplane.vault import Vault
from controlplane.vendor import checks, compile  # noqa: A004
from controlplane.vendor.lookups import account_of

CONTENT = "/v2/nvcf/asset-content"
PUT, GET = "PUT", "GET"
# --------------------------------------------------------------------------- the kind


def _lookups(spec: Spec, status: Spec) -> Iterable[Lookup]:
    yield assets.by_account(account_of(spec))
    if status:
        yield assets.by_id(status["assetId"])


def _status(making: Making) -> Spec:
    if making.before:
        return making.before
    return {"assetId": making.uid, "createdAt": times.stamp(times.parse(making.now))}


KINDS = table(
    Kind(
        ASSETS,
        AssetSpec,
        "Inputs of invocations, by reference.",
        immutable=frozenset(AssetSpec.model_fields),
        references={"account": ACCOUNTS},
        lookups=_lookups,
        status=_status,
    )
)


# --------------------------------------------------------------------------- what is done


def create(changes: Changes, account: str, body: CreateAssetRequest) -> Resource:
    """An asset without its bytes. Raises NotFound for an account that there is not."""
    tx = changes.tx
    checks.account(tx, account)
    spec = compile.canonical(AssetSpec(**{**compile.canonical(body), "account": account}))
    uid = str(uuid4())
    address = f"{ASSETS}.{uid}"
    return changes.create(
        address, spec, _status(Making(address, uid, spec, {}, {}, tx.now, tx)), uid=uid
    )


def listed(reader: Reader, account: str) -> list[Resource]:
    """The assets of an account, oldest first."""
    found = [r for r in reader.find(ASSETS, assets.by_account(account)) if r.spec and r.status]
    return sorted(found, key=lambda r: (r.created, r.address))


def owned(reader: Reader, account: str, asset_id: str) -> Resource:
    """Raises NotFound."""
    found = assets.known(reader, account, asset_id)
    if found is None:
        raise errors.no_asset(asset_id, account)
    return found


def media_type(reader: Reader, asset_id: str) -> str:
    """The media type of an asset, whoever has it. Raises NotFound."""
    found = next(iter(reader.find(ASSETS, assets.by_id(asset_id))), None)
    if found is None or found.spec is None:
        raise errors.no_asset(asset_id)
    return str(found.spec["contentType"])


def answer(asset: Resource) -> dict[str, Any]:
    spec = asset.spec or {}
    return {
        "assetId": asset.status["assetId"],
        "contentType": spec["contentType"],
        "description": spec["description"],
    }


# --------------------------------------------------------------------------- signed URLs


def url(origin: str, vault: Vault, method: str, asset_id: str, now: float) -> str:
    """A URL of this server that is good for a method on the bytes of an asset, for a while."""
    return signed.url(f"{origin}{CONTENT}/{asset_id}", vault, _what(method, asset_id), now)


def allows(vault: Vault, method: str, asset_id: str, query: Spec, now: float) -> bool:
    """Whether a query string says that this may be done now."""
    return signed.allows(vault, _what(method, asset_id), query, now)


def _what(method: str, asset_id: str) -> str:
    return f"asset {method} {asset_id}"
