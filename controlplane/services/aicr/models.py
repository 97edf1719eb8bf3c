"""Models of the AICR API, for OpenAPI: field names are the wire's."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from aicr.models import CriteriaSpec, RecipeCriteria, RecipeInfo, RecipeResult, Validation


class Wire(BaseModel):
    model_config = ConfigDict(extra="allow")


class ApiComponent(Wire):
    """A component of a recipe, with its place and its repository."""

    name: str
    version: str | None = None
    order: int
    repository: str
    type: str
    source: str


class ApiMetadata(RecipeInfo):
    created: str = Field(description="When this answer was compiled.")


class Recipe(Wire):
    """A recipe as the API answers it."""

    apiVersion: str
    kind: Literal["Recipe"]
    metadata: ApiMetadata
    criteria: CriteriaSpec
    componentRefs: list[ApiComponent]
    constraints: dict[str, Any] = Field(description="Expression by name; driver is an object.")
    deploymentOrder: list[str]
    validation: Validation | None = None


class QueryRequest(BaseModel):
    """Criteria and what to take out of their recipe."""

    criteria: CriteriaSpec
    selector: str = ""


class RecipeBodyComponent(Wire):
    name: str


class RecipeBody(Wire):
    """A recipe to make a bundle of: either kind, or written by hand."""

    kind: str | None = None
    componentRefs: list[RecipeBodyComponent]


SCHEMAS: tuple[type[BaseModel], ...] = (
    Recipe,
    RecipeResult,
    RecipeCriteria,
    QueryRequest,
    RecipeBody,
)
