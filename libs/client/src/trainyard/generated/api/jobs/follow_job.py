from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem_out import ProblemOut
from ...types import UNSET, Response, Unset


def _get_kwargs(
    id: str,
    *,
    log_offset: int | Unset = 0,
    last_event_id: str | Unset = "",
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(last_event_id, Unset):
        headers["last-event-id"] = last_event_id

    params: dict[str, Any] = {}

    params["log_offset"] = log_offset

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/jobs/{id}/events".format(
            id=quote(str(id), safe=""),
        ),
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Any | ProblemOut | None:
    if response.status_code == 200:
        response_200 = cast(Any, None)
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
) -> Response[Any | ProblemOut]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    log_offset: int | Unset = 0,
    last_event_id: str | Unset = "",
) -> Response[Any | ProblemOut]:
    """Follow a job live

     Server-sent events.

    `state`: the job; `metrics`: of one epoch; `log`: `{offset, next_offset, text}`; `end`: the job
    is finished and everything was sent. The `id` of each resumes by `Last-Event-ID`.

    Args:
        id (str):
        log_offset (int | Unset): Where the log begins Default: 0.
        last_event_id (str | Unset): Goes on after that event Default: ''.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | ProblemOut]
    """

    kwargs = _get_kwargs(
        id=id,
        log_offset=log_offset,
        last_event_id=last_event_id,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    log_offset: int | Unset = 0,
    last_event_id: str | Unset = "",
) -> Any | ProblemOut | None:
    """Follow a job live

     Server-sent events.

    `state`: the job; `metrics`: of one epoch; `log`: `{offset, next_offset, text}`; `end`: the job
    is finished and everything was sent. The `id` of each resumes by `Last-Event-ID`.

    Args:
        id (str):
        log_offset (int | Unset): Where the log begins Default: 0.
        last_event_id (str | Unset): Goes on after that event Default: ''.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | ProblemOut
    """

    return sync_detailed(
        id=id,
        client=client,
        log_offset=log_offset,
        last_event_id=last_event_id,
    ).parsed


async def asyncio_detailed(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    log_offset: int | Unset = 0,
    last_event_id: str | Unset = "",
) -> Response[Any | ProblemOut]:
    """Follow a job live

     Server-sent events.

    `state`: the job; `metrics`: of one epoch; `log`: `{offset, next_offset, text}`; `end`: the job
    is finished and everything was sent. The `id` of each resumes by `Last-Event-ID`.

    Args:
        id (str):
        log_offset (int | Unset): Where the log begins Default: 0.
        last_event_id (str | Unset): Goes on after that event Default: ''.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | ProblemOut]
    """

    kwargs = _get_kwargs(
        id=id,
        log_offset=log_offset,
        last_event_id=last_event_id,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    log_offset: int | Unset = 0,
    last_event_id: str | Unset = "",
) -> Any | ProblemOut | None:
    """Follow a job live

     Server-sent events.

    `state`: the job; `metrics`: of one epoch; `log`: `{offset, next_offset, text}`; `end`: the job
    is finished and everything was sent. The `id` of each resumes by `Last-Event-ID`.

    Args:
        id (str):
        log_offset (int | Unset): Where the log begins Default: 0.
        last_event_id (str | Unset): Goes on after that event Default: ''.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | ProblemOut
    """

    return (
        await asyncio_detailed(
            id=id,
            client=client,
            log_offset=log_offset,
            last_event_id=last_event_id,
        )
    ).parsed
