from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.log_accepted import LogAccepted
from ...models.problem_out import ProblemOut
from ...types import UNSET, Response, Unset


def _get_kwargs(
    id: str,
    *,
    body: str | Unset = UNSET,
    offset: int,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    params: dict[str, Any] = {}

    params["offset"] = offset

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/v1/jobs/{id}/logs".format(
            id=quote(str(id), safe=""),
        ),
        "params": params,
    }

    if not isinstance(body, Unset):
        _kwargs["content"] = body.payload
    headers["Content-Type"] = "application/octet-stream"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> LogAccepted | ProblemOut | None:
    if response.status_code == 200:
        response_200 = LogAccepted.from_dict(response.json())

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
) -> Response[LogAccepted | ProblemOut]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    id: str,
    *,
    client: AuthenticatedClient,
    body: str | Unset = UNSET,
    offset: int,
) -> Response[LogAccepted | ProblemOut]:
    """Send output of the trainer

     What is stored already is skipped; a gap is refused with 409 and `next_offset`.

    Args:
        id (str):
        offset (int): Of the first byte sent
        body (str | Unset):  Default: ''.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[LogAccepted | ProblemOut]
    """

    kwargs = _get_kwargs(
        id=id,
        body=body,
        offset=offset,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    id: str,
    *,
    client: AuthenticatedClient,
    body: str | Unset = UNSET,
    offset: int,
) -> LogAccepted | ProblemOut | None:
    """Send output of the trainer

     What is stored already is skipped; a gap is refused with 409 and `next_offset`.

    Args:
        id (str):
        offset (int): Of the first byte sent
        body (str | Unset):  Default: ''.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        LogAccepted | ProblemOut
    """

    return sync_detailed(
        id=id,
        client=client,
        body=body,
        offset=offset,
    ).parsed


async def asyncio_detailed(
    id: str,
    *,
    client: AuthenticatedClient,
    body: str | Unset = UNSET,
    offset: int,
) -> Response[LogAccepted | ProblemOut]:
    """Send output of the trainer

     What is stored already is skipped; a gap is refused with 409 and `next_offset`.

    Args:
        id (str):
        offset (int): Of the first byte sent
        body (str | Unset):  Default: ''.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[LogAccepted | ProblemOut]
    """

    kwargs = _get_kwargs(
        id=id,
        body=body,
        offset=offset,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    id: str,
    *,
    client: AuthenticatedClient,
    body: str | Unset = UNSET,
    offset: int,
) -> LogAccepted | ProblemOut | None:
    """Send output of the trainer

     What is stored already is skipped; a gap is refused with 409 and `next_offset`.

    Args:
        id (str):
        offset (int): Of the first byte sent
        body (str | Unset):  Default: ''.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        LogAccepted | ProblemOut
    """

    return (
        await asyncio_detailed(
            id=id,
            client=client,
            body=body,
            offset=offset,
        )
    ).parsed
