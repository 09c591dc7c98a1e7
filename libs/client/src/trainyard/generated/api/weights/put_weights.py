from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem_out import ProblemOut
from ...models.weights_out import WeightsOut
from ...models.weights_put import WeightsPut
from ...models.weights_upload import WeightsUpload
from ...types import Response


def _get_kwargs(
    sha256: str,
    *,
    body: WeightsPut,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "put",
        "url": "/api/v1/weights/{sha256}".format(
            sha256=quote(str(sha256), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ProblemOut | WeightsOut | WeightsUpload | None:
    if response.status_code == 200:

        def _parse_response_200(data: object) -> WeightsOut | WeightsUpload:
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                response_200_type_0 = WeightsOut.from_dict(data)

                return response_200_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            if not isinstance(data, dict):
                raise TypeError()
            response_200_type_1 = WeightsUpload.from_dict(data)

            return response_200_type_1

        response_200 = _parse_response_200(response.json())

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
) -> Response[ProblemOut | WeightsOut | WeightsUpload]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    sha256: str,
    *,
    client: AuthenticatedClient | Client,
    body: WeightsPut,
) -> Response[ProblemOut | WeightsOut | WeightsUpload]:
    """Put Weights

     Keep the file with this sha256: once to get the upload's link, and again when it is there.

    422 if it is not safe to load, or for another task or model; 409 if it is kept by another name.

    Args:
        sha256 (str):
        body (WeightsPut):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemOut | WeightsOut | WeightsUpload]
    """

    kwargs = _get_kwargs(
        sha256=sha256,
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    sha256: str,
    *,
    client: AuthenticatedClient | Client,
    body: WeightsPut,
) -> ProblemOut | WeightsOut | WeightsUpload | None:
    """Put Weights

     Keep the file with this sha256: once to get the upload's link, and again when it is there.

    422 if it is not safe to load, or for another task or model; 409 if it is kept by another name.

    Args:
        sha256 (str):
        body (WeightsPut):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemOut | WeightsOut | WeightsUpload
    """

    return sync_detailed(
        sha256=sha256,
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    sha256: str,
    *,
    client: AuthenticatedClient | Client,
    body: WeightsPut,
) -> Response[ProblemOut | WeightsOut | WeightsUpload]:
    """Put Weights

     Keep the file with this sha256: once to get the upload's link, and again when it is there.

    422 if it is not safe to load, or for another task or model; 409 if it is kept by another name.

    Args:
        sha256 (str):
        body (WeightsPut):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemOut | WeightsOut | WeightsUpload]
    """

    kwargs = _get_kwargs(
        sha256=sha256,
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    sha256: str,
    *,
    client: AuthenticatedClient | Client,
    body: WeightsPut,
) -> ProblemOut | WeightsOut | WeightsUpload | None:
    """Put Weights

     Keep the file with this sha256: once to get the upload's link, and again when it is there.

    422 if it is not safe to load, or for another task or model; 409 if it is kept by another name.

    Args:
        sha256 (str):
        body (WeightsPut):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemOut | WeightsOut | WeightsUpload
    """

    return (
        await asyncio_detailed(
            sha256=sha256,
            client=client,
            body=body,
        )
    ).parsed
