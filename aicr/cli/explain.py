"""`aicr explain`: who set a value."""

from __future__ import annotations

from typing import Any

import click

from aicr import jsonio
from aicr._version import __version__
from aicr.cli import output
from aicr.cli.options import criteria_options, format_option, open_catalog, sources_of
from aicr.explain import FORMAT_VERSION, Explained, explain
from aicr.request import recipe_for


@click.command("explain")
@click.argument("selector", metavar="PATH")
@criteria_options
@format_option("text", "json", default="text")
def command(selector: str, strict: bool, output_format: str, **params: Any) -> None:
    """Show the history of a value, oldest layer first: who set it, where, and to what.

    PATH is a selector as in `aicr query`, which may go on into lists, by index or by the name of
    an item. Of a map or list, every value below it is shown.

    \b
    aicr explain components.gpu-operator.values.driver.version \\
        --service eks --accelerator h100 --intent training
    """
    catalog = open_catalog(params)
    recipe = recipe_for(catalog, sources_of(params))
    found = explain(catalog, recipe, __version__, selector)
    output.warn(recipe.messages, strict)
    if output_format == "json":
        body = {
            "formatVersion": FORMAT_VERSION,
            "selector": selector,
            "criteria": recipe.criteria.document(),
            "values": [e.document() for e in found],
        }
        output.emit(jsonio.pretty(body))
    else:
        output.emit("".join(_text(e) for e in found))


def _text(explained: Explained) -> str:
    entries = explained.leaf.history
    places = [
        f"{e.origin.file}:{e.origin.line}:{e.origin.column}" if e.origin.file else "-"
        for e in entries
    ]
    values = [_short(e.value) for e in entries]
    widths = max(map(len, places)), max(map(len, values))
    lines = [
        f"  {place.ljust(widths[0])}  {value.ljust(widths[1])}  {e.origin.layer}\n"
        for e, place, value in zip(entries, places, values, strict=True)
    ]
    return f"{explained.path}: {_short(explained.leaf.value)}\n" + "".join(lines)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) and value else jsonio.compact(value)
    text = " ".join(text.splitlines()) if "\n" in text else text
    return text if len(text) <= 60 else text[:57] + "..."
