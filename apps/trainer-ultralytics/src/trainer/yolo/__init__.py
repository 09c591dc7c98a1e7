"""Everything that touches Ultralytics; it runs in the training process."""
