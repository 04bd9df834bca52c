"""What Alembic runs to apply the migrations, on the connection that `agematch.store.migrate` gives it."""

from alembic import context

from agematch.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, render_as_batch=True, transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
