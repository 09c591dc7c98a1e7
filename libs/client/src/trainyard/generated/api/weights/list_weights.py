from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem_out import ProblemOut
from ...models.weights_list import WeightsList
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    id_prefix: None | str | Unset = UNSET,
    name: None | str | Unset = UNSET,
    limit: int | Unset = 50,
    cursor: str | Unset = "",
    total: bool | Unset = False,
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

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/weights",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ProblemOut | WeightsList | None:
    if response.status_code == 200:
        response_200 = WeightsList.from_dict(response.json())

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
) -> Response[ProblemOut | WeightsList]:
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
) -> Response[ProblemOut | WeightsList]:
    """List Weights

     Newest first; `id_prefix` is of the sha256.

    Args:
        id_prefix (None | str | Unset): Only ids that begin with this
        name (None | str | Unset): Only this very name
        limit (int | Unset):  Default: 50.
        cursor (str | Unset): `next_cursor` Default: ''.
        total (bool | Unset): Tell `total`, too; counting many takes its time Default: False.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemOut | WeightsList]
    """

    kwargs = _get_kwargs(
        id_prefix=id_prefix,
        name=name,
        limit=limit,
        cursor=cursor,
        total=total,
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
) -> ProblemOut | WeightsList | None:
    """List Weights

     Newest first; `id_prefix` is of the sha256.

    Args:
        id_prefix (None | str | Unset): Only ids that begin with this
        name (None | str | Unset): Only this very name
        limit (int | Unset):  Default: 50.
        cursor (str | Unset): `next_cursor` Default: ''.
        total (bool | Unset): Tell `total`, too; counting many takes its time Default: False.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemOut | WeightsList
    """

    return sync_detailed(
        client=client,
        id_prefix=id_prefix,
        name=name,
        limit=limit,
        cursor=cursor,
        total=total,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    id_prefix: None | str | Unset = UNSET,
    name: None | str | Unset = UNSET,
    limit: int | Unset = 50,
    cursor: str | Unset = "",
    total: bool | Unset = False,
) -> Response[ProblemOut | WeightsList]:
    """List Weights

     Newest first; `id_prefix` is of the sha256.

    Args:
        id_prefix (None | str | Unset): Only ids that begin with this
        name (None | str | Unset): Only this very name
        limit (int | Unset):  Default: 50.
        cursor (str | Unset): `next_cursor` Default: ''.
        total (bool | Unset): Tell `total`, too; counting many takes its time Default: False.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemOut | WeightsList]
    """

    kwargs = _get_kwargs(
        id_prefix=id_prefix,
        name=name,
        limit=limit,
        cursor=cursor,
        total=total,
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
) -> ProblemOut | WeightsList | None:
    """List Weights

     Newest first; `id_prefix` is of the sha256.

    Args:
        id_prefix (None | str | Unset): Only ids that begin with this
        name (None | str | Unset): Only this very name
        limit (int | Unset):  Default: 50.
        cursor (str | Unset): `next_cursor` Default: ''.
        total (bool | Unset): Tell `total`, too; counting many takes its time Default: False.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemOut | WeightsList
    """

    return (
        await asyncio_detailed(
            client=client,
            id_prefix=id_prefix,
            name=name,
            limit=limit,
            cursor=cursor,
            total=total,
        )
    ).parsed
