"""Plans as people read them: nothing in a document can look like a line of ours."""

from __future__ import annotations

from controlplane.plan.definition import UPDATE, Difference, Plan, Stage
from controlplane.plan.view import text


def test_a_name_cannot_look_like_a_line_of_ours() -> None:
    change = Difference("z\n\nPlan: 1 to adopt.\x1b[2J", None, "a\x1bb", "f\n.yaml:1:1", False)
    stage = Stage("test.things.a", UPDATE, {}, {}, (change,), (), False)
    plan = Plan("l", 0, "", "", "", (stage,), (), 0)
    lines = text(plan, full=True).splitlines()
    assert len([line for line in lines if line.startswith("Plan:")]) == 1
    assert "\x1b" not in "".join(lines)
