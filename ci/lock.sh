#!/usr/bin/env bash
# Resolve every lock file anew from its requirements.in or pyproject.toml.
set -euo pipefail

compile() {
  .tools/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes --upgrade \
    --no-emit-index-url --no-emit-find-links --no-header --no-annotate "$@"
}

for app in backend trainer-ultralytics cli; do
  dir=apps/$app
  options=() embedded=() libraries=(libs/datasets/pyproject.toml libs/manifest/pyproject.toml)
  [ $app = cli ] && embedded=(--extra embedded)
  [ $app = trainer-ultralytics ] && options=(--override "$dir/overrides.txt") libraries=()
  compile "${options[@]}" "${embedded[@]}" $dir/pyproject.toml "${libraries[@]}" -o $dir/requirements.lock
  compile "${options[@]}" --extra dev $dir/pyproject.toml "${libraries[@]}" -o $dir/requirements-dev.lock
done
compile --extra dev libs/datasets/pyproject.toml -o libs/datasets/requirements-dev.lock
for dir in ci ci/mlflow demo tests; do
  compile $dir/requirements.in -o $dir/requirements.lock
done

# The trainer's image: uv itself, and the same versions with the torch that carries CUDA.
trainer=apps/trainer-ultralytics
cp ci/requirements.lock $trainer/requirements-build.lock
unset UV_FIND_LINKS UV_TORCH_BACKEND
compile --override $trainer/overrides.txt $trainer/pyproject.toml -o $trainer/requirements-cuda.lock \
  --constraint <(sed -nE '/^torch==/d; s/^([a-z0-9._-]+==[^ ]+) .*/\1/p' $trainer/requirements.lock)
