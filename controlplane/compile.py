"""Documents to desired state: every resource checked by its kind, with what it depends on.

    layers of each address → merged → checked by its kind → stack, secrets, references → order

Pure: what secrets are worth and what a state holds is not known here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from aicr import jsonio
from aicr.catalog import Catalog
from aicr.check import Found, explained
from aicr.diagnostics import ERROR, WARNING, Diagnostic, did_you_mean
from aicr.documents import Documents
from aicr.errors import InvalidRequest
from aicr.order import deployment_order
from controlplane import secretrefs
from controlplane.address import parse
from controlplane.documents import Loaded, Manifest, load, refuse
from controlplane.kinds import Kind, Kinds
from controlplane.layers import Layer, Path, layers_of, merged, origin
from controlplane.stacks import Stacks

# The one field of a resource that is no kind's: whether it may be deleted, or replaced.
PROTECT = "$protect"
# Where the compiled stack of a cluster stands in its spec.
STACK = "stack"


class Declared(NamedTuple):
    """A resource as documents want it. `protect` is None where they do not say; `depends` are
    addresses, declared or not."""

    address: str
    spec: Mapping[str, Any]
    protect: bool | None
    depends: tuple[str, ...]
    layers: list[Layer]
    # Fields that are computed, and the field that they are computed from.
    computed: Mapping[str, Path] = {}

    def origin(self, path: Path) -> str:
        """file:line:column of whoever asks for a field."""
        return origin(self.layers, self.computed.get(str(path[0]), path) if path else path)


class Desired(NamedTuple):
    """Desired state: resources in the order in which they can be made, and what it was made of."""

    resources: Mapping[str, Declared]
    order: tuple[str, ...]
    digest: str
    # Of what compiles beside the documents: the catalog and the kinds.
    config: str
    warnings: tuple[Diagnostic, ...]

    @property
    def secrets(self) -> dict[str, str]:
        """Every reference to a secret, and where it stands."""
        found = {}
        for declared in self.resources.values():
            for path, value in secret_values(declared.spec):
                found[value] = declared.origin(path)
        return found


def compile_desired(
    manifests: Iterable[Manifest], asked: Mapping[str, str], kinds: Kinds, catalog: Catalog
) -> Desired:
    """Raises InvalidDocument with everything that is wrong, each with file, line and column, and
    InvalidRequest for criteria in `asked` that select nothing."""
    loaded = load(manifests)
    docs = loaded.documents
    refuse(docs.diagnostics)
    found = layers_of(loaded, asked)
    refuse(docs.diagnostics)
    resources = _resources(loaded, found, kinds, Stacks(catalog))
    refuse(docs.diagnostics)
    _check_references(docs, resources, kinds)
    order = _order(docs, resources)
    digest = _digest({a: [d.spec, d.protect] for a, d in resources.items()})
    config = _digest([catalog.digest, sorted(kinds)])
    return Desired(resources, order, digest, config, tuple(sorted(set(docs.diagnostics))))


def references(
    manifests: Iterable[Manifest], asked: Mapping[str, str], kinds: Kinds
) -> dict[str, str]:
    """The `env:` and `file:` references of manifests, and where each stands. What is wrong with the
    manifests is left to `compile_desired`."""
    loaded, found = load(manifests), {}
    for address, layers in layers_of(loaded, asked).items():
        kind, spec = kinds.get(address.rpartition(".")[0]), merged(layers)
        for path in secretrefs.paths(spec, kind.secrets) if kind else ():
            value = secretrefs.at(spec or {}, path)
            if (secretrefs.parse(value) or (secretrefs.STORE,))[0] != secretrefs.STORE:
                found[value] = origin(layers, tuple(path.split(".")))
    return found


def _digest(value: Any) -> str:
    return f"sha256:{hashlib.sha256(jsonio.canonical(value)).hexdigest()}"


def _resources(
    loaded: Loaded, found: Mapping[str, list[Layer]], kinds: Kinds, stacks: Stacks
) -> dict[str, Declared]:
    docs, resources = loaded.documents, {}
    for address in sorted(found):
        layers = found[address]
        kind = _kind(docs, address, layers, kinds)
        stated = merged(layers)
        if kind is None or stated is None:
            continue
        protect = stated.pop(PROTECT, None)
        spec = _checked(docs, stated, layers, kind)
        if not isinstance(protect, bool | None):
            _report(
                docs,
                layers,
                Found((PROTECT,), ERROR, "invalid", f"{PROTECT}: must be true or false"),
            )
        if spec is None:
            continue
        computed = {}
        if kind.recipe and secretrefs.at(spec, kind.recipe) is not None:
            spec = _with_stack(docs, spec, layers, kind, stacks)
            computed[STACK] = tuple(kind.recipe.split("."))
        depends = tuple(sorted(set(depends_of(spec, kind))))
        resources[address] = Declared(address, spec, protect, depends, layers, computed)
    return resources


def _kind(docs: Documents, address: str, layers: list[Layer], kinds: Kinds) -> Kind | None:
    try:
        path = parse(address).kind
    except InvalidRequest as e:
        _report(docs, layers, Found((), ERROR, "invalid", e.message))
        return None
    if path not in kinds:
        hint = did_you_mean(path, kinds) or f"there are {', '.join(sorted(kinds))}"
        _report(
            docs,
            layers,
            Found((), ERROR, "unknown-kind", f"{address}: no such kind of resource", hint),
        )
        return None
    return kinds[path]


def _checked(
    docs: Documents, stated: Mapping[str, Any], layers: list[Layer], kind: Kind
) -> dict[str, Any] | None:
    """The spec in canonical form: with defaults, without what is null."""
    try:
        model = kind.model.model_validate(stated)
    except ValidationError as e:
        for f in explained(stated, kind.model, e):
            # Whatever stands where a secret should be referred to may be the secret.
            hidden = _is_secret(f.path, kind)
            _report(docs, layers, f._replace(message=_HIDDEN.format(f.path[-1])) if hidden else f)
        return None
    spec = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    return _with_references(docs, spec, layers, kind)


def _is_secret(path: Path, kind: Kind) -> bool:
    """Whether a secret may stand at a path, or below it."""
    steps = [str(step) for step in path]
    return any(
        all(p in ("*", s) for p, s in zip(pattern.split("."), steps, strict=False))
        for pattern in (kind.secrets if steps else ())
    )


_HIDDEN = "{}: must be a reference to a secret: env:NAME, file:PATH or store:NAME"


def _with_references(
    docs: Documents, spec: dict[str, Any], layers: list[Layer], kind: Kind
) -> dict[str, Any] | None:
    """A spec with {"secret": reference} where its kind has secrets."""
    for path in secretrefs.paths(spec, kind.secrets):
        value = secretrefs.at(spec, path)
        if secretrefs.parse(value) is None:
            _report(
                docs, layers, Found(tuple(path.split(".")), ERROR, "secret", _HIDDEN.format(path))
            )
            return None
        spec = secretrefs.replaced(spec, path, {secretrefs.REFERENCE: value})
    return spec


def _with_stack(
    docs: Documents, spec: dict[str, Any], layers: list[Layer], kind: Kind, stacks: Stacks
) -> dict[str, Any]:
    try:
        return {**spec, STACK: stacks.of(secretrefs.at(spec, kind.recipe))}
    except InvalidRequest as e:
        _report(docs, layers, Found(tuple(kind.recipe.split(".")), ERROR, "recipe", e.message))
        return spec


def depends_of(spec: Mapping[str, Any], kind: Kind) -> Iterator[str]:
    """Addresses that a compiled spec refers to, secrets of the store included."""
    for path, target in kind.references.items():
        value = secretrefs.at(spec, path)
        for name in value if isinstance(value, list) else [value]:
            if isinstance(name, str):
                yield f"{target}.{name}"
    for _, reference in secret_values(spec):
        kind_, name = secretrefs.parse(reference) or ("", "")
        if kind_ == secretrefs.STORE:
            yield f"{secretrefs.STORE_KIND}.{name}"


def secret_values(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """References in a compiled spec, with their paths."""
    if isinstance(value, Mapping):
        if secretrefs.REFERENCE in value and isinstance(value[secretrefs.REFERENCE], str):
            yield path, value[secretrefs.REFERENCE]
            return
        for key, below in value.items():
            yield from secret_values(below, (*path, key))


def _check_references(docs: Documents, resources: Mapping[str, Declared], kinds: Kinds) -> None:
    """Warnings for what is referred to and not declared here: then the state must have it."""
    for declared in resources.values():
        for target in declared.depends:
            if target not in resources:
                path = _path_to(declared, target, kinds)
                text = f"{target} is not declared here: the state must have it"
                _report(docs, declared.layers, Found(path, WARNING, "undeclared", text))


def _path_to(declared: Declared, target: str, kinds: Kinds) -> Path:
    kind = kinds[parse(declared.address).kind]
    for path, of in kind.references.items():
        value = secretrefs.at(declared.spec, path)
        if target in (f"{of}.{name}" for name in (value if isinstance(value, list) else [value])):
            return tuple(path.split("."))
    return ()


def _order(docs: Documents, resources: Mapping[str, Declared]) -> tuple[str, ...]:
    """Addresses so that each follows what it depends on. Raises InvalidDocument with a cycle, at
    the place of one of those in it."""
    refs = [
        {"name": d.address, "dependencyRefs": [t for t in d.depends if t in resources]}
        for d in resources.values()
    ]
    try:
        return deployment_order(refs)
    except InvalidRequest as e:
        first = resources[str(e.details["cycle"][0])]  # type: ignore[index]
        _report(docs, first.layers, Found((), ERROR, "cycle", e.message))
        refuse(docs.diagnostics)
        raise


def _report(docs: Documents, layers: list[Layer], found: Found) -> None:
    """A finding about a resource, at the place of whoever set the field."""
    file, line, column = origin(layers, found.path).rsplit(":", 2)
    severity = ERROR if found.rule == "unknown-key" else found.severity
    docs.diagnostics.append(
        Diagnostic(file, int(line), int(column), severity, found.rule, found.message, found.hint)
    )
