"""How the processes of an attempt print what they log."""

import logging
import sys


def configure_logging() -> None:
    """Print what this package has to say, and warnings of libraries, as plain lines."""
    logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.WARNING, force=True)
    logging.getLogger("trainer").setLevel(logging.INFO)
