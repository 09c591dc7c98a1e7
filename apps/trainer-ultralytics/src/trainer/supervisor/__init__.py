"""The supervisor of one attempt: starts the process that trains, and reports to the backend."""
