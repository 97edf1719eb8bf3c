"""Recipe and options to every file of a bundle, in memory: the one road that all callers take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from aicr import sources
from aicr.bundle import checksums, provenance, sbom, signature
from aicr.bundle.compile import Bundle, compile_bundle
from aicr.bundle.deployers import deployer
from aicr.bundle.files import BundleFile
from aicr.bundle.options import Options
from aicr.bundle.rendering import renderer_of
from aicr.catalog import Catalog
from aicr.errors import InvalidRequest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

DATA = "data/"


class Assembled(NamedTuple):
    """A bundle and its files."""

    bundle: Bundle
    files: list[BundleFile]


def assemble(
    catalog: Catalog,
    recipe: Mapping[str, Any],
    options: Options,
    key: Ed25519PrivateKey | None = None,
) -> Assembled:
    """The files of the bundle of a recipe (checked by aicr.recipefile), signed when there is a key.

    Raises InvalidRequest as compile_bundle does.
    """
    bundle = compile_bundle(catalog, recipe, options)
    files: list[BundleFile] = deployer(options.deployer).files(bundle, renderer_of(catalog))
    files += [sbom.of(bundle), *_data(catalog)]
    files.append(provenance.of(catalog, bundle, files))
    _check_paths(files)
    listing = checksums.of(files)
    files.append(listing)
    if key is not None:
        files.append(signature.of(listing.data, key))
    return Assembled(bundle, files)


def _check_paths(files: list[BundleFile]) -> None:
    """No two files at one path, and none where another needs a directory: a component may be called
    like a file of the bundle. Raises InvalidRequest."""
    seen: set[str] = set()
    for file in files:
        if file.path in seen:
            raise InvalidRequest(f"{file.path} would be in the bundle twice")
        seen.add(file.path)
    for path in seen:
        parts = path.split("/")
        above = {"/".join(parts[:i]) for i in range(1, len(parts))}
        for name in above & {*seen, checksums.NAME, signature.NAME}:
            raise InvalidRequest(
                f'invalid component name "{name}": the bundle has a file of that name'
            )


def _data(catalog: Catalog) -> list[BundleFile]:
    """The external catalog itself, so that the bundle can be made again from what it holds."""
    if catalog.data_dir is None:
        return []
    found = sources.read_external(catalog.data_dir)
    files = (
        BundleFile(DATA + f.label.removeprefix(sources.EXTERNAL), f.data) for f in found.values()
    )
    return sorted(files)
