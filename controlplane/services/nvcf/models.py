"""What may be said of functions, deployments and telemetries (contract 4.2, 5.2 and 17).

One set of models for manifests and for requests: manifests are refused for unknown keys, requests
are validated with `extra="ignore"`. Rules over several fields say "whole" as their type.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from aicr import jsonio
from aicr.models import Model
from controlplane import durations
from controlplane.access.bootstrap import ACCOUNT

# Types of errors: a field breaks a rule; fields break one together; it cannot be read at all.
BEAN, WHOLE, UNREADABLE = "bean", "whole", "unreadable"
MAX_INT = 2**31 - 1
NO_NAME = "'name' cannot be empty/null in the create function payload"
_FUNCTION_NAME = re.compile(r"[a-z0-9A-Z][a-z0-9A-Z\-_]*")
# Characters that no URI has (RFC 2396, as java.net.URI reads it).
_NO_URI = re.compile(r'[\s\x00-\x1f\x7f"<>\\^`{|}\x80-\x9f]|%(?![0-9A-Fa-f]{2})')
_RATE = r"[1-9]\d*-[{units}]"


def bean(words: str) -> PydanticCustomError:
    return PydanticCustomError(BEAN, "{words}", {"words": words})


def whole(words: str) -> PydanticCustomError:
    return PydanticCustomError(WHOLE, "{words}", {"words": words})


def unreadable(words: str) -> PydanticCustomError:
    return PydanticCustomError(UNREADABLE, "{words}", {"words": words})


# --------------------------------------------------------------------------- words and numbers


def _uri(text: str) -> str:
    if _NO_URI.search(text):
        raise unreadable("must be a URI")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise bean("must not be blank")
    return text


def _distinct(values: list[Any]) -> list[Any]:
    """A set in the order in which it was said."""
    return list({jsonio.canonical(v) if isinstance(v, dict) else v: v for v in values}.values())


def _few_tags(values: list[str]) -> list[str]:
    found: list[str] = _distinct(values)
    if len(found) > 64:
        raise bean("size must be between 0 and 64")
    return found


def _function_name(text: str) -> str:
    if not text:
        raise bean(NO_NAME)
    if len(text) > 128 or not _FUNCTION_NAME.fullmatch(text):
        raise bean("must be 1 to 128 letters, digits, '-' and '_', the first no '-' or '_'")
    return text


def _duration(text: str) -> str:
    try:
        return durations.text(durations.parse(text))
    except ValueError as e:
        raise unreadable(str(e)) from None


def _folded(*known: str) -> BeforeValidator:
    """Words without regard to case, in their canonical spelling."""
    canonical = {word.upper(): word for word in known}

    def fold(value: Any) -> Any:
        return canonical.get(value.upper(), value) if isinstance(value, str) else value

    return BeforeValidator(fold)


def _routing(value: Any) -> Any:
    return value.lower().replace("_", "-") if isinstance(value, str) else value


def is_rate(text: str, units: str) -> bool:
    """`100-S, 1000-M`: amounts per unit, each unit once."""
    one = _RATE.format(units=units)
    if not re.fullmatch(rf"{one}(,\s*{one})*", text, re.ASCII):
        return False
    said = re.findall(r"-([A-Z])", text)
    return len(said) == len(set(said))


def _rate(units: str) -> AfterValidator:
    def check(text: str) -> str:
        if not is_rate(text, units):
            raise bean(f"must be a rate such as 100-S, units {' '.join(units)}, each at most once")
        return text

    return AfterValidator(check)


Uri = Annotated[str, AfterValidator(_uri)]
NotBlank = Annotated[str, AfterValidator(_not_blank)]
Duration = Annotated[str, AfterValidator(_duration)]
Int = Annotated[int, Field(ge=-MAX_INT - 1, le=MAX_INT)]
Positive = Annotated[int, Field(gt=0, le=MAX_INT)]
NotNegative = Annotated[int, Field(ge=0, le=MAX_INT)]
Texts = Annotated[list[str], AfterValidator(_distinct)]
Tag = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9\-_:=]+$", max_length=128)]
Tags = Annotated[list[Tag], AfterValidator(_few_tags)]
Description = Annotated[str, StringConstraints(max_length=256)]
Rate = Annotated[str, _rate("SMHD")]
TokenRate = Annotated[str, _rate("SMHDW")]
SecretName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9A-Z][a-z0-9A-Z_.\-]*$", max_length=48)
]
FunctionName = Annotated[str, AfterValidator(_function_name)]


# --------------------------------------------------------------------------- parts of functions


class Health(Model):
    """How it is found out whether an instance is well."""

    protocol: Annotated[Literal["HTTP", "gRPC"], _folded("HTTP", "gRPC")]
    uri: Annotated[Uri, AfterValidator(_not_blank)]
    port: Positive
    timeout: Duration
    expectedStatusCode: Int


class Variable(Model):
    """A variable of the container's environment."""

    key: str
    value: str


