"""The manifests people write, as pydantic models. What stands below `resources` is each kind's."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from aicr.models import AnyMixin, Model, Named

API_VERSION = "aicr.nvidia.com/v1alpha1"
KIND, MIXIN_KIND = "ControlPlane", "ControlPlaneMixin"

# service -> collection -> name -> spec
Resources = dict[str, dict[str, dict[str, dict[str, Any] | None] | None] | None]


class Body(Model):
    """What merges."""

    resources: Resources | None = Field(
        default=None, description="Desired state: service, collection, name, and its spec."
    )


class ControlPlaneSpec(Body):
    base: str | None = Field(
        default=None,
        description="What lies below: the name of a document beside this one, or the path of a "
        "directory or file, from this file: ../base.",
    )
    criteria: dict[str, str] | None = Field(
        default=None, description="Only when asked for: aicr plan --for environment=production."
    )
    mixins: list[AnyMixin] | None = None


class ControlPlane(Model):
    """Desired state, or an overlay over it."""

    apiVersion: Literal["aicr.nvidia.com/v1alpha1"]
    kind: Literal["ControlPlane"]
    metadata: Named
    spec: ControlPlaneSpec = ControlPlaneSpec()


class ControlPlaneMixinSpec(Body):
    parameters: list[str] = Field(
        default_factory=list, description="Names that stand as ${name} for a whole scalar below."
    )


class ControlPlaneMixin(Model):
    """A fragment that several documents share; nothing by itself."""

    apiVersion: Literal["aicr.nvidia.com/v1alpha1"]
    kind: Literal["ControlPlaneMixin"]
    metadata: Named
    spec: ControlPlaneMixinSpec
