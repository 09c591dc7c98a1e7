"""What the check of a dataset found, as it is stored and shown."""

from typing import Literal, Self

from pydantic import BaseModel, Field


class DatasetProblem(BaseModel):
    severity: Literal["error", "warning"]
    file: str | None
    message: str


class ImageCounts(BaseModel):
    train: int = 0
    val: int = 0
    test: int = 0


class ClassCounts(BaseModel):
    """How many instances of a class each split has."""

    index: int
    name: str
    train: int
    val: int


class Report(BaseModel):
    """What the check found. An error rejects the dataset; a warning does not."""

    images: ImageCounts = ImageCounts()
    labels: int = 0
    classes: list[ClassCounts] = []
    problems: list[DatasetProblem] = Field(default=[], description="Errors first, at most 100")
    problems_total: int = 0

    @classmethod
    def of_error(cls, message: str) -> Self:
        """A report of nothing but this error."""
        problem = DatasetProblem(severity="error", file=None, message=message)
        return cls(problems=[problem], problems_total=1)
