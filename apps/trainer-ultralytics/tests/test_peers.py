"""Whose connection over loopback it is."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support import stranger
from trainer.peers import is_ours


@stranger.needed
@pytest.mark.parametrize("listens", [True, False])  # who hangs up has no owner any more
@pytest.mark.parametrize("host", ["127.0.0.1", "::ffff:127.0.0.1"])
def test_connection_of_another_user_is_told(host: str, *, listens: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        listener.settimeout(10)
        port = listener.getsockname()[1]
        talking = pool.submit(stranger.talk, port, b"hello", host, listens=listens)
        with listener.accept()[0] as connection:
            if not listens:
                talking.result()
            assert not is_ours(connection)
        assert talking.result() == b""


@pytest.mark.parametrize("host", ["127.0.0.1", "::ffff:127.0.0.1"])
def test_own_connection_is_told_while_it_is_open(host: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection((host, listener.getsockname()[1])):
            connection, _ = listener.accept()
            assert is_ours(connection)
        assert not is_ours(connection)
        assert is_ours(connection, tmp_path)  # a system that tells nothing
        connection.close()


@pytest.mark.parametrize(
    ("uid", "inode", "ours"),
    [(os.getuid(), 1, True), (0, 1, True), (os.getuid() + 1, 1, False), (0, 0, False)],
)
def test_owner_is_the_one_that_the_table_names(
    tmp_path: Path, uid: int, inode: int, *, ours: bool
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
        listener.accept()[0] as connection,
    ):
        ends = (f"0100007F:{one.getsockname()[1]:04X}" for one in (client, connection))
        row = f"0: {' '.join(ends)} 01 0:0 0:0 0 {uid} 0 {inode}"
        (tmp_path / "tcp").write_text(f"the columns' names\n{row}\n")
        assert is_ours(connection, tmp_path) == ours
