from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.model_version_tags import ModelVersionTags


T = TypeVar("T", bound="ModelVersion")


@_attrs_define
class ModelVersion:
    """As MLflow has it; `tags` tell its job, and who moved an alias to it, when and why.

    Attributes:
        name (str):
        version (int):
        source (str):
        created_at (datetime.datetime):
        aliases (list[str] | Unset):
        run_id (None | str | Unset):
        tags (ModelVersionTags | Unset):
    """

    name: str
    version: int
    source: str
    created_at: datetime.datetime
    aliases: list[str] | Unset = UNSET
    run_id: None | str | Unset = UNSET
    tags: ModelVersionTags | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        version = self.version

        source = self.source

        created_at = self.created_at.isoformat()

        aliases: list[str] | Unset = UNSET
        if not isinstance(self.aliases, Unset):
            aliases = self.aliases

        run_id: None | str | Unset
        if isinstance(self.run_id, Unset):
            run_id = UNSET
        else:
            run_id = self.run_id

        tags: dict[str, Any] | Unset = UNSET
        if not isinstance(self.tags, Unset):
            tags = self.tags.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "version": version,
                "source": source,
                "created_at": created_at,
            }
        )
        if aliases is not UNSET:
            field_dict["aliases"] = aliases
        if run_id is not UNSET:
            field_dict["run_id"] = run_id
        if tags is not UNSET:
            field_dict["tags"] = tags

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.model_version_tags import ModelVersionTags  # noqa: PLC0415

        d = dict(src_dict)
        name = d.pop("name")

        version = d.pop("version")

        source = d.pop("source")

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        aliases = cast(list[str], d.pop("aliases", UNSET))

        def _parse_run_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        run_id = _parse_run_id(d.pop("run_id", UNSET))

        _tags = d.pop("tags", UNSET)
        tags: ModelVersionTags | Unset
        if isinstance(_tags, Unset):
            tags = UNSET
        else:
            tags = ModelVersionTags.from_dict(_tags)

        model_version = cls(
            name=name,
            version=version,
            source=source,
            created_at=created_at,
            aliases=aliases,
            run_id=run_id,
            tags=tags,
        )

        model_version.additional_properties = d
        return model_version

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
