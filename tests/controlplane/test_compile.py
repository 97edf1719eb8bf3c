"""Manifests to desired state: order of layers, and every mistake with its place."""

from __future__ import annotations

from typing import Any

import pytest

from aicr.diagnostics import InvalidDocument
from aicr.errors import AicrError, InvalidRequest, NotFound
from controlplane import documents
from controlplane.compile import Desired, compile_desired
from controlplane.documents import Source
from tests.conftest import Write
from tests.controlplane.engines import NO_CATALOG
from tests.controlplane.some_kinds import KINDS

HEAD = "apiVersion: aicr.nvidia.com/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n"


def doc(name: str, spec: str, kind: str = "ControlPlane") -> Source:
    """A document; its spec begins on line 5."""
    return Source(f"{name}.yaml", (HEAD.format(kind=kind, name=name) + spec + "\n").encode())


def things(body: str) -> str:
    return f"  resources: {{test: {{things: {{{body}}}}}}}"


def compiled(*sources: Source, catalog: Any = NO_CATALOG, **asked: str) -> Desired:
    return compile_desired(documents.parsed(sources), asked, KINDS, catalog)


def wrong(*sources: Source, **asked: str) -> list[str]:
    with pytest.raises(InvalidDocument) as e:
        compiled(*sources, **asked)
    return [f"{d.file}:{d.line}:{d.column} {d.rule} {d.message}" for d in e.value.diagnostics]


class TestSpecs:
    def test_are_canonical(self) -> None:
        found = compiled(doc("a", things("x: {size: 1}, y: null, z: {colour: null}")))
        assert {a: d.spec for a, d in found.resources.items()} == {
            f"test.things.{n}": {"size": 1} for n in "xyz"
        }

    def test_the_digest_is_that_of_what_is_wanted(self) -> None:
        one = compiled(doc("a", things("x: {size: 1}, y: {}")))
        other = compiled(doc("b", "  resources:\n    test:\n      things: {y: null, x: null}"))
        assert one.digest == other.digest
        assert one.digest != compiled(doc("a", things("x: {size: 2}, y: {}"))).digest
        assert one.digest != compiled(doc("a", things("x: {$protect: true}, y: {}"))).digest

    def test_origins(self) -> None:
        found = compiled(doc("a", things("x: {\n    size: 3}")))
        declared = found.resources["test.things.x"]
        assert declared.origin(("size",)) == "a.yaml:6:11"
        assert declared.origin(()) == declared.origin(("colour",)) == "a.yaml:5:31"

    def test_secrets_are_references(self) -> None:
        found = compiled(doc("a", "  resources: {test: {tokens: {t: {value: 'env:T'}}}}"))
        assert found.resources["test.tokens.t"].spec == {"value": {"secret": "env:T"}}
        assert found.secrets == {"env:T": "a.yaml:5:42"}

    def test_clusters_carry_their_stack(self, builtin: Any) -> None:
        spec = "  resources: {test: {clusters: {c: {criteria: {service: eks, accelerator: h100, intent: training}}}}}"
        declared = compiled(doc("a", spec), catalog=builtin).resources["test.clusters.c"]
        assert set(declared.spec["stack"]) == {"recipe", "bundle", "components"}
        assert "gpu-operator" in declared.spec["stack"]["components"]
        assert declared.origin(("stack", "bundle")) == declared.origin(("criteria",))
        again = compiled(doc("b", spec), catalog=builtin).resources["test.clusters.c"]
        assert again.spec == declared.spec

    def test_wrong_criteria_are_an_error_of_their_place(self, builtin: Any) -> None:
        spec = "  resources: {test: {clusters: {c: {criteria: {service: nowhere}}}}}"
        with pytest.raises(InvalidDocument) as e:
            compiled(doc("a", spec), catalog=builtin)
        (found,) = e.value.diagnostics
        assert (found.file, found.line, found.rule) == ("a.yaml", 5, "recipe")


