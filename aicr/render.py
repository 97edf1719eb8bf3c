"""Templates to text: Jinja2, sandboxed and strict. A missing value is an error, never a blank."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from jinja2 import (
    DictLoader,
    Environment,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateSyntaxError,
    Undefined,
)
from jinja2.bccache import bc_version
from jinja2.sandbox import ImmutableSandboxedEnvironment

from aicr import yamlio
from aicr.errors import InvalidRequest


class Renderer:
    """Renders the templates of one catalog; templates are compiled once."""

    def __init__(self, texts: Mapping[str, str], code: Mapping[str, Any] | None = None) -> None:
        """`code` is what `generated` made of the same texts, which then need not be parsed."""
        known = code and code.get("version") == bc_version
        self._environment = ImmutableSandboxedEnvironment(
            loader=_Loader(texts, code["python"] if code and known else {}),
            undefined=StrictUndefined,
            autoescape=False,
            keep_trailing_newline=True,
            finalize=_printable,
        )
        self._environment.globals.clear()
        self._environment.filters = {
            "default": self._environment.filters["default"],
            "join": self._environment.filters["join"],
            "length": self._environment.filters["length"],
            "reverse": self._environment.filters["reverse"],
            "only": only,
            "yaml": to_yaml,
            "sh": shlex.quote,
        }

    def generated(self) -> dict[str, Any]:
        """Every template as Python source, and the version of Jinja's code that it is for.

        Raises InvalidRequest for a text that is no template.
        """
        loader = self._environment.loader
        texts = loader.mapping if isinstance(loader, DictLoader) else {}
        python = {}
        for path, text in texts.items():
            try:
                python[path] = self._environment.compile(text, path, _FILE, raw=True)
            except TemplateSyntaxError as e:
                raise InvalidRequest(f"{path}:{e.lineno}: {e.message}") from None
        return {"version": bc_version, "python": python}

    def render(self, path: str, **names: Any) -> str:
        """The text of a template. Raises InvalidRequest with template and line."""
        try:
            return self._environment.get_template(path).render(**names)
        except TemplateSyntaxError as e:
            raise InvalidRequest(f"{e.name or path}:{e.lineno}: {e.message}") from None
        except TemplateError as e:
            raise InvalidRequest(f"{path}:{_line_of(e, path)}: {e.message}") from None
        except RecursionError:
            raise InvalidRequest(f"{path}: the template is nested too deeply") from None
        except SyntaxError as e:  # what Jinja lets through and Python's compiler does not
            raise InvalidRequest(f"{path}: {e.msg}") from None
        except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError) as e:
            raise InvalidRequest(f"{path}:{_line_of(e, path)}: {e}") from None


def _printable(value: Any) -> Any:
    """What may stand in an output; a function would show where it lies in memory."""
    if callable(value) and not isinstance(value, Undefined):
        raise TypeError(f"{getattr(value, '__name__', 'this')} is a function, not a value")
    return value


class _Loader(DictLoader):
    """Templates by path; those whose code is at hand are not parsed."""

    def __init__(self, texts: Mapping[str, str], python: Mapping[str, str]) -> None:
        super().__init__(texts)
        self._python = python

    def load(
        self,
        environment: Environment,
        name: str,
        globals: Any = None,  # noqa: A002 (Jinja's word)
    ) -> Template:
        if name not in self._python:
            return super().load(environment, name, globals)
        code = compile(self._python[name], _FILE, "exec")
        return environment.template_class.from_code(environment, code, globals or {})


# What Jinja calls the file of a template that has none; lines of errors are found by it.
_FILE = "<template>"


def to_yaml(value: Any, indent: int | None = None) -> str:
    """A value as YAML: scalars in place, and with `indent` the block below a key that stands
    there."""
    if not isinstance(value, Mapping | list) or not value:
        return yamlio.dump(value).rstrip("\n")
    pad = " " * ((indent or 0) + 2)
    return "".join(f"\n{pad}{line}" for line in yamlio.dump(value).splitlines())


def only(value: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """The part of a map that is at these (dotted) paths, as far as it has them."""
    result: dict[str, Any] = {}
    for path in paths:
        head, _, rest = path.partition(".")
        if head not in value:
            continue
        below = value[head]
        if not rest:
            result[head] = below
        elif isinstance(below, Mapping) and (found := only(below, [rest])):
            result[head] = {**result.get(head, {}), **found}
    return result


def _line_of(error: BaseException, path: str) -> int:
    """The template line an error came from: Jinja's code keeps the template's own lines."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in (path, "<template>"):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
