"""What may be said of functions (contract 4.2 and 4.5).

One set of models for manifests and for requests: manifests are refused for unknown keys, requests
are validated with `extra="ignore"`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from aicr.models import Model
from controlplane.access.bootstrap import ACCOUNT
from controlplane.vendor.models import Artifact, SecretBodies, Telemetries, Variable
from controlplane.vendor.scalars import (
    Account,
    Description,
    Duration,
    FunctionName,
    Int,
    NotBlank,
    Positive,
    Rate,
    SecretName,
    Tags,
    Texts,
    TokenRate,
    Uri,
    bean,
    distinct,
    folded,
    not_blank,
    routing_word,
    whole,
)


class Health(Model):
    """How it is found out whether an instance is well."""

    protocol: Annotated[Literal["HTTP", "gRPC"], folded("HTTP", "gRPC")]
    uri: Annotated[Uri, AfterValidator(not_blank)]
    port: Positive
    timeout: Duration
    expectedStatusCode: Int


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
    BeforeValidator(routing_word),
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


class RateLimit(Model):
    """How often a function may be invoked: amounts such as `100-S, 1000-M`."""

    rateLimit: Rate | None = None
    exemptedNcaIds: Annotated[list[str], AfterValidator(distinct), Field(max_length=32)] | None = (
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
    apiBodyFormat: Annotated[Literal["PREDICT_V2", "CUSTOM"], folded("PREDICT_V2", "CUSTOM")] = (
        "CUSTOM"
    )
    functionType: Annotated[
        Literal["DEFAULT", "STREAMING", "LLM"], folded("DEFAULT", "STREAMING", "LLM")
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


class CreateFunctionRequest(FunctionBody):
    """What POST takes: secrets come with their values, telemetries by their ids."""

    secrets: SecretBodies | None = None


class FunctionSpec(FunctionBody):
    """One version of a function. Another `nvcf.functions` with `versionOf` is a further one."""

    account: Account | None = Field(
        default=None, description=f"The account that it belongs to; {ACCOUNT} by itself."
    )
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
        if not self.says_something():
            raise whole("")
        return self

    def says_something(self) -> bool:
        given = (self.tags is not None, self.rateLimit, self.modelUpdates, self.llmInvocationConfig)
        return any(given)


class ClearingUpdateFunctionRequest(UpdateFunctionRequest):
    """The same, where a rate limit that is null is cleared."""

    NULLS: ClassVar[tuple[str, ...]] = ("rateLimit",)

    def says_something(self) -> bool:
        return "rateLimit" in self.model_fields_set or super().says_something()


class RateLimitRequest(Model):
    rateLimit: RateLimit
