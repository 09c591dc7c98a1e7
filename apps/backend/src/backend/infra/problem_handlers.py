"""Every error of the API as problem details, validation errors in the user's words."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus
from itertools import islice
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from trainyard_datasets.problems import UnavailableError
from trainyard_manifest import did_you_mean

from backend.infra.problems import MAX_ERRORS, Problem, wrong_fields

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_SHOWN = 100


class FieldError(BaseModel):
    field: str = Field(description="Where in the request, e.g. `config.epochs`")
    message: str


class ProblemOut(BaseModel):
    """Problem details (RFC 9457); `detail` says what is wrong and what to do."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] = Field(
        default=[], description=f"Only with 422: wrong fields, at most {MAX_ERRORS}"
    )


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of routes that answer with these problems."""
    schema = {"schema": {"$ref": "#/components/schemas/ProblemOut"}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: schema}}
        for status in statuses
    }


def response(problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    body = {"type": "about:blank", "title": problem.title, "status": problem.status}
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers = {"WWW-Authenticate": "Bearer", **(headers or {})}
    return JSONResponse(
        body | {"detail": problem.detail} | problem.extra,
        problem.status,
        media_type=MEDIA_TYPE,
        headers=dict(headers) if headers else None,
    )


def install(app: FastAPI) -> None:
    """Make `app` answer with problem details whatever goes wrong."""
    app.exception_handlers |= HANDLERS | {Exception: _unexpected}
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        document = describe()
        schema = ProblemOut.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(schema.pop("$defs"), ProblemOut=schema)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


async def _problem(_request: Request, error: Problem) -> JSONResponse:
    return response(error)


async def _http(request: Request, error: HTTPException) -> JSONResponse:
    status = HTTPStatus(error.status_code)
    if status == HTTPStatus.BAD_REQUEST:  # FastAPI's word for bytes that are no text
        unreadable = "This is not JSON: it cannot be read as text."
        return response(wrong_fields("Invalid request", {"body": unreadable}))
    details = {
        HTTPStatus.NOT_FOUND: "There is no such address. /docs lists those that there are.",
        HTTPStatus.METHOD_NOT_ALLOWED: "This address does not know that method. See /docs.",
    }
    headers = error.headers
    if status == HTTPStatus.METHOD_NOT_ALLOWED and (allowed := _allowed(request)):
        headers = {"Allow": allowed}
    return response(Problem(status, status.phrase, details.get(status, error.detail)), headers)


def _allowed(request: Request) -> str:
    """The methods of an address, of all its routes: Starlette names those of the first one."""
    routes = iter_route_contexts(request.app.routes)
    fitting = [one.methods or () for one in routes if one.path_regex.match(request.url.path)]
    return ", ".join(sorted({method for methods in fitting for method in methods}))


async def _validation(request: Request, error: RequestValidationError) -> JSONResponse:
    return response(invalid(error.errors(), _fields_of_body(request)))


def invalid(details: Iterable[Mapping[str, Any]], known: Iterable[str]) -> Problem:
    """A 422 with what pydantic says of each wrong field, of a model with the fields `known`."""
    errors = [_worded(item, known) for item in islice(details, MAX_ERRORS)]
    detail = " ".join(f"{item['field']}: {item['message']}" for item in errors[:5])
    return Problem(422, "Invalid request", detail, errors=errors)


def _fields_of_body(request: Request) -> Iterable[str]:
    body = getattr(request.scope.get("route"), "body_field", None)
    model = getattr(getattr(body, "field_info", None), "annotation", None)
    return getattr(model, "model_fields", ())


def _worded(error: Mapping[str, Any], known: Iterable[str]) -> dict[str, str]:
    where = [str(part) for part in error["loc"] if part not in {"body", "query", "path", "header"}]
    field = ".".join(where)[:_SHOWN] or "body"
    message = str(error["msg"])
    match error["type"]:
        case "json_invalid":
            field, message = "body", f"This is not JSON: {error['ctx']['error']}."
        case "missing":
            message = "This is required."
        case "extra_forbidden":
            message = "There is no such field." + did_you_mean(where[-1], known)
        case "string_pattern_mismatch":
            message = f"This must match {error['ctx']['pattern']}."
        case "model_attributes_type" | "model_type" | "dict_type":
            sent = "" if where else ", sent as application/json"
            message = f"This must be a JSON object{sent}."
        case _:
            message = message.replace("Input should be", "This must be")
            message = message.replace("should", "must").rstrip(".") + "."
    return {"field": field, "message": message}


async def _store_unavailable(_request: Request, error: UnavailableError) -> JSONResponse:
    return response(Problem(503, "Object store unavailable", str(error)))


async def _unavailable(_request: Request, error: Exception) -> JSONResponse:
    logger.warning("the database failed: %r", error)
    detail = "The backend cannot use its database. Nothing was changed; try again. See /readyz."
    return response(Problem(503, "Database unavailable", detail), {"Retry-After": "2"})


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    # Starlette raises it again after this answer, and the server logs it with its traceback.
    at = f"{request.method} {request.url.path}"
    detail = f"The backend failed at {at}. Its log says why; please report it."
    return response(Problem(500, "Internal error", detail))


async def _gone(request: Request, error: ClientDisconnect) -> Response:
    # Nobody is there to read it; without an answer it would be logged as our failure.
    return Response(status_code=HTTPStatus.BAD_REQUEST)


# Each takes the request and an error of its key.
HANDLERS: dict[type[Exception], Callable[[Request, Any], Awaitable[Response]]] = {
    Problem: _problem,
    UnavailableError: _store_unavailable,
    HTTPException: _http,
    RequestValidationError: _validation,
    DBAPIError: _unavailable,
    PoolTimeoutError: _unavailable,
    OSError: _unavailable,
    ClientDisconnect: _gone,
}
