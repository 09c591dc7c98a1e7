"""Reads and checks a dataset for training, as a folder or as a zip archive.

`check.py` is the check; `process.py` runs it in a process of its own (`python -m trainyard_datasets`)
under the limits of `limits.py`.
"""
