"""Table of datasets: immutable versions of a zip in the store."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.infra.database import Base, new_id, utcnow


class DatasetStatus(StrEnum):
    UPLOADING = "uploading"
    CHECKING = "checking"
    READY = "ready"
    REJECTED = "rejected"


class Dataset(Base):
    """One version. Its archive is the object `object_keys.dataset(id)`.

    `index_sha256` is that of `object_keys.dataset_index(id)`: None until the dataset is ready.
    """

    __tablename__ = "datasets"
    __table_args__ = (
        UniqueConstraint("name", "version"),
        Index("ix_datasets_created", "created_at", "id"),
        Index("ix_datasets_name_created", "name", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(12), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(63))
    version: Mapped[int]
    task: Mapped[str] = mapped_column(String(16))
    status: Mapped[DatasetStatus] = mapped_column(String(16), default=DatasetStatus.UPLOADING)
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))
    index_sha256: Mapped[str | None] = mapped_column(String(64))
    upload_id: Mapped[str | None]
    workflow_started: Mapped[bool] = mapped_column(default=False)
    report: Mapped[dict[str, Any] | None]
    # The name of the API token that announced it.
    created_by: Mapped[str | None] = mapped_column(String(63))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)
