"""Alembic's entry: runs in the connection and transaction that `state.migrate` hands over."""

from alembic import context

from backend.infra.database import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
context.run_migrations()
