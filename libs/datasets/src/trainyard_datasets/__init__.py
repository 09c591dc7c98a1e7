"""Reads and checks a dataset for training, as a folder or as a zip archive.

`check.py` is the check; `python -m trainyard_datasets` runs it as a process of its own under the
limits of `limits.py`.
"""
