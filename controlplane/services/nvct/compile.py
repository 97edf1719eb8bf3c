"""Bodies of tasks to specs: the same form that manifests compile to, so that both meet."""

from __future__ import annotations

from typing import Any

from controlplane.services.nvct.models import CreateTaskRequest, TaskSpec
from controlplane.vault import Vault
from controlplane.vendor.compile import canonical, with_secrets, without_blanks


def task(body: CreateTaskRequest, account: str, vault: Vault) -> dict[str, Any]:
    """The spec of a task, with digests in place of its secrets."""
    given = canonical(body)
    given.pop("secrets", None)
    given["gpuSpecification"] = without_blanks(given["gpuSpecification"])
    spec = canonical(TaskSpec(**{**given, "account": account}))
    return with_secrets(spec, body.secrets or (), vault)
