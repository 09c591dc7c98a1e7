from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.metrics_out_values import MetricsOutValues


T = TypeVar("T", bound="MetricsOut")


@_attrs_define
class MetricsOut:
    """The metrics of one epoch; null where the trainer sent no finite number.

    Attributes:
        epoch (int): Counted from 0
        attempt (int):
        values (MetricsOutValues):
        at (datetime.datetime):
    """

    epoch: int
    attempt: int
    values: MetricsOutValues
    at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        epoch = self.epoch

        attempt = self.attempt

        values = self.values.to_dict()

        at = self.at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "epoch": epoch,
                "attempt": attempt,
                "values": values,
                "at": at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.metrics_out_values import MetricsOutValues  # noqa: PLC0415

        d = dict(src_dict)
        epoch = d.pop("epoch")

        attempt = d.pop("attempt")

        values = MetricsOutValues.from_dict(d.pop("values"))

        at = datetime.datetime.fromisoformat(d.pop("at"))

        metrics_out = cls(
            epoch=epoch,
            attempt=attempt,
            values=values,
            at=at,
        )

        metrics_out.additional_properties = d
        return metrics_out

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
