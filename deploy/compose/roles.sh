#!/bin/sh
# compose.yaml: what the image of PostgreSQL runs once, on an empty volume. pgcourier_owner, whom the image has made, owns the tables
# and migrates; pgcourier serves. docs/deployment.md has the same by hand.
set -e
psql -v ON_ERROR_STOP=1 -v "password=$SERVICE_PASSWORD" --no-password -U "$POSTGRES_USER" -d "$POSTGRES_DB" <<'SQL'
CREATE ROLE pgcourier_service;
CREATE ROLE pgcourier_writer;
CREATE ROLE pgcourier_ops_reader;
CREATE ROLE pgcourier LOGIN PASSWORD :'password' IN ROLE pgcourier_service, pgcourier_ops_reader;
SQL
