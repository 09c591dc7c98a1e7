from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.token_create_access import TokenCreateAccess
from ..types import UNSET, Unset

T = TypeVar("T", bound="TokenCreate")


@_attrs_define
class TokenCreate:
    """
    Attributes:
        name (str): Must be new: jobs and datasets show the name of the token that made them
        access (TokenCreateAccess | Unset): `read`: it changes nothing Default: TokenCreateAccess.WRITE.
        expires_in_s (int | None | Unset): Seconds; null: when it is revoked
    """

    name: str
    access: TokenCreateAccess | Unset = TokenCreateAccess.WRITE
    expires_in_s: int | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        access: str | Unset = UNSET
        if not isinstance(self.access, Unset):
            access = self.access.value

        expires_in_s: int | None | Unset
        if isinstance(self.expires_in_s, Unset):
            expires_in_s = UNSET
        else:
            expires_in_s = self.expires_in_s

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "name": name,
            }
        )
        if access is not UNSET:
            field_dict["access"] = access
        if expires_in_s is not UNSET:
            field_dict["expires_in_s"] = expires_in_s

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        _access = d.pop("access", UNSET)
        access: TokenCreateAccess | Unset
        if isinstance(_access, Unset):
            access = UNSET
        else:
            access = TokenCreateAccess(_access)

        def _parse_expires_in_s(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        expires_in_s = _parse_expires_in_s(d.pop("expires_in_s", UNSET))

        token_create = cls(
            name=name,
            access=access,
            expires_in_s=expires_in_s,
        )

        return token_create
