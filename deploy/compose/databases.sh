#!/bin/sh
# Run once by the postgres image, when its volume is new: a user and a database for each program that keeps something in it.
set -e
for name in weir keycloak; do
  case "$name" in
    weir) password=$WEIR_DATABASE_PASSWORD ;;
    *) password=$KEYCLOAK_DATABASE_PASSWORD ;;
  esac
  psql --no-psqlrc --set ON_ERROR_STOP=1 --set name="$name" --set password="$password" \
    --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
