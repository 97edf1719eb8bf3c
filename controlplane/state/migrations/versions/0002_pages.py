"""Lines that are kept beside resources, and resources by lookup in order of address."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "lines",
        sa.Column("address", _TEXT, primary_key=True),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", _TEXT, nullable=False),
        sa.Column("data", _TEXT, nullable=False),
    )
    op.drop_index("lookups_by_value", "lookups")
    op.create_index("lookups_by_value", "lookups", ["kind", "field", "value", "address"])
