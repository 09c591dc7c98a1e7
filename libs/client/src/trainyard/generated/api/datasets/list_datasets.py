from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.dataset_list import DatasetList
from ...models.dataset_status import DatasetStatus
from ...models.problem_out import ProblemOut
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    id_prefix: None | str | Unset = UNSET,
    name: None | str | Unset = UNSET,
    limit: int | Unset = 50,
    cursor: str | Unset = "",
    total: bool | Unset = False,
    status: list[DatasetStatus] | Unset = UNSET,
    version: int | None | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    json_id_prefix: None | str | Unset
    if isinstance(id_prefix, Unset):
        json_id_prefix = UNSET
    else:
        json_id_prefix = id_prefix
    params["id_prefix"] = json_id_prefix

    json_name: None | str | Unset
    if isinstance(name, Unset):
        json_name = UNSET
    else:
        json_name = name
    params["name"] = json_name

    params["limit"] = limit

    params["cursor"] = cursor

    params["total"] = total

    json_status: list[str] | Unset = UNSET
    if not isinstance(status, Unset):
        json_status = []
        for status_item_data in status:
            status_item = status_item_data.value
            json_status.append(status_item)

    params["status"] = json_status

    json_version: int | None | Unset
    if isinstance(version, Unset):
        json_version = UNSET
    else:
        json_version = version
    params["version"] = json_version

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/datasets",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> DatasetList | ProblemOut | None:
    if response.status_code == 200:
        response_200 = DatasetList.from_dict(response.json())

        return response_200

    if response.status_code == 401:
        response_401 = ProblemOut.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ProblemOut.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = ProblemOut.from_dict(response.json())

        return response_404

    if response.status_code == 409:
        response_409 = ProblemOut.from_dict(response.json())

        return response_409

    if response.status_code == 413:
        response_413 = ProblemOut.from_dict(response.json())

        return response_413

    if response.status_code == 422:
        response_422 = ProblemOut.from_dict(response.json())

        return response_422

    if response.status_code == 429:
        response_429 = ProblemOut.from_dict(response.json())

        return response_429

    if response.status_code == 503:
        response_503 = ProblemOut.from_dict(response.json())

        return response_503

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[DatasetList | ProblemOut]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    id_prefix: None | str | Unset = UNSET,
    name: None | str | Unset = UNSET,
    limit: int | Unset = 50,
    cursor: str | Unset = "",
    total: bool | Unset = False,
    status: list[DatasetStatus] | Unset = UNSET,
    version: int | None | Unset = UNSET,
) -> Response[DatasetList | ProblemOut]:
    """List Datasets

     Newest first; `next_cursor` is null on the last page.

    Args:
        id_prefix (None | str | Unset): Only ids that begin with this
        name (None | str | Unset): Only this very name
        limit (int | Unset):  Default: 50.
        cursor (str | Unset): `next_cursor` Default: ''.
        total (bool | Unset): Tell `total`, too; counting many takes its time Default: False.
        status (list[DatasetStatus] | Unset): Any of these; default: all
        version (int | None | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DatasetList | ProblemOut]
    """

    kwargs = _get_kwargs(
        id_prefix=id_prefix,
        name=name,
        limit=limit,
        cursor=cursor,
        total=total,
        status=status,
        version=version,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    id_prefix: None | str | Unset = UNSET,
    name: None | str | Unset = UNSET,
    limit: int | Unset = 50,
    cursor: str | Unset = "",
    total: bool | Unset = False,
    status: list[DatasetStatus] | Unset = UNSET,
    version: int | None | Unset = UNSET,
) -> DatasetList | ProblemOut | None:
    """List Datasets

     Newest first; `next_cursor` is null on the last page.

    Args:
        id_prefix (None | str | Unset): Only ids that begin with this
        name (None | str | Unset): Only this very name
        limit (int | Unset):  Default: 50.
        cursor (str | Unset): `next_cursor` Default: ''.
        total (bool | Unset): Tell `total`, too; counting many takes its time Default: False.
        status (list[DatasetStatus] | Unset): Any of these; default: all
        version (int | None | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DatasetList | ProblemOut
    """

    return sync_detailed(
        client=client,
        id_prefix=id_prefix,
        name=name,
        limit=limit,
        cursor=cursor,
        total=total,
        status=status,
        version=version,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    id_prefix: None | str | Unset = UNSET,
    name: None | str | Unset = UNSET,
    limit: int | Unset = 50,
    cursor: str | Unset = "",
    total: bool | Unset = False,
    status: list[DatasetStatus] | Unset = UNSET,
    version: int | None | Unset = UNSET,
) -> Response[DatasetList | ProblemOut]:
    """List Datasets

     Newest first; `next_cursor` is null on the last page.

    Args:
        id_prefix (None | str | Unset): Only ids that begin with this
        name (None | str | Unset): Only this very name
        limit (int | Unset):  Default: 50.
        cursor (str | Unset): `next_cursor` Default: ''.
        total (bool | Unset): Tell `total`, too; counting many takes its time Default: False.
        status (list[DatasetStatus] | Unset): Any of these; default: all
        version (int | None | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DatasetList | ProblemOut]
    """

    kwargs = _get_kwargs(
        id_prefix=id_prefix,
        name=name,
        limit=limit,
        cursor=cursor,
        total=total,
        status=status,
        version=version,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    id_prefix: None | str | Unset = UNSET,
    name: None | str | Unset = UNSET,
    limit: int | Unset = 50,
    cursor: str | Unset = "",
    total: bool | Unset = False,
    status: list[DatasetStatus] | Unset = UNSET,
    version: int | None | Unset = UNSET,
) -> DatasetList | ProblemOut | None:
    """List Datasets

     Newest first; `next_cursor` is null on the last page.

    Args:
        id_prefix (None | str | Unset): Only ids that begin with this
        name (None | str | Unset): Only this very name
        limit (int | Unset):  Default: 50.
        cursor (str | Unset): `next_cursor` Default: ''.
        total (bool | Unset): Tell `total`, too; counting many takes its time Default: False.
        status (list[DatasetStatus] | Unset): Any of these; default: all
        version (int | None | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DatasetList | ProblemOut
    """

    return (
        await asyncio_detailed(
            client=client,
            id_prefix=id_prefix,
            name=name,
            limit=limit,
            cursor=cursor,
            total=total,
            status=status,
            version=version,
        )
    ).parsed