Routing = Annotated[
    Literal[
        "power-of-two",
        "wait-and-widen",
        "round-robin",
        "random",
        "pulsar",
        "pulsar-wait-and-widen",
        "groq-multiregion",
        "pulsar-multiregion",
    ],
    BeforeValidator(_routing),
]


class LlmConfig(Model):
    """How a model is reached by the LLM gateway."""

    uris: list[str] | None = None
    tokenRateLimit: TokenRate | None = None
    tokenizer: str | None = None
    routingMethod: Routing | None = None


class FunctionModel(Model):
    """A model that a function serves: from a registry, or by an LLM configuration."""

    name: NotBlank
    version: str | None = None
    uri: Uri | None = None
    llmConfig: LlmConfig | None = None


class Artifact(Model):
    """A resource that instances get beside their models."""

    name: NotBlank
    version: NotBlank
    uri: Uri


class RateLimit(Model):
    """How often a function may be invoked: amounts such as `100-S, 1000-M`."""

    rateLimit: Rate | None = None
    exemptedNcaIds: Annotated[list[str], AfterValidator(_distinct), Field(max_length=32)] | None = (
        None
    )
    perNcaIdRate: Annotated[dict[str, Rate], Field(max_length=32)] | None = None
    syncCheck: bool = False
    perUserRate: Rate | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        if not (self.rateLimit or self.perNcaIdRate or self.perUserRate):
            raise bean("one of rateLimit, perNcaIdRate and perUserRate must be set")
        if self.exemptedNcaIds and not self.rateLimit:
            raise bean("exemptedNcaIds needs rateLimit")
        if set(self.exemptedNcaIds or ()) & set(self.perNcaIdRate or ()):
            raise bean("an account is either exempted or has a rate of its own")
        return self


Priority = Annotated[int, Field(ge=0, le=2**32 - 1)]


class Priorities(Model):
    defaultPriority: Priority | None = None
    perAccountPriority: Annotated[dict[str, Priority], Field(max_length=64)] | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.perAccountPriority and self.defaultPriority is None:
            raise bean("perAccountPriority needs defaultPriority")
        return self


class LlmInvocationConfig(Model):
    priority: Priorities | None = None


class Telemetries(Model):
    """Where logs, metrics and traces of a function go; in manifests names of nvcf.telemetries."""

    logsTelemetryId: str | None = None
    metricsTelemetryId: str | None = None
    tracesTelemetryId: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if not (self.logsTelemetryId or self.metricsTelemetryId or self.tracesTelemetryId):
            raise bean("at least one telemetry must be set")
        return self


# --------------------------------------------------------------------------- functions


