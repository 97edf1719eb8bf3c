"""What may be said of assets, and what answers say of them (contract 17)."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel

from aicr.models import Model
from controlplane.vendor.scalars import Account, NotBlank, bean

# What can stand in a header.
_MEDIA_TYPE = re.compile(r"[-\w.+!#$&^]+/[-\w.+!#$&^]+([ \t]*;[\x20-\x7e]*)?", re.ASCII)


def _media_type(text: str) -> str:
    if len(text) > 255 or not _MEDIA_TYPE.fullmatch(text):
        raise bean("must be a media type")
    return text


class CreateAssetRequest(Model):
    """What is to be uploaded."""

    contentType: Annotated[str, AfterValidator(_media_type)]
    description: NotBlank


class AssetSpec(CreateAssetRequest):
    """An input of invocations, whose bytes are uploaded."""

    account: Account | None = None


class AssetDto(BaseModel):
    """An asset."""

    assetId: str
    contentType: str
    description: str


class CreateAssetResponse(AssetDto):
    uploadUrl: str


class AssetResponse(BaseModel):
    asset: AssetDto


class AssetsResponse(BaseModel):
    assets: list[AssetDto]


class RedirectResponse(BaseModel):
    presignedUrl: str


SCHEMAS: tuple[type[BaseModel], ...] = (
    CreateAssetRequest, AssetDto, CreateAssetResponse, AssetResponse, AssetsResponse,
    RedirectResponse,
)  # fmt: skip
