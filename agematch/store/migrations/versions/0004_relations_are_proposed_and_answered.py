"""A relation may be proposed and wait for a reviewer; every relation from before was stated by a person"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("relations", sa.Column("state", sa.Text(), server_default="confirmed", nullable=False))
    op.create_index(op.f("ix_relations_state"), "relations", ["state"])
