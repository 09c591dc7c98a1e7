"""Datasets on this machine: download, safe extraction, cache."""
