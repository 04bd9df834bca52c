"""Runs, job steps and model runs carry a sealed blob, as every other record does; decisions are found by sighting"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for table in ("runs", "job_steps", "model_runs"):
        op.add_column(table, sa.Column("blob", sa.LargeBinary(), server_default="", nullable=False))
    op.create_index(op.f("ix_pair_decisions_sighting_uid"), "pair_decisions", ["sighting_uid"])
