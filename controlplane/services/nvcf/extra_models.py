"""What may be said of telemetries, sharing and accounts (contract 17)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from aicr.models import Model
from controlplane.access.bootstrap import ACCOUNT
from controlplane.vendor.models import SecretBody
from controlplane.vendor.scalars import (
    Account,
    NotBlank,
    NotNegative,
    SecretName,
    Texts,
    Uri,
    distinct,
    folded,
    not_blank,
    whole,
)

PROVIDERS = (
    "PROMETHEUS", "GRAFANA_CLOUD", "SPLUNK", "DATADOG", "SERVICENOW", "KRATOS", "KRATOS_THANOS",
    "TIMESTREAM", "VICTORIAMETRICS", "AZURE_MONITOR", "OTEL_COLLECTOR",
)  # fmt: skip
TelemetryType = Annotated[Literal["LOGS", "METRICS", "TRACES"], folded("LOGS", "METRICS", "TRACES")]


class TelemetryBody(Model):
    endpoint: Annotated[Uri, AfterValidator(not_blank)]
    protocol: Annotated[Literal["HTTP", "GRPC"], folded("HTTP", "GRPC")]
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
        folded(*PROVIDERS),
    ]
    types: Annotated[list[TelemetryType], AfterValidator(distinct), Field(min_length=1)]


class CreateTelemetryRequest(TelemetryBody):
    secret: SecretBody


class TelemetrySpec(TelemetryBody):
    """Where functions send logs, metrics or traces."""

    account: Account | None = Field(
        default=None, description=f"The account that it belongs to; {ACCOUNT} by itself."
    )
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
