#!/usr/bin/env bash
# The benchmarks: starts private servers, loads the tables, and runs library and floor side by side.
#
#   tests/bench/run.sh [--rows N] [--json] [--only TEXT] [--threads]
#
# Client, Redis and the PostgreSQL backend are pinned to one core: the wall's time is then the sum of their CPU, and the
# spread a few percent (unpinned, such machines are bimodal). --threads runs unpinned instead, and only that.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
support=$top/tests/support
build=$top/.build/bench
rows=100000 pin="taskset -c 0"
arguments=("$@")
for ((i = 0; i < $#; i++)); do
    [ "${arguments[i]}" != --rows ] || rows=${arguments[i + 1]}
    [ "${arguments[i]}" != --threads ] || pin=
done

"$support/packages.sh" test >&2
cmake -S "$top" -B "$build" -G Ninja -DENTC_PRESET=release -DENTC_BUILD_EXAMPLES=OFF >/dev/null
ninja -C "$build" bench >/dev/null

servers=$(mktemp -d "${TMPDIR:-/tmp}/entc-bench.XXXXXX")
chmod 755 "$servers"
trap '"$support/servers.sh" remove "$servers/redis"; "$support/servers.sh" remove "$servers/postgres"; rm -rf "$servers"' EXIT
$pin "$support/servers.sh" redis-start "$servers/redis" >/dev/null
conninfo=$($pin "$support/servers.sh" postgres-start "$servers/postgres" shared_buffers=512MB)
psql -qX "$conninfo" -v ON_ERROR_STOP=1 -v rows="$rows" <<'SQL' >/dev/null
CREATE TABLE campaigns (id bigint PRIMARY KEY, title text NOT NULL);
CREATE TABLE events (id bigint PRIMARY KEY, campaign_id bigint NOT NULL, capacity bigint NOT NULL, title text NOT NULL,
                     venue text NOT NULL, starts_at timestamptz NOT NULL, price double precision NOT NULL,
                     is_public boolean NOT NULL);
INSERT INTO campaigns SELECT i, 'Campaign number ' || i || ' of the season' FROM generate_series(1, 10000) i;
INSERT INTO events SELECT i, (i - 1) % 10000 + 1, i % 977, 'Event number ' || i || ', an evening with music and talk',
                          'Venue ' || i % 500 || ', somewhere in the old town', timestamptz '2026-11-22 10:00:00Z' + i * interval '1 second',
                          (i % 9000) + 0.01 * (i % 9 + 11), i % 3 = 0
    FROM generate_series(1, :rows) i;
CREATE INDEX ON events (campaign_id, id);
VACUUM ANALYZE;
SQL
$pin "$build/tests/bench" --redis "$servers/redis/redis.sock" --postgres "$conninfo" "$@"
