from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.dataset_status import DatasetStatus
from ..models.task import Task
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.report import Report
    from ..models.upload import Upload


T = TypeVar("T", bound="DatasetCreated")


@_attrs_define
class DatasetCreated:
    """
    Attributes:
        id (str):
        name (str):
        version (int):
        task (Task): What a model does with an image.
        status (DatasetStatus):
        size (int):
        sha256 (None | str):
        report (None | Report):
        created_by (None | str): The API token that announced it; null: none
        created_at (datetime.datetime):
        upload (None | Unset | Upload): null when an identical ready version exists: nothing to upload
    """

    id: str
    name: str
    version: int
    task: Task
    status: DatasetStatus
    size: int
    sha256: None | str
    report: None | Report
    created_by: None | str
    created_at: datetime.datetime
    upload: None | Unset | Upload = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.report import Report  # noqa: PLC0415
        from ..models.upload import Upload  # noqa: PLC0415

        id = self.id

        name = self.name

        version = self.version

        task = self.task.value

        status = self.status.value

        size = self.size

        sha256: None | str
        sha256 = self.sha256

        report: dict[str, Any] | None
        if isinstance(self.report, Report):
            report = self.report.to_dict()
        else:
            report = self.report

        created_by: None | str
        created_by = self.created_by

        created_at = self.created_at.isoformat()

        upload: dict[str, Any] | None | Unset
        if isinstance(self.upload, Unset):
            upload = UNSET
        elif isinstance(self.upload, Upload):
            upload = self.upload.to_dict()
        else:
            upload = self.upload

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "version": version,
                "task": task,
                "status": status,
                "size": size,
                "sha256": sha256,
                "report": report,
                "created_by": created_by,
                "created_at": created_at,
            }
        )
        if upload is not UNSET:
            field_dict["upload"] = upload

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.report import Report  # noqa: PLC0415
        from ..models.upload import Upload  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        name = d.pop("name")

        version = d.pop("version")

        task = Task(d.pop("task"))

        status = DatasetStatus(d.pop("status"))

        size = d.pop("size")

        def _parse_sha256(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        sha256 = _parse_sha256(d.pop("sha256"))

        def _parse_report(data: object) -> None | Report:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                report_type_0 = Report.from_dict(data)

                return report_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Report, data)

        report = _parse_report(d.pop("report"))

        def _parse_created_by(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        created_by = _parse_created_by(d.pop("created_by"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        def _parse_upload(data: object) -> None | Unset | Upload:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                upload_type_0 = Upload.from_dict(data)

                return upload_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | Upload, data)

        upload = _parse_upload(d.pop("upload", UNSET))

        dataset_created = cls(
            id=id,
            name=name,
            version=version,
            task=task,
            status=status,
            size=size,
            sha256=sha256,
            report=report,
            created_by=created_by,
            created_at=created_at,
            upload=upload,
        )

        dataset_created.additional_properties = d
        return dataset_created

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
