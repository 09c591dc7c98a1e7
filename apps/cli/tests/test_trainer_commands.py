"""`yard trainer show`."""

import re

from conftest import Server, Yard, answer, job


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


def test_a_job_shows_what_it_sets_otherwise_than_the_defaults(server: Server, yard: Yard) -> None:
    fields = {"epochs": {"default": 100}, "seed": {"default": 0}, "lr0": {"default": 0.01}}
    trainer = answer(200, {"config_schema": {"properties": fields}})
    server.on(
        "GET /jobs/0123456789ab", answer(200, job(config={"epochs": 5, "seed": 0, "lr0": 0.01}))
    )
    server.on("GET /trainers/ultralytics", trainer, answer(404, {"title": "gone", "status": 404}))
    shown, alone = [yard("job", "show", "0123456789ab").stdout for _ in range(2)]
    assert "epochs=5, 2 defaults\n" in shown
    assert "epochs=5, seed=0, lr0=0.01\n" in alone