class FunctionBody(Model):
    """A version of a function, as its creation says it."""

    name: FunctionName
    inferenceUrl: Uri
    inferencePort: Int | None = None
    healthUri: Uri | None = None
    health: Health | None = None
    containerImage: Uri | None = None
    containerArgs: str | None = None
    containerEnvironment: list[Variable] | None = None
    models: list[FunctionModel] | None = None
    resources: list[Artifact] | None = None
    helmChart: Uri | None = None
    helmChartServiceName: str | None = None
    apiBodyFormat: Annotated[Literal["PREDICT_V2", "CUSTOM"], _folded("PREDICT_V2", "CUSTOM")] = (
        "CUSTOM"
    )
    functionType: Annotated[
        Literal["DEFAULT", "STREAMING", "LLM"], _folded("DEFAULT", "STREAMING", "LLM")
    ] = "DEFAULT"
    tags: Tags | None = None
    description: Description | None = None
    telemetries: Telemetries | None = None
    rateLimit: RateLimit | None = None
    llmInvocationConfig: LlmInvocationConfig | None = None
    utilsContainerImage: str | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        for words in _broken(self):
            raise whole(words)
        return self


def _broken(f: FunctionBody) -> Iterable[str]:
    """Rules over several fields that a function breaks."""
    if not (f.containerImage or f.models or f.helmChart):
        yield "one of containerImage, models and helmChart must be set"
    if f.containerImage and f.helmChart:
        yield "containerImage and helmChart exclude each other"
    if bool(f.helmChart) != bool(f.helmChartServiceName):
        yield "helmChart and helmChartServiceName need each other"
    if f.helmChart and ((f.containerArgs or "").strip() or f.containerEnvironment):
        yield "a helmChart takes neither containerArgs nor containerEnvironment"
    if f.functionType == "LLM" and not f.models:
        yield "a function of type LLM needs models"
    if f.llmInvocationConfig and f.functionType != "LLM":
        yield "llmInvocationConfig is for functions of type LLM"
    yield from _broken_models(f)


def _broken_models(f: FunctionBody) -> Iterable[str]:
    models = f.models or []
    if len({m.name for m in models}) < len(models):
        yield "models must have names of their own"
    for m in models:
        if f.functionType == "LLM" and not (m.llmConfig and m.llmConfig.uris):
            yield f"model '{m.name}': llmConfig with uris must be set"
        if f.functionType != "LLM" and not ((m.version or "").strip() and m.uri):
            yield f"model '{m.name}': version and uri must be set"


class SecretBody(Model):
    """A secret with its value: text, or a JSON object."""

    name: SecretName
    value: Any

    @model_validator(mode="after")
    def _value(self) -> Self:
        if not isinstance(self.value, str | dict):
            raise unreadable("the value must be text or an object")
        if not 1 <= len(secret_text(self.value).strip()) <= 32768:
            raise bean("the value must have 1 to 32768 characters")
        return self


def secret_text(value: Any) -> str:
    """The text that is kept of a secret's value."""
    return value if isinstance(value, str) else jsonio.compact(value)


def _own_names(secrets: list[SecretBody]) -> list[SecretBody]:
    if len({s.name for s in secrets}) < len(secrets):
        raise bean("secrets must have names of their own")
    return secrets


SecretBodies = Annotated[list[SecretBody], AfterValidator(_own_names)]


class CreateFunctionRequest(FunctionBody):
    """What POST takes: secrets come with their values, telemetries by their ids."""

    secrets: SecretBodies | None = None


class FunctionSpec(FunctionBody):
    """One version of a function. Another `nvcf.functions` with `versionOf` is a further one."""

    account: str = Field(default=ACCOUNT, description="The account that it belongs to.")
    versionOf: str | None = Field(
        default=None, description="Name of the nvcf.functions that this is a further version of."
    )
    secrets: dict[SecretName, str] | None = Field(
        default=None, description="By name: env:NAME, file:PATH or store:NAME."
    )
    authorizedParties: Texts | None = Field(
        default=None, description="Accounts that may use this version; '*': everybody."
    )
    functionAuthorizedParties: Texts | None = Field(
        default=None, description="Accounts that may use every version of the function."
    )


