#!/usr/bin/env bash
# Shows the library's main job on real servers, from a clone to two answered queries.
#
#   examples/quickstart.sh            installs missing Debian packages (by sudo unless root), builds
#                                     the library into .build/quickstart, starts a private Redis and
#                                     PostgreSQL in a temporary folder, runs the example, stops both
#   examples/quickstart.sh PREFIX     the same with a library that is installed in PREFIX
#
# The machine's own servers are not touched, and nothing stays but .build/ with a picture of the
# comparison.
set -euo pipefail

runs=15 # of each measurement; the comparison shows medians
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
servers=$root/tests/support/servers.sh
prefix=${1:-}
work=

# Settings of the caller's environment must not lead us to other servers.
unset "${!PG@}" "${!ENTITYCACHE_@}"

finish() {
    local status=$?
    trap '' HUP INT TERM
    [ -z "$work" ] || "$servers" remove "$work" || true
    exit "$status"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    echo "quickstart.sh: $*" >&2
    exit 1
}

# say WHAT TEXT...
say() {
    printf '  %-10s %s\n' "$1" "${*:2}"
}

# Runs a command silently; if it fails, shows the end of what it said.
quietly() {
    "$@" >"$work/command.log" 2>&1 </dev/null || {
        tail -n 30 "$work/command.log" >&2
        fail "failed: $*"
    }
}

# Names the folder for what stays. A clone that belongs to someone else is left as it is.
choose_folder() {
    build=$root/.build/quickstart
    mkdir -p "$build" 2>/dev/null && [ -w "$build" ] ||
        build=${XDG_CACHE_HOME:-$HOME/.cache}/libentitycache/quickstart
    mkdir -p "$build"
}

build_library() {
    prefix=$build/installed
    say build "in $build"
    quietly cmake -S "$root" -B "$build" -G Ninja -DENTC_PRESET=release -DENTC_WERROR=OFF \
        -DENTC_BUILD_TESTS=OFF -DENTC_BUILD_EXAMPLES=OFF -DCMAKE_INSTALL_PREFIX="$prefix"
    quietly cmake --build "$build"
    quietly cmake --install "$build"
}

