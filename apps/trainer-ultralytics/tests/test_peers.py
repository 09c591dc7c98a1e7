"""Whose connection over loopback it is."""

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
