"""A model is tried on one image, as the page does it: by a Kubernetes Job that has the image in its config."""

import base64
import io

import httpx
from PIL import Image
from support.api import Api

from smoke.training import CPU, submit

SIDE = 64


def test_a_model_is_tried_on_an_image_that_the_config_holds(api: Api, dataset_id: str) -> None:
    trained = submit(api, dataset_id)
    assert api.wait(trained, seconds=180)["status"] == "succeeded"
    picture = io.BytesIO()
    Image.effect_noise((SIDE, SIDE), 64).convert("RGB").save(picture, "JPEG")
    trial = api.submit(
        dataset_id,
        {"image": base64.b64encode(picture.getvalue()).decode(), "conf": 0.05},
        trainer="ultralytics-predict",
        weights=f"job:{trained}",
        resources={"cpu": CPU, "memory": "2Gi", "gpu": 0},
        max_duration_s=900,
    )
    ended = api.wait(trial, seconds=180)
    assert (ended["status"], ended["attempt"]) == ("succeeded", 1), ended["message"]
    found = httpx.get(api.artifacts(trial)["predictions.json"]["url"]).raise_for_status().json()
    assert (found["format"], found["width"], found["height"]) == (1, SIDE, SIDE)
    assert all(0.05 <= box["confidence"] <= 1 for box in found["boxes"])
    api.delete(f"/api/v1/jobs/{trial}").raise_for_status()