# The example knows of the library what any program knows of it: its installed package.
build_examples() {
    local pc libraries
    pc=$(find "$prefix" -name entitycache.pc -print -quit)
    [ -n "$pc" ] || fail "$prefix: there is no entitycache.pc"
    export PKG_CONFIG_PATH=${pc%/*}
    libraries=$(pkg-config --variable=libdir entitycache)
    # shellcheck disable=SC2046
    quietly cc -O2 -o "$work/campaigns" "$root/examples/campaigns.c" \
        $(pkg-config --cflags --libs entitycache) -Wl,-rpath,"$libraries"
    # shellcheck disable=SC2046
    quietly cc -O2 -o "$work/naive" "$root/examples/naive.c" \
        $(pkg-config --cflags --libs hiredis libpq libcjson)
    # shellcheck disable=SC2046
    quietly cc -O2 -o "$work/waterfall" "$root/examples/waterfall.c" \
        $(pkg-config --cflags --libs libcjson)
    say library "$(pkg-config --modversion entitycache), installed in $prefix"
}

start_servers() {
    ENTITYCACHE_REDIS_URI=$("$servers" redis-start "$work")
    ENTITYCACHE_POSTGRES=$("$servers" postgres-start "$work")
    # On a busy machine Redis may be late; what is shown here should not depend on that.
    ENTITYCACHE_REDIS_TIMEOUT_US=5000000
    export ENTITYCACHE_REDIS_URI ENTITYCACHE_POSTGRES ENTITYCACHE_REDIS_TIMEOUT_US
    say servers "Redis $(redis-server --version | sed -E 's/.* v=([^ ]*).*/\1/')," \
        "PostgreSQL $(sql -c 'SHOW server_version' | sed 's/ .*//'), private, in $work"
}

sql() {
    psql -d "$ENTITYCACHE_POSTGRES" -qXAt -F ' ' -v ON_ERROR_STOP=1 "$@"
}

load_data() {
    local counts
    sql -f "$root/examples/data/campaigns.sql"
    # Chinook's file makes a database of its own, which is not wanted here.
    sed -E '/^(DROP DATABASE|CREATE DATABASE|\\c) /d' \
        "$root/examples/data/chinook/Chinook_PostgreSql_SerialPKs.sql" | sql -c 'BEGIN' -f - \
        -c 'COMMIT' -c 'ANALYZE'
    counts=$(sql -c "SELECT format('%s campaigns, %s events; Chinook: %s artists, %s albums, %s tracks',
        (SELECT count(*) FROM campaigns), (SELECT count(*) FROM events),
        (SELECT count(*) FROM artist), (SELECT count(*) FROM album), (SELECT count(*) FROM track))")
    say data "$counts"
}

# show QUERY COLD WARM
show() {
    printf '\n%s\n\ncold  %s\n\nwarm  %s\n' "$@"
}

# measure PROGRAM QUERY [OPTION...]: prints answers, each after `cold` or `warm`. One process gives
# them all, over the same connections, and Redis is emptied before each cold one.
measure() {
    local run kind answer to from
    coproc PROGRAM { exec "$1" --lines "$2" "${@:3}"; }
    to=${PROGRAM[1]} from=${PROGRAM[0]}
    for ((run = 0; run <= runs; run++)); do
        quietly redis-cli -s "$work/redis.sock" flushall
        for kind in ${kinds:-cold warm}; do
            echo >&"$to"
            read -r answer <&"$from" || fail "$1 ended"
            # The first round connects, and warms the servers up.
            [ "$run" = 0 ] || echo "$kind $answer"
        done
    done
    eval "exec $to>&-"
    wait
}

# median KIND NAME FILE: of a number in the answers; the request's own, not that of a part.
median() {
    sed -n "s/^$1 .*\"dataFetching\":{\([^{}]*\).*/\1/p" "$3" |
        sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p" | sort -n | sed -n "$(((runs + 1) / 2))p"
}

# compare QUERY
compare() {
    local kind name naive library
    measure "$work/naive" "$1" >"$work/naive.answers"
    measure "$work/campaigns" "$1" >"$work/library.answers"
    for kind in cold warm; do
        naive=() library=()
        for name in sqlQueries redisCommands microseconds; do
            naive+=("$(median $kind $name "$work/naive.answers")")
            library+=("$(median $kind $name "$work/library.answers")")
        done
        printf '%-16s %6d %6d %8d  %10d %6d %8d %9s\n' "$1, $kind" "${naive[@]}" "${library[@]}" \
            "$(awk -v a="${naive[2]}" -v b="${library[2]}" 'BEGIN { printf "%.1fx", a / b }')"
    done
}

# trace PROGRAM NAME KIND: a trace of the first query, of the run with the median time of five.
trace() {
    local number runs=5 kinds=cold
    [ "$3" = cold ] || kinds='cold warm'
    for number in 1 2 3 4 5; do
        measure "$work/$1" campaigns --trace "$work/$number.json" >"$work/traced.answers"
        sed -n 's/.*"dur":\([0-9]*\),"cat":"request".*/\1 '"$number"'/p' "$work/$number.json"
    done | sort -n | sed -n '3s/.* //p' >"$work/median"
    mv "$work/$(cat "$work/median").json" "$work/$2.json"
}

# draw QUERY KIND TITLE: both ways at the same scale.
draw() {
    trace naive naive "$2"
    trace campaigns library "$2"
    "$work/waterfall" "$3" "the naive way" "$work/naive.json" \
        libentitycache "$work/library.json" >"$work/$1-$2.svg"
    mv "$work/$1-$2.svg" "$build/"
    printf '%-8s %s\n' "$2" "$build/$1-$2.svg"
}

echo "libentitycache quickstart"
echo
"$root/tests/support/packages.sh" runtime
work=$(mktemp -d "${TMPDIR:-/tmp}/entc-quickstart-XXXXXX")
choose_folder
[ -n "$prefix" ] || build_library
build_examples
start_servers
load_data
"$work/campaigns" >"$work/answers" # four lines: each query, cold and warm
mapfile -t answers <"$work/answers"
first='{ campaigns(first: 5) { id title events(first: 2) { id title } } }'
show "$first" "${answers[@]:0:2}"
show '{ artists(first: 5) { name albums(first: 2) { title tracks(first: 3) { name composer } } } }' \
    "${answers[@]:2:2}"
printf '\nWhat the first query cost, warm, as a screen of text:\n\n'
"$work/campaigns" --lines campaigns --report "$work/report" <<<$'\n' >"$work/answers" # the second's
cat "$work/report"
printf '\nThe first query as pictures, the naive way and the library at the same time scale:\n\n'
draw campaigns cold "$first, nothing is cached yet"
draw campaigns warm "$first, all entities are cached"

cat <<END

The same queries on the same servers, medians of $runs. Redis: commands. Cold, the library's are one
MGET for each level, and a lease and a fill for each entity, pipelined; warm, the MGETs alone.

                       the naive way              libentitycache
                    SQL  Redis       us         SQL  Redis       us    faster
END
compare campaigns
compare artists
