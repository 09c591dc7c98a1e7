"""Shows the table of readings at the end."""

import pytest

TABLE = pytest.StashKey[list[str]]()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for line in config.stash.get(TABLE, []):
        terminalreporter.write_line(line)
