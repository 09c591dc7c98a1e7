"""The check of a dataset before any compute is spent on it.

Runs as a process of its own (`python -m trainyard_datasets`) under the limits of
`limits.py`, and imports nothing of the backend outside this folder.
"""