class TestMistakes:
    @pytest.mark.parametrize(
        ("spec", "expected"),
        [
            (
                things("x: {size: many}"),
                "a.yaml:5:41 invalid size: must be a whole number, not 'many'",
            ),
            (things("x: {sise: 1}"), "a.yaml:5:41 unknown-key sise has no effect: no such key"),
            (things("x: {$protect: 1}"), "a.yaml:5:45 invalid $protect: must be true or false"),
            (
                "  resources: {test: {thing: {x: {}}}}",
                "a.yaml:5:30 unknown-kind test.thing.x: no such kind of resource",
            ),
            (
                things("-x: {}"),
                "a.yaml:5:31 invalid 'test.things.-x' is no address: write service.collection.name, as nvcf.functions.echo",
            ),
            ("  base: nobody", "a.yaml:5:9 unknown-base no document 'nobody'"),
            ("  base: a", "a.yaml:5:9 base-cycle circular bases: a -> a"),
            ("  mixins: [nobody]", "a.yaml:5:12 unknown-mixin mixin 'nobody' does not exist"),
            ("  resurces: {}", "a.yaml:5:3 unknown-key spec.resurces has no effect: no such key"),
            (
                "  resources: {test: {tokens: {t: {value: hunter2}}}}",
                "a.yaml:5:42 secret value: must be a reference to a secret: env:NAME, file:PATH or store:NAME",
            ),
            (
                "  resources: {test: {tokens: {t: {value: [hunter2]}}}}",
                "a.yaml:5:35 invalid value: must be a reference to a secret: env:NAME, file:PATH or store:NAME",
            ),
        ],
    )
    def test_have_a_place(self, spec: str, expected: str) -> None:
        assert wrong(doc("a", spec)) == [expected]

    def test_are_all_told_at_once(self) -> None:
        found = wrong(doc("a", things("x: {size: a}, y: {size: b}, z: {sise: 1}")))
        assert len(found) == 3

    def test_other_kinds_of_documents(self) -> None:
        assert wrong(doc("a", "  {}", kind="Deployment")) == [
            "a.yaml:2:7 unknown-kind kind 'Deployment' has no effect here"
        ]

    def test_two_documents_of_one_name(self) -> None:
        first = doc("a", "  {}")
        found = wrong(first, first._replace(file="b.yaml"))
        assert found == ["b.yaml:3:18 duplicate-name 'a' is already the name of a.yaml"]

    def test_resources_that_need_each_other(self) -> None:
        with pytest.raises(AicrError, match=r"test\.things\.[xy] -> test\.things\.[xy]"):
            compiled(doc("a", things("x: {uses: [y]}, y: {uses: [x]}")))

    def test_what_is_not_declared_is_a_warning(self) -> None:
        found = compiled(doc("a", things("x: {uses: [y]}")))
        assert [(d.rule, d.line) for d in found.warnings] == [("undeclared", 5)]
        assert found.resources["test.things.x"].depends == ("test.things.y",)


