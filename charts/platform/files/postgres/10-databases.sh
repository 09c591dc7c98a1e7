#!/bin/sh
# Runs once, on an empty volume: a role for each application, owner of its databases and of nothing else.
set -eu

role() { # NAME PASSWORD DATABASE...
  psql -v ON_ERROR_STOP=1 -U postgres -d postgres -v role="$1" -v password="$2" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
SQL
  name=$1
  shift 2
  for database in "$@"; do
    psql -v ON_ERROR_STOP=1 -U postgres -d postgres -v role="$name" -v database="$database" <<'SQL'
CREATE DATABASE :"database" OWNER :"role";
REVOKE CONNECT ON DATABASE :"database" FROM PUBLIC;
SQL
  done
}

role backend "$BACKEND_PASSWORD" platform
role mlflow "$MLFLOW_PASSWORD" mlflow
role temporal "$TEMPORAL_PASSWORD" temporal temporal_visibility
