# Sourced by the tests of this folder: `work`, a temporary folder that goes with the test, and
# use_package and start_servers. The servers are real and private.
# shellcheck shell=bash
set -euo pipefail
unset "${!PG@}" "${!ENTITYCACHE_@}"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
servers=$root/tests/support/servers.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/entc-examples-XXXXXX")
trap 'bash "$servers" remove "$work"' EXIT
trap 'exit 130' HUP INT TERM

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# use_package PREFIX: pkg-config knows the package that is installed there.
use_package() {
    local pc
    pc=$(find "$1" -name entitycache.pc -print -quit)
    [ -n "$pc" ] || fail "$1: there is no entitycache.pc"
    export PKG_CONFIG_PATH=${pc%/*}
}

# build SOURCE PROGRAM: as a host is built, and strictly.
build() {
    # shellcheck disable=SC2046
    cc -std=c99 -Wall -Wextra -Wpedantic -Werror -g -o "$2" "$1" \
        $(pkg-config --cflags --libs entitycache) \
        -Wl,-rpath,"$(pkg-config --variable=libdir entitycache)"
}

start_servers() {
    ENTITYCACHE_REDIS_URI=$(bash "$servers" redis-start "$work")
    ENTITYCACHE_POSTGRES=$(bash "$servers" postgres-start "$work")
    # Counts must not depend on how busy the machine is.
    ENTITYCACHE_REDIS_TIMEOUT_US=5000000
    export ENTITYCACHE_REDIS_URI ENTITYCACHE_POSTGRES ENTITYCACHE_REDIS_TIMEOUT_US
    psql -d "$ENTITYCACHE_POSTGRES" -qX -v ON_ERROR_STOP=1 -f "$root/examples/data/campaigns.sql"
    sed -E '/^(DROP DATABASE|CREATE DATABASE|\\c) /d' \
        "$root/examples/data/chinook/Chinook_PostgreSql_SerialPKs.sql" |
        psql -d "$ENTITYCACHE_POSTGRES" -qX -v ON_ERROR_STOP=1
}
