"""Words and numbers of requests and manifests, and how it is said what is wrong with them."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from aicr import jsonio
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


def _uri(text: str) -> str:
    if _NO_URI.search(text):
        raise unreadable("must be a URI")
    return text


def not_blank(text: str) -> str:
    if not text.strip():
        raise bean("must not be blank")
    return text


def distinct(values: list[Any]) -> list[Any]:
    """A set in the order in which it was said."""
    return list({jsonio.canonical(v) if isinstance(v, dict) else v: v for v in values}.values())


def _few_tags(values: list[str]) -> list[str]:
    found: list[str] = distinct(values)
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


def _unless_first(account: str) -> str | None:
    """The first account is not said, so that a manifest that names it says what others do."""
    return None if account == ACCOUNT else account


def folded(*known: str) -> BeforeValidator:
    """Words without regard to case, in their canonical spelling."""
    canonical = {word.upper(): word for word in known}

    def fold(value: Any) -> Any:
        return canonical.get(value.upper(), value) if isinstance(value, str) else value

    return BeforeValidator(fold)


def routing_word(value: Any) -> Any:
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


Account = Annotated[str, AfterValidator(_unless_first)]
Uri = Annotated[str, AfterValidator(_uri)]
NotBlank = Annotated[str, AfterValidator(not_blank)]
Duration = Annotated[str, AfterValidator(_duration)]
Int = Annotated[int, Field(ge=-MAX_INT - 1, le=MAX_INT)]
Positive = Annotated[int, Field(gt=0, le=MAX_INT)]
NotNegative = Annotated[int, Field(ge=0, le=MAX_INT)]
Texts = Annotated[list[str], AfterValidator(distinct)]
Tag = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9\-_:=]+$", max_length=128)]
Tags = Annotated[list[Tag], AfterValidator(_few_tags)]
Description = Annotated[str, StringConstraints(max_length=256)]
Rate = Annotated[str, _rate("SMHD")]
TokenRate = Annotated[str, _rate("SMHDW")]
SecretName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9A-Z][a-z0-9A-Z_.\-]*$", max_length=48)
]
FunctionName = Annotated[str, AfterValidator(_function_name)]
