"""The check and Ultralytics read the same dataset: verdict, splits, classes and counts agree."""
