"""A model that the platform keeps, fetched by its API: where an alias leads may change."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

_NAME = "best.pt"
_JOB_TAG = "trainyard.job_id"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIMEOUT = httpx.Timeout(60, connect=5)


class UnavailableError(Exception):
    """The model cannot be fetched now; the text says why."""


@dataclass(frozen=True)
class PlatformModel:
    """`reference` is `model:NAME@ALIAS`, `model:NAME/VERSION` or `job:ID`.

    `token_file` holds an API token, None where the API asks for none; it is read anew each time.
    `store` is the object store's address as seen from here where that is another than in the
    links of the API, which are signed for their own host. Files are kept in `folder`.
    """

    reference: str
    backend: str
    folder: Path
    token_file: Path | None = None
    store: str | None = None

    def newest(self) -> Path:
        """The file that the reference means now, downloaded and verified unless it is here.

        Raises:
            UnavailableError: the platform, its store or the model does not answer.
        """
        try:
            with httpx.Client(timeout=_TIMEOUT) as client:
                job = self._job(client)
                found = self._get(client, f"jobs/{job}/artifacts")["items"]
                files = [one for one in found if one["name"] == _NAME]
                if not files or not _SHA256.fullmatch(str(files[0]["sha256"])):
                    raise UnavailableError(f"job {job} has no {_NAME}")
                path = self.folder / f"{files[0]['sha256']}.pt"
                if not path.is_file():
                    self._download(client, files[0]["url"], path)
                return path
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise UnavailableError(f"{self.backend}: {error or type(error).__name__}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise UnavailableError(f"{self.backend} does not answer like Trainyard") from error

    def _job(self, client: httpx.Client) -> str:
        kind, _, wanted = self.reference.partition(":")
        if kind == "job":
            return wanted
        name, at, which = wanted.partition("@")
        if not at:
            name, _, which = wanted.partition("/")
        for one in self._versions(client, name):
            if which in (one["aliases"] if at else [str(one["version"])]):
                return str(one["tags"][_JOB_TAG])
        raise UnavailableError(f"there is no {self.reference}")

    def _versions(self, client: httpx.Client, name: str) -> Iterator[dict[str, Any]]:
        cursor = ""
        while True:
            page = self._get(client, "models", name=name, cursor=cursor)
            yield from page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                return

    def _get(self, client: httpx.Client, path: str, **params: str) -> Any:
        token = self.token_file.read_text().strip() if self.token_file else ""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"{self.backend.rstrip('/')}/api/v1/{path}"
        return client.get(url, params=params, headers=headers).raise_for_status().json()

    def _download(self, client: httpx.Client, link: str, path: Path) -> None:
        url, headers = httpx.URL(link), dict[str, str]()
        if self.store:
            here = httpx.URL(self.store)
            headers = {"Host": url.netloc.decode()}
            url = url.copy_with(scheme=here.scheme, host=here.host, port=here.port)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        incoming, digest = path.with_suffix(".part"), hashlib.sha256()
        with client.stream("GET", url, headers=headers) as reply, incoming.open("wb") as file:
            reply.raise_for_status()
            for part in reply.iter_bytes():
                digest.update(part)
                file.write(part)
        if digest.hexdigest() != path.stem:
            incoming.unlink()
            raise UnavailableError(f"what the store has of {self.reference} is damaged")
        incoming.replace(path)
