"""The tables: few clear columns that queries need, and one sealed blob; text, integer, real and bytes only.

Dates are ISO 8601 text, uids 16 hexadecimal digits. PostgreSQL takes the same tables.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _text(name: str, default: str | None = None) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=default)


def _late_blob() -> Column[bytes]:
    return Column(
        "blob", LargeBinary, nullable=False, server_default=""
    )  # a default, as it came with a migration


meta = Table(
    "meta", metadata, Column("name", Text, primary_key=True), Column("blob", LargeBinary, nullable=False)
)

counters = Table(
    "counters", metadata, Column("name", Text, primary_key=True), Column("value", Integer, nullable=False)
)

data_keys = Table(
    "data_keys",
    metadata,
    Column("entity_uid", Text, primary_key=True),
    _text("kind"),
    Column("wrapped", LargeBinary, nullable=False),
)


def _records(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("uid", Text, primary_key=True),
        Column("lookup", Text, nullable=False, unique=True),
        Column("version", Integer, nullable=False),
        _text("state"),
        _text("merged_into", ""),
        _text("created_at"),
        _text("changed_at"),
        Column("blob", LargeBinary, nullable=False),
    )


def _versions(name: str, of: str) -> Table:
    return Table(
        name,
        metadata,
        Column("uid", Text, ForeignKey(f"{of}.uid", ondelete="CASCADE"), primary_key=True),
        Column("version", Integer, primary_key=True),
        _text("state"),
        _text("merged_into", ""),
        _text("at"),
        _text("actor"),
        Column("blob", LargeBinary, nullable=False),
    )


cases = _records("cases")
case_versions = _versions("case_versions", "cases")
sightings = _records("sightings")
sighting_versions = _versions("sighting_versions", "sightings")

photos = Table(
    "photos",
    metadata,
    Column("uid", Text, primary_key=True),
    _text("owner_kind"),
    _text("owner_uid"),
    _text("content_mac"),
    _text("vault_name"),
    Column("version", Integer, nullable=False),
    _text("created_at"),
    Column("blob", LargeBinary, nullable=False),
    UniqueConstraint("owner_uid", "content_mac"),
    Index(None, "content_mac"),
)

faces = Table(
    "faces",
    metadata,
    Column(
        "id", Integer, primary_key=True, autoincrement=False
    ),  # from `counters`, so that none is ever used again
    Column("photo_uid", Text, ForeignKey("photos.uid", ondelete="CASCADE"), nullable=False, index=True),
    _text("owner_uid"),
    Column("number", Integer, nullable=False),
    Column("blob", LargeBinary, nullable=False),
    Index(None, "owner_uid"),
)

templates = Table(
    "templates",
    metadata,
    Column("face_id", Integer, ForeignKey("faces.id", ondelete="CASCADE"), primary_key=True),
    Column("model", Text, primary_key=True),
    Column("dim", Integer, nullable=False),
    Column("blob", LargeBinary, nullable=False),
)

uploads = Table(
    "uploads",
    metadata,
    Column("key", Text, primary_key=True),
    _text("kind"),
    _text("state"),
    _text("owner_uid", ""),
    _text("photo_uid", ""),
    _text("changed_at"),
    Column("blob", LargeBinary, nullable=False),
    Index(None, "state"),
)

relations = Table(
    "relations",
    metadata,
    Column("uid", Text, primary_key=True),
    _text("kind"),
    _text("first_uid"),
    _text("second_uid"),
    _text("created_at"),
    Column("blob", LargeBinary, nullable=False),
    _text("state", "confirmed"),  # after the blob, as it came with a migration
    UniqueConstraint("kind", "first_uid", "second_uid"),
    Index(None, "state"),
)

pair_decisions = Table(
    "pair_decisions",
    metadata,
    Column("uid", Text, primary_key=True),
    _text("case_uid"),
    _text("sighting_uid"),
    _text("outcome"),
    _text("reviewer"),
    _text("decided_at"),
    Column("blob", LargeBinary, nullable=False),
    Index(None, "case_uid", "sighting_uid"),
    Index(None, "sighting_uid"),
)

leads = Table(
    "leads",
    metadata,
    Column("uid", Text, primary_key=True),
    _text("case_uid"),
    _text("sighting_uid"),
    Column("face_id", Integer, ForeignKey("faces.id", ondelete="CASCADE"), nullable=False),
    Column("reference_face_id", Integer, nullable=False),
    _text("state"),
    Column("rank", Integer, nullable=False),
    Column("score", Float, nullable=False),
    Column("log10_lr", Float, nullable=False),
    Column("expected_by_chance", Float, nullable=False),
    _text("band"),
    _text("space_id"),
    _text("created_at"),
    _text("changed_at"),
    Column("blob", LargeBinary, nullable=False),
    UniqueConstraint("face_id", "case_uid"),
    Index(None, "state"),
    Index(None, "sighting_uid"),
    Index(None, "case_uid"),
)

runs = Table(
    "runs",
    metadata,
    Column("uid", Text, primary_key=True),
    _text("kind"),
    _text("state"),
    _text("started_at"),
    _text("ended_at", ""),
    _text("counts", "{}"),
    _late_blob(),
)

job_steps = Table(
    "job_steps",
    metadata,
    Column("run_uid", Text, ForeignKey("runs.uid", ondelete="CASCADE"), primary_key=True),
    Column("item", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    _text("state"),
    _text("at"),
    _late_blob(),
)

model_runs = Table(
    "model_runs",
    metadata,
    Column("uid", Text, primary_key=True),
    _text("space_id"),
    _text("models"),
    _text("state"),
    _text("started_at"),
    _text("ended_at", ""),
    _late_blob(),
)

search_marks = Table(
    "search_marks",
    metadata,
    Column("owner_uid", Text, primary_key=True),
    _text("kind"),
    _text("stamp"),
    Column("version", Integer, nullable=False),
    Column("photo_versions", Integer, nullable=False),
    Column("faces", Integer, nullable=False),
    Column("newest_face", Integer, nullable=False),
    _text("at"),
    Column("blob", LargeBinary, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    _text("at"),
    _text("actor"),
    _text("role"),
    _text("verb"),
    _text("target"),
    _text("purpose"),
    _text("detail"),
    _text("previous"),
    _text("hash"),
)
