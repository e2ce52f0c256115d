# shellcheck shell=bash
# A private PostgreSQL: its data is kept between runs, it listens on a free port of 127.0.0.1, and every user needs a password.
# Functions for other scripts; `private_postgres_start DIRECTORY` sets postgres_bin, postgres_port and postgres_password.

postgres_user=quickstart

private_postgres_start() { # directory that may hold its data
  postgres_bin=$(newest_postgres)
  postgres_home=$(postgres_home_in "$1")
  [ -d "$postgres_home/data" ] || make_cluster
  # What a killed run left: nobody else uses this directory.
  ! postgres_control status >/dev/null 2>&1 || postgres_control -m fast stop >/dev/null
  postgres_password=$(cat "$postgres_home/password")
  postgres_port=$(free_port)
  postgres_control -w -l "$postgres_home/log" \
    -o "-p $postgres_port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c synchronous_commit=off" start >/dev/null || {
    tail -n 5 "$postgres_home/log" >&2
    return 1
  }
}

private_postgres_stop() {
  [ -z "${postgres_home:-}" ] || postgres_control -m fast stop >/dev/null 2>&1 || true
}

private_psql() { # database, arguments of psql
  PGPASSWORD=$postgres_password "$postgres_bin/psql" --no-psqlrc --quiet --pset pager=off --set ON_ERROR_STOP=1 \
    --host 127.0.0.1 --port "$postgres_port" --username "$postgres_user" --dbname "$@"
}

newest_postgres() {
  local initdb found
  found=$(for initdb in /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb /opt/homebrew/opt/postgresql@*/bin/initdb \
    /usr/local/opt/postgresql@*/bin/initdb; do [ ! -x "$initdb" ] || echo "$initdb"; done | sort -V | tail -n 1)
  dirname "${found:-$(command -v initdb)}"
}

# The directory that was asked for; where the server's user cannot reach it (a checkout below a private home
# directory), one below TMPDIR, which is remembered. One for each major version: their files differ.
postgres_home_in() { # directory
  local major home remembered
  major=$("$postgres_bin/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
  home=$1/postgres-$major
  remembered=$home.elsewhere
  mkdir -p "$home"
  if ! own_as_server "$home"; then
    home=$(cat "$remembered" 2>/dev/null || true)
    if [ -z "$home" ] || ! own_as_server "$home"; then
      home=$(mktemp -d "${TMPDIR:-/tmp}/backupdata-quickstart-XXXXXX")
      own_as_server "$home"
      echo "$home" >"$remembered"
    fi
  fi
  echo "$home"
}

own_as_server() { # directory; whether the server's user can work in it now
  [ -d "$1" ] || return 1
  [ "$(id -u)" != 0 ] || chown postgres: "$1" || return 1
  chmod 700 "$1"
  as_server test -w "$1/."
}

# Made under another name first, so that an interrupted one is not taken for a whole one.
make_cluster() {
  rm -rf "$postgres_home/data.new"
  (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$postgres_home/password")
  [ "$(id -u)" != 0 ] || chown postgres: "$postgres_home/password"
  (cd "$postgres_home" && as_server "$postgres_bin/initdb" --pgdata data.new --username "$postgres_user" --pwfile password \
    --auth scram-sha-256 --encoding UTF8 --locale C --no-sync >/dev/null)
  mv "$postgres_home/data.new" "$postgres_home/data"
}

postgres_control() { # arguments of pg_ctl
  (cd "$postgres_home" && as_server "$postgres_bin/pg_ctl" --pgdata "$postgres_home/data" --silent "$@")
}

# PostgreSQL refuses to run as root.
as_server() { # command
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid postgres --regid postgres --init-groups -- "$@"
  else
    "$@"
  fi
}

free_port() {
  node -e "const s = require('node:net').createServer().listen(0, '127.0.0.1', () => { console.log(s.address().port); s.close(); })"
}
