"""`yard token` against a stand-in for the server; `test_dev.py` has the real one."""

import json
import secrets

import pytest
from conftest import Server, Yard, answer, job, page

CI = {
    "name": "ci", "access": "write", "created_by": "root", "created_at": "2026-11-24T17:00:00Z",
    "expires_at": None, "revoked_at": None, "last_used_at": None,
}  # fmt: skip


def test_the_secret_alone_goes_to_standard_output(server: Server, yard: Yard) -> None:
    server.on("POST /tokens", answer(201, CI | {"token": "yard_secret"}))
    done = yard("token", "create", "ci", "--read-only", "--expires", "90d")
    assert (done.returncode, done.stdout) == (0, "yard_secret\n"), done.stderr
    assert "token ci reads and writes, ends when revoked" in done.stderr
    sent = {"name": "ci", "access": "read", "expires_in_s": 90 * 86400}
    assert json.loads(server.requests[0].body) == sent
    assert json.loads(yard("token", "create", "ci", "--json").stdout)["token"] == "yard_secret"
    assert json.loads(server.requests[1].body) == {"name": "ci", "access": "write"}


@pytest.mark.parametrize("wrong", ["90", "d", "0d", "-1d", "1.5h", "1y", "99999999d"])
def test_a_time_that_is_none_is_told(server: Server, yard: Yard, wrong: str) -> None:
    done = yard("token", "create", "ci", f"--expires={wrong}")
    assert (done.returncode, server.requests) == (2, [])
    assert "write 30m, 12h or 90d" in done.stderr


def test_tokens_are_listed_and_revoked(server: Server, yard: Yard) -> None:
    gone = CI | {"name": "old", "expires_at": "2026-11-24T18:00:00Z"}
    left = CI | {"name": "left", "revoked_at": "2026-11-25T17:00:00Z", "created_by": None}
    server.on("GET /tokens", answer(200, page()), answer(200, page(CI, gone, left)))
    assert "no tokens yet" in yard("token", "list").stdout
    _, *rows = yard("token", "list").stdout.splitlines()
    assert [row.split()[:3] for row in rows] == [
        ["ci", "write", "root"], ["old", "write", "root"], ["left", "write", "—"],
    ]  # fmt: skip
    assert rows[0].endswith("when revoked")
    assert rows[1].endswith("expired")
    assert "revoked " in rows[2]
    server.on("DELETE /tokens/ci", answer(204))
    assert yard("token", "revoke", "ci").stdout == "revoked token ci\n"
    assert yard("token", "revoke", "../jobs/ab").returncode == 3
    assert [one.method for one in server.requests].count("DELETE") == 1


@pytest.mark.parametrize("command", ["create", "revoke"])
@pytest.mark.parametrize("around", ["{}", " {}\n", "{}…"])
def test_a_token_in_place_of_its_name_is_not_sent(
    server: Server, yard: Yard, command: str, around: str
) -> None:
    secret = "yard_" + secrets.token_urlsafe(32)
    done = yard("token", command, around.format(secret))
    assert (done.returncode, done.stdout, server.requests) == (2, "", [])
    assert "is a token itself" in done.stderr
    assert "`yard token list` shows the names" in " ".join(done.stderr.split())
    assert secret not in done.stderr


def test_a_name_that_only_begins_like_a_token_is_one(server: Server, yard: Yard) -> None:
    server.on("DELETE /tokens/yard_ci", answer(204))
    assert yard("token", "revoke", "yard_ci").stdout == "revoked token yard_ci\n"


def test_a_job_tells_whose_token_made_it(server: Server, yard: Yard) -> None:
    server.on("GET /jobs/0123456789ab", answer(200, job(created_by="ci")), answer(200, job()))
    assert " ago by ci\n" in yard("job", "show", "0123456789ab").stdout
    assert " ago by" not in yard("job", "show", "0123456789ab").stdout
