from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.class_counts import ClassCounts
    from ..models.dataset_problem import DatasetProblem
    from ..models.image_counts import ImageCounts


T = TypeVar("T", bound="Report")


@_attrs_define
class Report:
    """What the check found. An error rejects the dataset; a warning does not.

    Attributes:
        images (ImageCounts | Unset):
        labels (int | Unset):  Default: 0.
        classes (list[ClassCounts] | Unset):
        problems (list[DatasetProblem] | Unset): Errors first, at most 100
        problems_total (int | Unset):  Default: 0.
    """

    images: ImageCounts | Unset = UNSET
    labels: int | Unset = 0
    classes: list[ClassCounts] | Unset = UNSET
    problems: list[DatasetProblem] | Unset = UNSET
    problems_total: int | Unset = 0
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        images: dict[str, Any] | Unset = UNSET
        if not isinstance(self.images, Unset):
            images = self.images.to_dict()

        labels = self.labels

        classes: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.classes, Unset):
            classes = []
            for classes_item_data in self.classes:
                classes_item = classes_item_data.to_dict()
                classes.append(classes_item)

        problems: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.problems, Unset):
            problems = []
            for problems_item_data in self.problems:
                problems_item = problems_item_data.to_dict()
                problems.append(problems_item)

        problems_total = self.problems_total

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if images is not UNSET:
            field_dict["images"] = images
        if labels is not UNSET:
            field_dict["labels"] = labels
        if classes is not UNSET:
            field_dict["classes"] = classes
        if problems is not UNSET:
            field_dict["problems"] = problems
        if problems_total is not UNSET:
            field_dict["problems_total"] = problems_total

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.class_counts import ClassCounts  # noqa: PLC0415
        from ..models.dataset_problem import DatasetProblem  # noqa: PLC0415
        from ..models.image_counts import ImageCounts  # noqa: PLC0415

        d = dict(src_dict)
        _images = d.pop("images", UNSET)
        images: ImageCounts | Unset
        if isinstance(_images, Unset):
            images = UNSET
        else:
            images = ImageCounts.from_dict(_images)

        labels = d.pop("labels", UNSET)

        _classes = d.pop("classes", UNSET)
        classes: list[ClassCounts] | Unset = UNSET
        if _classes is not UNSET:
            classes = []
            for classes_item_data in _classes:
                classes_item = ClassCounts.from_dict(classes_item_data)

                classes.append(classes_item)

        _problems = d.pop("problems", UNSET)
        problems: list[DatasetProblem] | Unset = UNSET
        if _problems is not UNSET:
            problems = []
            for problems_item_data in _problems:
                problems_item = DatasetProblem.from_dict(problems_item_data)

                problems.append(problems_item)

        problems_total = d.pop("problems_total", UNSET)

        report = cls(
            images=images,
            labels=labels,
            classes=classes,
            problems=problems,
            problems_total=problems_total,
        )

        report.additional_properties = d
        return report

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
