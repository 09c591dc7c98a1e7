"""The oldest schema that is brought to the newest; `state.migrate` makes the tables of a new database."""

revision = "0015"
down_revision = None