class ModelConfigUpdate(Model):
    tokenRateLimit: TokenRate | None = None
    routingMethod: Routing | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.tokenRateLimit is None and self.routingMethod is None:
            raise bean("tokenRateLimit or routingMethod must be set")
        return self


class ModelUpdate(Model):
    modelName: NotBlank
    llmConfig: ModelConfigUpdate


def _own_model_names(updates: list[ModelUpdate]) -> list[ModelUpdate]:
    if len({u.modelName for u in updates}) < len(updates):
        raise bean("a model is updated once")
    return updates


class UpdateFunctionRequest(Model):
    """What can be changed of a version (contract 4.5)."""

    tags: Tags | None = None
    rateLimit: RateLimit | None = None
    modelUpdates: Annotated[list[ModelUpdate], AfterValidator(_own_model_names)] | None = None
    llmInvocationConfig: LlmInvocationConfig | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = (self.tags is not None, self.rateLimit, self.modelUpdates, self.llmInvocationConfig)
        if not any(given):
            raise whole("")
        return self


class UpdateSecretsRequest(Model):
    secrets: Annotated[SecretBodies, Field(min_length=1)]


class RateLimitRequest(Model):
    rateLimit: RateLimit


# --------------------------------------------------------------------------- deployments


class Stickiness(Model):
    size: Duration
    threshold: Duration

    @model_validator(mode="after")
    def _together(self) -> Self:
        size = durations.parse(self.size)
        if size > durations.parse("PT1H"):
            raise bean("size must be at most PT1H")
        if durations.parse(self.threshold) >= size:
            raise bean("threshold must be less than size")
        return self


class _Scale(Model):
    metric: str | None = None
    threshold: NotNegative
    stickiness: Stickiness | None = None


class ScaleUp(_Scale):
    factor: Annotated[float, Field(gt=1.0, allow_inf_nan=False)]


class ScaleDown(_Scale):
    factor: Annotated[float, Field(gt=0.0, lt=1.0, allow_inf_nan=False)]


class Autoscaling(Model):
    scaleUpDetails: ScaleUp | None = None
    scaleDownDetails: ScaleDown | None = None


class KubernetesType(Model):
    group: str
    version: str
    kind: str


class HelmValidationPolicy(Model):
    name: Annotated[Literal["Default", "Unrestricted"], _folded("Default", "Unrestricted")]
    extraKubernetesTypes: Annotated[list[KubernetesType], Field(min_length=1)] | None = None


class GpuSpecification(Model):
    """What one part of a deployment runs on, and how many instances of it."""

    gpu: NotBlank
    backend: str | None = None
    maxInstances: Positive
    minInstances: NotNegative
    instanceType: NotBlank
    clusters: Texts | None = None
    regions: Texts | None = None
    attributes: Texts | None = None
    availabilityZones: list[str] | None = None
    maxRequestConcurrency: Annotated[int, Field(ge=1, le=16384)] = 1
    preferredOrder: Annotated[int, Field(ge=1, le=99)] = 1
    configuration: dict[str, Any] | None = None
    helmValidationPolicy: HelmValidationPolicy | None = None
    autoscalingConfiguration: Autoscaling | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.minInstances > self.maxInstances:
            raise whole("minInstances cannot be more than maxInstances")
        if (self.backend or "").strip() and self.clusters:
            raise whole("backend and clusters exclude each other")
        return self


class DeploymentRequest(Model):
    deploymentSpecifications: Annotated[list[GpuSpecification], Field(min_length=1)]


class DeploymentSpec(DeploymentRequest):
    """A deployment of one version of a function."""

    function: str = Field(description="Name of the nvcf.functions that it deploys.")


class GpuSpecificationUpdate(Model):
    """An entry of the deprecated PUT (contract 5.4)."""

    gpuSpecificationId: str | None = None
    gpu: str | None = None
    backend: str | None = None
    clusters: Texts | None = None
    maxInstances: Positive
    minInstances: NotNegative
    instanceType: str | None = None
    maxRequestConcurrency: Annotated[int, Field(ge=1, le=16384)] | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.minInstances > self.maxInstances:
            raise whole("minInstances cannot be more than maxInstances")
        return self


