"""What may be said of deployments (contract 5.2 to 5.5)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from aicr.models import Model
from controlplane import durations
from controlplane.vendor.models import HelmValidationPolicy
from controlplane.vendor.scalars import (
    Duration,
    NotBlank,
    NotNegative,
    Positive,
    Texts,
    bean,
    folded,
    whole,
)


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
        Annotated[Literal["CUSTOM_CONFIGURATION", "PLATFORM_CONFIGURATION"], folded(*_POLICIES)]
        | None
    ) = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if not self.model_fields_set:
            raise whole("")
        return self
