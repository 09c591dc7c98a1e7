"""Log format: one line per record on stderr; trainers' logs go to stdout."""

import logging
import sys
import time

_LINE = "{asctime}.{msecs:03.0f}Z {levelname} {name}: {message}"


class OneLine(logging.Formatter):
    """A record, its traceback included, as one line: a log collector sees it whole."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", "\\n").replace("\r", "\\r")


def configure() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(_LINE, "%Y-%m-%dT%H:%M:%S", style="{"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in ("httpx", "botocore", "boto3", "urllib3", "alembic", "temporalio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
