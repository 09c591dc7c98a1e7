#!/usr/bin/env bash
# install-gpu-env.sh: make .tools/gpu hold what the trainer's image for CUDA has, and its tests.
set -euo pipefail
uv=.tools/bin/uv trainer=apps/trainer-ultralytics
unset UV_FIND_LINKS UV_TORCH_BACKEND

"$uv" venv --quiet --allow-existing --python "${PYTHON:-python3}" .tools/gpu
"$uv" pip sync --require-hashes --python .tools/gpu/bin/python $trainer/requirements-cuda.lock
# The same versions but for torch, which is the lock's for CPUs.
"$uv" pip install --require-hashes --no-deps --python .tools/gpu/bin/python \
  --requirements <(sed '/^torch==/,/[^\\]$/d' $trainer/requirements-dev.lock)
"$uv" pip install --quiet --no-deps --no-build-isolation --python .tools/gpu/bin/python --editable $trainer
