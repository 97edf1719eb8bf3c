"""aicr: compiles criteria into recipes, and recipes into bundles."""

from aicr._version import __version__

__all__ = ["__version__"]
