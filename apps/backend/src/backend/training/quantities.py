"""Amounts as Kubernetes writes them (`512Mi`, `1.5G`, `500m`)."""

import re
from decimal import Decimal

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|[kMGTP]|[KMGTP]i)?")
_FACTORS = {None: Decimal(1), "m": Decimal("0.001")}
_FACTORS |= {suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTP", start=1)}
_FACTORS |= {f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTP", start=1)}


def parse_quantity(text: str | float) -> Decimal:
    """The number that a quantity stands for: bytes for memory, cores for CPU.

    Raises:
        ValueError: it is no quantity; the text is for the user.
    """
    match = _QUANTITY.fullmatch(str(text))
    if match is None:
        raise ValueError(f"{text!r} is no quantity. Write it like 512Mi, 4Gi, 2 or 500m.")
    return Decimal(match[1]) * _FACTORS[match[2]]
