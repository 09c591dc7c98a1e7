"""Table of weights: files that trainings start from."""

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column, synonym

from backend.infra.database import Base, utcnow


class Weights(Base):
    """One file, the object `object_keys.weights(sha256)`; `task` and `model` where they are known."""

    __tablename__ = "weights"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    size: Mapped[int] = mapped_column(BigInteger)
    task: Mapped[str | None] = mapped_column(String(16))
    model: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    id: Mapped[str] = synonym("sha256")  # as lists have it
