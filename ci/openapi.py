"""Prints the backend's OpenAPI document; run by the backend's Python (`npm run api` in apps/frontend)."""

import json
import sys
from pathlib import Path

from backend.app import create_app
from backend.settings import Settings

# The document depends on no setting, and nothing is connected to before the lifespan starts.
settings = Settings.model_validate(
    {
        "database_url": "sqlite+aiosqlite://",
        "backend_url": "http://backend",
        "minio_endpoint": "http://minio",
        "aws_access_key_id": "none",
        "aws_secret_access_key": "none",
        "trainers_dir": Path(__file__).parents[1] / "apps",
        "launcher_socket": "launcher.sock",
    }
)
json.dump(create_app(settings).openapi(), sys.stdout)
