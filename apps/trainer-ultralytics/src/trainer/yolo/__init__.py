"""What runs in the training child: everything that touches Ultralytics."""