class DeploymentUpdateRequest(Model):
    deploymentSpecifications: Annotated[list[GpuSpecificationUpdate], Field(min_length=1)]


_POLICIES = ("CUSTOM_CONFIGURATION", "PLATFORM_CONFIGURATION")


class GpuSpecificationPatch(Model):
    """What PATCH takes (contract 5.5)."""

    maxInstances: Positive | None = None
    minInstances: NotNegative | None = None
    autoscalingConfiguration: Autoscaling | None = None
    autoscalingConfigurationPolicy: (
        Annotated[Literal["CUSTOM_CONFIGURATION", "PLATFORM_CONFIGURATION"], _folded(*_POLICIES)]
        | None
    ) = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if not self.model_fields_set:
            raise whole("")
        return self


# --------------------------------------------------------------------------- telemetries

PROVIDERS = (
    "PROMETHEUS", "GRAFANA_CLOUD", "SPLUNK", "DATADOG", "SERVICENOW", "KRATOS", "KRATOS_THANOS",
    "TIMESTREAM", "VICTORIAMETRICS", "AZURE_MONITOR", "OTEL_COLLECTOR",
)  # fmt: skip
TelemetryType = Annotated[
    Literal["LOGS", "METRICS", "TRACES"], _folded("LOGS", "METRICS", "TRACES")
]


class TelemetryBody(Model):
    endpoint: Annotated[Uri, AfterValidator(_not_blank)]
    protocol: Annotated[Literal["HTTP", "GRPC"], _folded("HTTP", "GRPC")]
    provider: Annotated[
        Literal[
            "PROMETHEUS",
            "GRAFANA_CLOUD",
            "SPLUNK",
            "DATADOG",
            "SERVICENOW",
            "KRATOS",
            "KRATOS_THANOS",
            "TIMESTREAM",
            "VICTORIAMETRICS",
            "AZURE_MONITOR",
            "OTEL_COLLECTOR",
        ],
        _folded(*PROVIDERS),
    ]
    types: Annotated[list[TelemetryType], AfterValidator(_distinct), Field(min_length=1)]


class CreateTelemetryRequest(TelemetryBody):
    secret: SecretBody


class TelemetrySpec(TelemetryBody):
    """Where functions send logs, metrics or traces."""

    account: str = Field(default=ACCOUNT, description="The account that it belongs to.")
    name: SecretName = Field(description="What the API calls it: the name of its secret.")
    secret: str = Field(description="env:NAME, file:PATH or store:NAME.")


class UpdateTelemetrySecretRequest(Model):
    secret: SecretBody


# --------------------------------------------------------------------------- sharing, accounts


class Party(Model):
    ncaId: NotBlank


class AuthorizeRequest(Model):
    authorizedParties: Annotated[list[Party], Field(min_length=1)]


class AuthorizePartyRequest(Model):
    authorizedParty: Party


AccountName = Annotated[str, StringConstraints(min_length=4, max_length=36)]
Few = Annotated[int, Field(ge=0, le=50)]


class AccountBody(Model):
    """An account's name and bounds (contract 17)."""

    name: AccountName | None = None
    adminClientIds: Texts | None = None
    maxFunctionsAllowed: NotNegative | None = None
    maxTasksAllowed: NotNegative | None = None
    maxTelemetriesAllowed: Few | None = None
    maxRegistryCredentialsAllowed: Few | None = None


class CreateAccountRequest(AccountBody):
    """An account to be."""


class UpdateAccountRequest(AccountBody):
    @model_validator(mode="after")
    def _one(self) -> Self:
        if not self.model_fields_set:
            raise whole("")
        return self


class ClientsRequest(Model):
    clientIds: Annotated[Texts, Field(min_length=1)]
