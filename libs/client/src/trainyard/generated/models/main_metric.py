from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..models.main_metric_goal import MainMetricGoal
from ..types import UNSET, Unset

T = TypeVar("T", bound="MainMetric")


@_attrs_define
class MainMetric:
    """The metric that says how good a model is.

    Attributes:
        main (str):
        goal (MainMetricGoal | Unset):  Default: MainMetricGoal.MAX.
    """

    main: str
    goal: MainMetricGoal | Unset = MainMetricGoal.MAX

    def to_dict(self) -> dict[str, Any]:
        main = self.main

        goal: str | Unset = UNSET
        if not isinstance(self.goal, Unset):
            goal = self.goal.value

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "main": main,
            }
        )
        if goal is not UNSET:
            field_dict["goal"] = goal

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        main = d.pop("main")

        _goal = d.pop("goal", UNSET)
        goal: MainMetricGoal | Unset
        if isinstance(_goal, Unset):
            goal = UNSET
        else:
            goal = MainMetricGoal(_goal)

        main_metric = cls(
            main=main,
            goal=goal,
        )

        return main_metric
