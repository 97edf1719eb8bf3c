"""A plan as data: what would change, in which order, and why."""
