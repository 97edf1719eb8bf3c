"""`--set` and its relatives: one value put at one path of one component (contract 9.1, 9.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from aicr import jsonio
from aicr.errors import InvalidRequest
from aicr.inputs import read_bytes

ENABLED = "enabled"
# What Go's strconv.ParseBool takes.
TRUE = ("1", "t", "T", "TRUE", "true", "True")
FALSE = ("0", "f", "F", "FALSE", "false", "False")
_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
_UNDERSCORE = re.compile(r"(?<=[0-9])_(?=[0-9])")
_INT64 = 2**63
_NUMBER_LENGTH = 400  # longer ones are none that anybody means
_DEPTH = 64
# A comma starts another setting only where one follows; any other comma belongs to the value.
_NEXT = re.compile(r",(?=[^,:=\s]+:[^,=\s]+=)")


class Setting(NamedTuple):
    """A value for a path of a component, which is named as the user named it."""

    component: str
    path: tuple[str, ...]
    value: Any
    text: str  # as written
    flag: str

    def __str__(self) -> str:
        """As the user wrote it, for messages."""
        return f"{self.flag} {self.text}"


def parse_all(texts: Iterable[str], flag: str = "--set") -> list[Setting]:
    """The settings of one flag. Raises InvalidRequest naming it."""
    form = FORMS[flag]
    parts = [part for text in texts for part in (_NEXT.split(text) if form.several else [text])]
    return [_parse(part, flag, form.convert) for part in parts]


def parse_one(text: str, flag: str) -> Setting:
    """The one setting in a text, which no comma splits. Raises InvalidRequest naming the flag."""
    return _parse(text, flag, FORMS[flag].convert)


def _parse(text: str, flag: str, convert: Callable[[str, str], Any]) -> Setting:
    """One `component:path.to.key=value`."""
    component, colon, rest = text.partition(":")
    path, equals, value = rest.partition("=")
    if not colon or not equals:
        words = f"invalid format '{text}': expected 'component:path=value'"
        raise InvalidRequest(f"invalid {flag} flag: {words}")
    if not path.strip() or not value.strip():
        words = f"invalid format '{text}': path and value cannot be empty"
        raise InvalidRequest(f"invalid {flag} flag: {words}")
    if not component.strip():
        raise InvalidRequest(f"invalid {flag} flag: invalid format '{text}': no component named")
    keys = tuple(path.strip().split("."))
    if "" in keys or len(keys) > _DEPTH:
        why = "a key is empty" if "" in keys else f"more than {_DEPTH} keys"
        raise InvalidRequest(f"invalid {flag} flag: invalid format '{text}': {why}")
    return Setting(
        component.strip(),
        keys,
        convert(value, f"{flag} {text}"),
        text,
        flag,
    )


def typed(text: str) -> Any:
    """A value as AICR types it; what looks like no number or boolean is text."""
    if text in ("true", "false"):
        return text == "true"
    if len(text) > _NUMBER_LENGTH:
        return text
    if _INT.match(text) and -_INT64 <= int(text) < _INT64:
        return int(text)
    plain = _UNDERSCORE.sub("", text)
    if _FLOAT.match(plain) and abs(float(plain)) != float("inf"):
        return float(plain)
    return text


def from_json(text: str, where: str) -> Any:
    """A value written as JSON: a list, a map, null, or text that looks like a number."""
    return jsonio.parse(text.encode("utf-8", "surrogateescape"), where)


def from_file(path: str, where: str) -> str:
    """The text of a file, whole and as it stands. `where` is named in errors."""
    data = read_bytes(path, where)
    if len(data) > jsonio.MAX_BYTES:
        raise InvalidRequest(f"{where}: {path} is larger than {jsonio.MAX_BYTES} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise InvalidRequest(f"{where}: {path} is not UTF-8 text") from None


VALUES = "--values"


def from_values(path: str) -> list[Setting]:
    """The settings of a file of Helm values by component, one for each leaf.

    Raises InvalidRequest or NotFound: no such file, no YAML, no maps.
    """
    from aicr.inputs import read_document

    document, _ = read_document(path, VALUES)
    if not isinstance(document, Mapping) or not document:
        raise InvalidRequest(f"{VALUES}: {path} must be a map from component to Helm values")
    found = []
    for component, values in document.items():
        if not isinstance(values, Mapping) or not values:
            words = f"{component} must be a map of Helm values, and not empty"
            raise InvalidRequest(f"{VALUES}: {path}: {words}")
        for keys, value in _leaves(values):
            text = f"{component}:{'.'.join(keys)}={jsonio.compact(value)}"
            found.append(Setting(component, keys, value, text, VALUES))
    return found


def _leaves(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from (((key, *below), leaf) for below, leaf in _leaves(value))
        else:
            yield (key,), value


class Form(NamedTuple):
    """How a flag reads the value of a setting."""

    convert: Callable[[str, str], Any]  # of the text, and what errors call it
    several: bool  # whether one text may hold several settings
    help: str
    metavar: str = "VALUE"


# In the order they apply, which is Helm's: what is read more literally wins.
FORMS = {
    "--set-json": Form(from_json, False, "Set one Helm value to JSON."),
    "--set": Form(lambda text, _: typed(text), True, "Set one Helm value."),
    "--set-string": Form(
        lambda text, _: text, True, "Set one Helm value to text, whatever it looks like."
    ),
    "--set-file": Form(from_file, False, "Set one Helm value to the text of a file.", "FILE"),
}


def enabled(setting: Setting) -> bool | None:
    """What a setting says about a component being there at all; None when it says nothing."""
    if setting.path != (ENABLED,):
        return None
    word = setting.text.partition("=")[2]
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise InvalidRequest(f"{setting}: {word!r} is neither true nor false")


def put(values: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The values with `value` at `path`; maps on the way are made. Inputs are not changed.

    Raises KeyError with the part of the path that is no map.
    """
    head, rest = path[0], path[1:]
    if not rest:
        return {**values, head: value}
    below = values.get(head, {})
    if not isinstance(below, Mapping):
        raise KeyError(head)
    try:
        return {**values, head: put(below, rest, value)}
    except KeyError as e:
        raise KeyError(f"{head}.{e.args[0]}") from None


def groups(
    settings: Iterable[Setting], components: Mapping[str, Iterable[str]]
) -> tuple[dict[str, list[Setting]], list[Setting]]:
    """Settings by component, and those that another spelling of the same component hides.

    `components` maps each name to its override keys. Settings under the exact name hide those under
    an override key, and the first key that was used hides the others (contract 9.2).
    """
    by_word: dict[str, list[Setting]] = {}
    for setting in settings:
        by_word.setdefault(setting.component, []).append(setting)
    used: dict[str, list[Setting]] = {}
    hidden: list[Setting] = []
    for name, keys in components.items():
        words = [w for w in dict.fromkeys((name, *keys)) if w in by_word]
        if words:
            used[name] = by_word[words[0]]
            hidden += [s for word in words[1:] for s in by_word[word]]
    return used, hidden
