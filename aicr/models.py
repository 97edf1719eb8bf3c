"""The documents people write, as pydantic models: what is legal, and the source of schemas/*.json.

Only the catalog compiler, `aicr lint` and `aicr schema` import this module; answers come from
catalogs that were checked when they were compiled (importing pydantic costs 35 ms).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    WithJsonSchema,
    model_validator,
)

API_VERSION = "aicr.nvidia.com/v1alpha1"

Name = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=100)
]
Values = dict[str, Any]


def _scalar(value: Any) -> Any:
    if isinstance(value, (dict, list)) or value is None:
        raise ValueError("must be text, a number or a boolean")
    return value


# Not a union: pydantic would report every member that does not fit.
Scalar = Annotated[
    Any,
    AfterValidator(_scalar),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Named(Model):
    name: str = Field(min_length=1, description="Identity of the document, unique in the catalog.")


# --------------------------------------------------------------------------- criteria


class CriteriaSpec(Model):
    """Which requests an overlay answers; a field that is absent answers every value."""

    service: str | None = None
    accelerator: str | None = None
    intent: str | None = None
    os: str | None = None
    platform: str | None = None
    nodes: int | None = Field(default=None, ge=0)
    # Further fields may be declared in registry.yaml; the compiler checks their names.
    __pydantic_extra__: dict[str, str | None]
    model_config = ConfigDict(extra="allow", frozen=True, strict=True)


class RecipeCriteria(Model):
    """What a recipe is asked for, as a file (`--criteria`) or a request body."""

    kind: Literal["RecipeCriteria"] | None = None
    apiVersion: Literal["aicr.nvidia.com/v1alpha1"] | None = None
    metadata: dict[str, Any] | None = None
    spec: CriteriaSpec | None = None


# --------------------------------------------------------------------------- overlays


class Constraint(Model):
    """A condition on a measurement: name is Type.Subtype.Key, value `[operator] operand`."""

    name: str = Field(min_length=1)
    value: str
    severity: str | None = None
    remediation: str | None = None
    unit: str | None = None


class ConstraintLayer(Constraint):
    """A constraint as layers state it: `$patch: delete` in place of a value removes it."""

    value: str = ""
    patch: Literal["delete"] | None = Field(default=None, alias="$patch")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.value and not self.patch:
            raise ValueError("a constraint needs a value")
        return self


class ExpectedResource(Model):
    kind: str
    name: str
    namespace: str | None = None


class ComponentRef(Model):
    """One component of a recipe; what is left out comes from lower layers or the registry."""

    name: str = Field(min_length=1)
    namespace: str | None = None
    chart: str | None = None
    type: str | None = Field(default=None, description="Helm or Kustomize.")
    source: str | None = Field(default=None, description="Chart repository or Git URL.")
    version: str | None = None
    tag: str | None = Field(default=None, description="Git reference of a Kustomize source.")
    valuesFile: str | None = None
    overrides: Values | None = Field(default=None, description="Inline values, last word.")
    patches: list[str] | None = None
    dependencyRefs: list[str] | None = None
    manifestFiles: list[str] | None = None
    path: str | None = Field(default=None, description="Directory in a Kustomize source.")
    cleanup: bool | None = None
    expectedResources: list[ExpectedResource] | None = None
    healthCheckAsserts: str | None = None
    patch: Literal["delete", "replace"] | None = Field(default=None, alias="$patch")


class NodeSelection(Model):
    selector: dict[str, str] | None = None
    maxNodes: int | None = None
    excludeNodes: list[str] | None = None


class Phase(Model):
    """One validation phase: which checks run, what they must measure, and where."""

    timeout: str | None = None
    constraints: list[Constraint] | None = None
    checks: list[str] | None = None
    nodeSelection: NodeSelection | None = None
    infrastructure: str | None = None
    patch: Literal["delete", "replace"] | None = Field(default=None, alias="$patch")


class Validation(Model):
    readiness: Phase | None = None
    deployment: Phase | None = None
    performance: Phase | None = None
    conformance: Phase | None = None


class Body(Model):
    """What overlays and mixins have in common: the part that merges."""

    constraints: list[ConstraintLayer] | None = None
    componentRefs: list[ComponentRef] | None = None
    validation: Validation | None = None


class MixinUse(Model):
    """A mixin with values for its parameters."""

    name: str
    with_: dict[str, Scalar] = Field(default_factory=dict, alias="with")


def _use_tag(use: Any) -> str:
    return "use" if isinstance(use, dict | MixinUse) else "name"


# A mixin by its name, or with values for its parameters.
AnyMixin = Annotated[
    Annotated[str, Tag("name")] | Annotated[MixinUse, Tag("use")], Discriminator(_use_tag)
]


class RecipeSpec(Body):
    base: str | None = Field(default=None, description="Parent overlay; absent means the root.")
    criteria: CriteriaSpec | None = Field(
        default=None, description="Absent: only a parent. {}: answers every request."
    )
    mixins: list[AnyMixin] | None = None


class RecipeMetadata(Model):
    """An overlay: an answer to some criteria, merged over its parents."""

    kind: Literal["RecipeMetadata", ""] | None = None
    apiVersion: Literal["aicr.nvidia.com/v1alpha1"] | None = None
    metadata: Named
    spec: RecipeSpec = RecipeSpec()


class MixinSpec(Body):
    parameters: list[str] = Field(
        default_factory=list, description="Names that stand as ${name} for a whole scalar below."
    )


class RecipeMixin(Model):
    """A fragment that several overlays share; never an answer by itself."""

    kind: Literal["RecipeMixin"]
    apiVersion: Literal["aicr.nvidia.com/v1alpha1"] | None = None
    metadata: Named
    spec: MixinSpec


# --------------------------------------------------------------------------- registry


class CriteriaValue(Model):
    name: Name
    title: str | None = None
    detect: list[str] | None = Field(
        default=None, description="Further words that show the value in a snapshot."
    )


class CriteriaField(Model):
    summary: str | None = None
    values: list[CriteriaValue] = []
    aliases: dict[str, str] = {}


class HelmDefaults(Model):
    defaultRepository: str | None = None
    defaultChart: str | None = None
    defaultVersion: str | None = None
    defaultNamespace: str | None = None


class KustomizeDefaults(Model):
    defaultSource: str | None = None
    defaultPath: str | None = None
    defaultTag: str | None = None


class SystemPaths(Model):
    nodeSelectorPaths: list[str] | None = None
    tolerationPaths: list[str] | None = None


class AcceleratedPaths(SystemPaths):
    taintStrPaths: list[str] | None = None


class NodeScheduling(Model):
    nodeCountPaths: list[str] | None = None
    system: SystemPaths | None = None
    accelerated: AcceleratedPaths | None = None


class WorkloadPaths(Model):
    workloadSelectorPaths: list[str] | None = None


class PodScheduling(Model):
    workload: WorkloadPaths | None = None


class BundleCheck(Model):
    function: str
    severity: str | None = None
    conditions: dict[str, list[str]] | None = None
    message: str | None = None


class HealthCheck(Model):
    assertFile: str | None = None


class Component(Model):
    """One thing that can be deployed, and where scheduling options go in its values."""

    name: str = Field(min_length=1)
    displayName: str | None = None
    description: str | None = None
    valueOverrideKeys: list[str] | None = None
    statedManifests: list[str] | None = Field(
        default=None,
        description="Objects that the chart makes of its values: shown in bundles, never applied.",
    )
    healthCheck: HealthCheck | None = None
    helm: HelmDefaults | None = None
    kustomize: KustomizeDefaults | None = None
    nodeScheduling: NodeScheduling | None = None
    podScheduling: PodScheduling | None = None
    validations: list[BundleCheck] | None = None


class Validator(Model):
    name: str = Field(min_length=1)
    phase: Literal["deployment", "performance", "conformance"]
    timeout: str | None = None
    description: str | None = None


class ComponentRegistry(Model):
    """Which criteria and which components exist."""

    apiVersion: str | None = None
    kind: Literal["ComponentRegistry"] | None = None
    criteria: dict[str, CriteriaField] | None = None
    validators: list[Validator] | None = None
    driverBranches: dict[str, str] | None = Field(
        default=None, description="Driver branch -> newest CUDA version that runs on it."
    )
    components: list[Component] | None = None


# --------------------------------------------------------------------------- snapshots


class Subtype(Model):
    subtype: str
    data: dict[str, Any] | None = Field(default=None, description="Readings: scalars by key.")
    context: dict[str, str] | None = None


class Measurement(Model):
    type: Literal["K8s", "GPU", "OS", "SystemD", "NodeTopology"]
    subtypes: list[Subtype] | None = None


class Snapshot(Model):
    """What was measured on a cluster."""

    kind: Literal["Snapshot"] | None = None
    apiVersion: Literal["aicr.nvidia.com/v1alpha1"] | None = None
    metadata: dict[str, Any] | None = None
    measurements: list[Measurement] | None = None


# --------------------------------------------------------------------------- recipes


class ConstraintWarning(Model):
    overlay: str
    constraint: str
    expected: str
    actual: str | None = None
    reason: str


class RecipeInfo(Model):
    version: str | None = None
    appliedOverlays: list[str] | None = None
    excludedOverlays: list[str] | None = None
    constraintWarnings: list[ConstraintWarning] | None = None
    warnings: list[str] | None = None


class RecipeComponent(ComponentRef):
    """A component as recipes print it: type and source always, no directives."""

    type: str
    source: str


class RecipeResult(Model):
    """A compiled recipe: the output of `aicr recipe`, the input of `aicr bundle`."""

    kind: Literal["RecipeResult"]
    apiVersion: Literal["aicr.nvidia.com/v1alpha1"]
    metadata: RecipeInfo
    criteria: CriteriaSpec
    constraints: list[Constraint] | None = None
    componentRefs: list[RecipeComponent]
    deploymentOrder: list[str]
    validation: Validation | None = None
