from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.task import Task
from ..types import UNSET, Unset

T = TypeVar("T", bound="DatasetCreate")


@_attrs_define
class DatasetCreate:
    """
    Attributes:
        name (str): Lower-case letters, digits and . _ - (at most 63); each push is a new version
        task (Task): What a model does with an image.
        size (int): Bytes of the zip archive
        sha256 (None | str | Unset): Of the archive; with it, an identical ready version is found again
    """

    name: str
    task: Task
    size: int
    sha256: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        task = self.task.value

        size = self.size

        sha256: None | str | Unset
        if isinstance(self.sha256, Unset):
            sha256 = UNSET
        else:
            sha256 = self.sha256

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "name": name,
                "task": task,
                "size": size,
            }
        )
        if sha256 is not UNSET:
            field_dict["sha256"] = sha256

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        task = Task(d.pop("task"))

        size = d.pop("size")

        def _parse_sha256(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        sha256 = _parse_sha256(d.pop("sha256", UNSET))

        dataset_create = cls(
            name=name,
            task=task,
            size=size,
            sha256=sha256,
        )

        return dataset_create