class TestLayers:
    BASE = doc("base", things("x: {size: 1, colour: red, shape: {a: 1, b: 2}}"))

    def over(self, spec: str, *more: Source, **asked: str) -> Any:
        return compiled(self.BASE, doc("over", spec), *more, **asked).resources

    def test_a_document_lies_over_its_base_whatever_its_name(self) -> None:
        for name in ("a", "z"):
            found = compiled(self.BASE, doc(name, "  base: base\n" + things("x: {size: 2}")))
            declared = found.resources["test.things.x"]
            assert declared.spec == {"size": 2, "colour": "red", "shape": {"a": 1, "b": 2}}
            assert declared.origin(("size",)) == f"{name}.yaml:6:41"
            assert declared.origin(("colour",)).startswith("base.yaml:5:")

    def test_criteria_select_and_outrank(self) -> None:
        special = "  criteria: {environment: production}\n" + things("x: {size: 9}")
        assert self.over(special, environment="production")["test.things.x"].spec["size"] == 9
        assert self.over(special, environment="any")["test.things.x"].spec["size"] == 1

    def test_what_is_left_out_is_a_warning(self) -> None:
        special = doc("over", "  criteria: {environment: production}\n" + things("x: {size: 9}"))
        (warning,) = compiled(self.BASE, special).warnings
        assert (warning.rule, warning.message) == (
            "left-out",
            "over is left out: --for environment=production adds it",
        )

    @pytest.mark.parametrize("asked", [{"enviroment": "production"}, {"environment": "prod"}])
    def test_criteria_that_select_nothing_are_an_error(self, asked: dict[str, str]) -> None:
        special = "  criteria: {environment: production}\n" + things("x: {size: 9}")
        with pytest.raises(InvalidRequest, match="has no effect"):
            self.over(special, **asked)

    def test_a_coin_toss_is_an_error(self) -> None:
        assert wrong(self.BASE, doc("over", things("x: {size: 2}"))) == [
            "over.yaml:5:41 coin-toss size is set differently at base.yaml:5:41, and neither lies over the other"
        ]

    def test_two_that_say_the_same_or_different_fields_are_none(self) -> None:
        found = self.over(things("x: {size: 1, home: h}"))["test.things.x"].spec
        assert found == {"size": 1, "colour": "red", "home": "h", "shape": {"a": 1, "b": 2}}

    def test_null_takes_back(self) -> None:
        found = self.over(
            "  base: base\n" + things("x: {colour: null, size: null, shape: {a: null}}")
        )
        assert found["test.things.x"].spec == {"size": 1, "shape": {"b": 2}}

    def test_directives(self) -> None:
        gone = self.over("  base: base\n" + things("x: {$patch: delete}, y: {}"))
        assert list(gone) == ["test.things.y"]
        whole = self.over("  base: base\n" + things("x: {$patch: replace, size: 4}"))
        assert whole["test.things.x"].spec == {"size": 4}
        part = self.over("  base: base\n" + things("x: {shape: {$patch: replace, c: 3}}"))
        assert part["test.things.x"].spec["shape"] == {"c": 3}

    def test_mixins_lie_below_who_uses_them(self) -> None:
        mixin = doc(
            "big",
            "  parameters: [hue]\n" + things("x: {size: 100, colour: '${hue}'}"),
            "ControlPlaneMixin",
        )
        user = doc("a", "  mixins: [{name: big, with: {hue: blue}}]\n" + things("x: {size: 5}"))
        found = compiled(mixin, user).resources["test.things.x"]
        assert found.spec == {"size": 5, "colour": "blue"}

    def test_a_mixin_that_nobody_uses_here_may_be_used_elsewhere(self) -> None:
        mixin = doc("big", things("x: {size: 100}"), "ControlPlaneMixin")
        found = compiled(self.BASE, mixin)
        assert found.warnings == ()
        assert found.resources["test.things.x"].spec["size"] == 1

    def test_a_cycle_of_bases(self) -> None:
        found = wrong(doc("a", "  base: b"), doc("b", "  base: a"))
        assert "b.yaml:5:9 base-cycle circular bases: a -> b -> a" in found

    def test_protection_merges_as_any_field(self) -> None:
        found = self.over("  base: base\n" + things("x: {$protect: true}"))["test.things.x"]
        assert found.protect is True
        assert "$protect" not in found.spec


class TestFiles:
    MANIFEST = HEAD.format(kind="ControlPlane", name="{0}")

    def text(self, name: str, spec: str) -> str:
        return doc(name, spec).data.decode()

    def test_bases_by_path_lie_below(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        place = write(
            {
                "base/a.yaml": self.text("zz", things("x: {size: 1, colour: red}")),
                "base/.hidden.yaml": "no: manifest",
                "base/notes.txt": "nor this",
                "prod/deep/b.yaml": self.text(
                    "aa", "  base: ../../base\n" + things("x: {size: 2}")
                ),
            }
        )
        monkeypatch.chdir(place)
        sources = documents.read("prod")
        assert [(s.file, s.depth) for s in sources] == [("prod/deep/b.yaml", 0), ("base/a.yaml", 1)]
        assert compiled(*sources).resources["test.things.x"].spec == {"size": 2, "colour": "red"}

    def test_a_circle_of_paths(self, write: Write) -> None:
        place = write(
            {"a/a.yaml": self.text("a", "  base: ../b"), "b/b.yaml": self.text("b", "  base: ../a")}
        )
        with pytest.raises(InvalidRequest, match="in a circle"):
            documents.read(str(place / "a"))

    def test_links_are_not_followed(self, write: Write) -> None:
        place = write({"a/a.yaml": self.text("a", "  {}")})
        (place / "a" / "link.yaml").symlink_to("/etc/passwd")
        with pytest.raises(InvalidRequest, match="is a link"):
            documents.read(str(place / "a"))

    def test_what_is_not_there(self, tmp_path: Any) -> None:
        with pytest.raises(NotFound):
            documents.read(str(tmp_path / "none"))

    def test_what_was_parsed_once_is_the_same_from_the_cache(self) -> None:
        source = doc("cached", things("x: {size: 12345}"))
        first = documents.parse(source)
        assert documents.parse(source) == first
        other = documents.parse(source._replace(file="else.yaml"))
        assert (other.file, other.value) == ("else.yaml", first.value)

    def test_a_broken_cache_is_parsed_again(self, own_cache: Any) -> None:
        source = doc("broken", things("x: {size: 54321}"))
        first = documents.parse(source)
        for kept in own_cache.glob("manifests/*/*.json"):
            kept.write_text("[1")
        assert documents.parse(source) == first
