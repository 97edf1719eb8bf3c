"""What this service refuses, in the vendor's words where they are known (contract 4, 5)."""

from __future__ import annotations

from aicr.errors import InvalidRequest, NotFound
from controlplane.vendor import errors as vendor

# Those of all services of the vendor.
bad, taken = vendor.bad, vendor.taken
no_account, no_telemetry = vendor.no_account, vendor.no_telemetry


def no_function(function: str, account: str) -> NotFound:
    return NotFound(f"Function id '{function}': Not found in account '{account}'")


def no_version(function: str, version: str, account: str) -> NotFound:
    words = f"Function id '{function}' version '{version}': Not found in account '{account}'"
    return NotFound(words)


no_deployment_id = vendor.lacks("Deployment id")
no_specification = vendor.lacks("GPU specification id")
no_request = vendor.lacks("Request id")
no_model = vendor.lacks("Model")
no_client = vendor.lacks("Client id")


def no_deployment(version: str) -> NotFound:
    return NotFound(f"Function version id '{version}': No deployment found")


def no_queue(function: str) -> NotFound:
    return NotFound(f"Queue of function '{function}' not found: it is likely not deployed")


def no_asset(asset: str, account: str = "") -> NotFound:
    within = f" in account '{account}'" if account else ""
    return NotFound(f"Asset id '{asset}': Not found{within}")


def public(function: str) -> InvalidRequest:
    return InvalidRequest(f"Function id '{function}': not allowed for a public function")
