"""The oldest schema that is brought to the newest; `state.migrate` makes the tables of a new database."""

revision = "0009"
down_revision = None
