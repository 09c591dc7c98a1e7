"""Print the backend's OpenAPI document; `npm run api` in apps/frontend runs this with the backend's Python."""

import json
import os
import sys
from pathlib import Path

import servers
from backend.app import create_app
from backend.settings import Settings

# The document depends on no setting, and nothing is connected to before the lifespan starts.
os.environ |= servers.backend_env("sqlite+aiosqlite://", Path(__file__).parents[1] / "apps")
json.dump(create_app(Settings()).openapi(), sys.stdout)
