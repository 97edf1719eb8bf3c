"""Diagnostics as data: what is wrong, where, and what would mend it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from aicr.errors import InvalidRequest

ERROR = "error"
WARNING = "warning"


class Diagnostic(NamedTuple):
    """One finding. `line` and `column` count from 1; 0 means the whole file."""

    file: str
    line: int
    column: int
    severity: str
    rule: str
    message: str
    hint: str = ""

    @property
    def location(self) -> str:
        where = [self.file]
        if self.line:
            where.append(str(self.line))
            if self.column:
                where.append(str(self.column))
        return ":".join(where)

    @property
    def text(self) -> str:
        """Place, message and hint: for where the severity is already said."""
        return f"{self.location}: {self.message}" + (f" ({self.hint})" if self.hint else "")

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.location}: {self.severity}: {self.message}{hint} [{self.rule}]"


class InvalidDocument(InvalidRequest):
    """Input that cannot be used; carries every finding, the message shows the first error."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(sorted(set(diagnostics), key=lambda d: (d.severity, d)))
        more = f" (and {len(self.diagnostics) - 1} more)" if len(self.diagnostics) > 1 else ""
        super().__init__(
            self.diagnostics[0].text + more,
            details={"problems": [str(d) for d in self.diagnostics]},
        )


def nearest(word: str, candidates: Iterable[str], limit: int = 2) -> list[str]:
    """The candidates a mistyped word most likely meant, best first."""
    import difflib  # only on the way to an error

    options = list(candidates)
    folded = {option.casefold(): option for option in options}
    found = difflib.get_close_matches(word.strip().casefold(), list(folded), n=limit, cutoff=0.5)
    return [folded[f] for f in found]


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """`did you mean a or b?`, or an empty string when nothing is near."""
    near = nearest(word, candidates)
    return f"did you mean {' or '.join(repr(n) for n in near)}?" if near else ""


def hinted(message: str, word: str, candidates: Iterable[str]) -> str:
    """A message, and in parentheses what its word may have been meant to be."""
    near = did_you_mean(word, candidates)
    return f"{message} ({near})" if near else message
