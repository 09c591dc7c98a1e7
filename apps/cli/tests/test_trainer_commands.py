"""`yard trainer show`."""

import re

from conftest import Server, Yard, answer


def test_settings_are_shown_by_group_and_the_seldom_changed_on_demand(
    server: Server, yard: Yard
) -> None:
    fields: dict[str, dict[str, object]] = {
        "model": {"group": "Model", "default": "n", "description": "Its size."},
        "epochs": {"group": "Training", "default": 9, "description": "Passes."},
        "nbs": {"group": "Training", "default": 64, "description": "Nominal.", "advanced": True},
    }
    accepts = dict.fromkeys(fields, "a whole number from 1 to 4096 or -1 or a number above 0")
    trainer: dict[str, object] = {
        "name": "t",
        "version": "1",
        "tasks": ["detect"],
        "description": "d",
    }
    trainer |= {"config_schema": {"properties": fields}, "accepts": accepts}
    server.on("GET /trainers/t", answer(200, trainer))
    few, all_ = (
        yard("trainer", "show", "t").stdout,
        yard("trainer", "show", "t", "--advanced").stdout,
    )
    assert re.search(r"\n\nModel *\nmodel .*\n\nTraining *\nepochs +9 +a whole .* or -1 …", few)
    assert "nbs" not in few
    assert "1 more are seldom changed" in few
    assert "\nnbs" in all_
    assert "seldom" not in all_
