"""Trains Ultralytics YOLO models behind Trainyard's training contract."""
