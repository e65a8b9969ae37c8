#!/usr/bin/env bash
# Private Redis and PostgreSQL servers, each in a folder of its own, on unix sockets only.
#
#   servers.sh redis-start DIR [ARGUMENT...]      prints a URI; arguments are redis-server's
#   servers.sh redis-stop DIR
#   servers.sh postgres-start DIR [NAME=VALUE...] prints libpq's connection text; settings are
#                                                 postgresql.conf's; an existing cluster is started
#   servers.sh postgres-stop DIR [fast|immediate|kill]
#   servers.sh remove DIR                         stops what runs in DIR and removes it
#   servers.sh guard DIR                          returns at once; does `remove DIR` when its
#                                                 standard input ends
#   servers.sh fixture-start STATE                a PostgreSQL for one run of ctest;
#                                                 STATE/postgres.conninfo tells where
#   servers.sh fixture-stop STATE
#
# DIR may not exist yet. PostgreSQL refuses to run as root, so for root it runs as user `postgres` (or
# `nobody`), who gets DIR and must be able to reach it.
set -euo pipefail
unset "${!PG@}"

fail() {
    echo "servers.sh: $*" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null || fail "there is no $1: run tests/support/packages.sh runtime"
}

# Makes DIR, and refuses names that would need quoting in configuration files and connection texts,
# and those that leave no room for a socket's name (108 bytes with the NUL).
prepare() {
    local dir=$1
    case "$dir" in
    /*) ;;
    *) fail "$dir: give an absolute path" ;;
    esac
    [[ "$dir" =~ ^[A-Za-z0-9_./+-]+$ ]] || fail "$dir: only letters, digits and _./+- are allowed"
    [ "$((${#dir} + 16))" -lt 108 ] || fail "$dir: too long for a unix socket; set TMPDIR"
    mkdir -p "$dir"
}

# wait_until SECONDS COMMAND...: polls every 20 ms.
wait_until() {
    local tries=$(($1 * 50))
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.02
    done
}

# A zombie counts as gone: not every container has an init that collects orphans.
is_gone() {
    local state
    state=$(sed -n 's/.*) \(.\) .*/\1/p' "/proc/$1/stat" 2>/dev/null || true)
    [ -z "$state" ] || [ "$state" = Z ]
}

# ---- Redis ----

redis_answers_or_died() {
    is_gone "$2" || [[ "$(redis-cli -s "$1/redis.sock" ping 2>&1)" =~ ^(PONG|NOAUTH) ]]
}

redis_start() {
    local dir=$1 pid
    shift
    need redis-server
    need redis-cli
    prepare "$dir"
    redis-server --port 0 --unixsocket "$dir/redis.sock" --unixsocketperm 700 --dir "$dir" \
        --save '' --appendonly no --daemonize no "$@" </dev/null >"$dir/redis.log" 2>&1 &
    pid=$!
    disown "$pid"
    echo "$pid" >"$dir/redis.pid"
    if ! wait_until 10 redis_answers_or_died "$dir" "$pid" || is_gone "$pid"; then
        tail -n 5 "$dir/redis.log" >&2
        kill "$pid" 2>/dev/null || true
        fail "Redis did not start in $dir"
    fi
    echo "unix://$dir/redis.sock"
}

redis_stop() {
    local dir=$1 pid
    [ -s "$dir/redis.pid" ] || return 0
    pid=$(cat "$dir/redis.pid")
    # Redis works in its folder; another process that has got its number does not.
    if [ "/proc/$pid/cwd" -ef "$dir" ]; then
        kill -CONT "$pid" 2>/dev/null || true
        kill -TERM "$pid" 2>/dev/null || true
        wait_until 10 is_gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
    fi
    rm -f "$dir/redis.pid" "$dir/redis.sock"
}

# ---- PostgreSQL ----

# Prints where a program of the PostgreSQL server is. Debian keeps them out of PATH.
postgres_program() {
    local candidate
    for candidate in "$(command -v "$1" || true)" \
        "$(pg_config --bindir 2>/dev/null || true)/$1" /usr/lib/postgresql/*/bin/"$1"; do
        if [ -x "$candidate" ]; then
            echo "$candidate"
            return 0
        fi
    done
    fail "there is no $1: run tests/support/packages.sh runtime"
}

postgres_user() {
    if [ "$(id -u)" != 0 ]; then
        id -un
    elif id postgres >/dev/null 2>&1; then
        echo postgres
    else
        echo nobody
    fi
}

# Runs a command as the server's user, from a folder that it may read.
as_postgres() {
    local user
    user=$(postgres_user)
    if [ "$(id -u)" = 0 ]; then
        (cd / && setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups -- "$@")
    else
        (cd / && "$@")
    fi
}

postgres_start() {
    local dir=$1 initdb pg_ctl setting user
    shift
    initdb=$(postgres_program initdb)
    pg_ctl=$(postgres_program pg_ctl)
    prepare "$dir"
    user=$(postgres_user)
    if [ "$(id -u)" = 0 ]; then
        chown "$user" "$dir"
        as_postgres test -w "$dir" || fail "$dir: user $user cannot reach it; chmod a+x its parents"
    fi
    chmod 700 "$dir"
    if [ ! -s "$dir/data/PG_VERSION" ]; then
        if ! as_postgres "$initdb" -D "$dir/data" -A trust -U postgres --no-sync -E UTF8 \
            --locale=C.UTF-8 </dev/null >"$dir/initdb.log" 2>&1; then
            tail -n 5 "$dir/initdb.log" >&2
            fail "initdb failed in $dir"
        fi
        # Nothing here outlives its test, so nothing needs to survive a crash of the machine.
        {
            echo "listen_addresses = ''"
            echo "unix_socket_directories = '$dir'"
            echo "port = 5432"
            echo "fsync = off"
            echo "full_page_writes = off"
            echo "shared_buffers = 64MB"
            for setting in "$@"; do
                echo "${setting%%=*} = '${setting#*=}'"
            done
        } >>"$dir/data/postgresql.conf"
    fi
    forget_killed "$dir"
    if ! as_postgres "$pg_ctl" -D "$dir/data" -l "$dir/postgres.log" -s -w -t 60 start \
        </dev/null >/dev/null 2>&1; then
        tail -n 5 "$dir/postgres.log" >&2
        fail "PostgreSQL did not start in $dir"
    fi
    echo "host=$dir port=5432 user=postgres dbname=postgres"
}

postgres_stop() {
    local dir=$1 mode=${2:-fast} pg_ctl pid
    [ -s "$dir/data/postmaster.pid" ] || return 0
    pid=$(head -n 1 "$dir/data/postmaster.pid")
    # The file of a server that was killed stays.
    ! is_gone "$pid" || return 0
    if [ "$mode" = kill ]; then
        # Its other processes notice and end by themselves, but hold their memory until then.
        kill -KILL "$pid" 2>/dev/null || true
        wait_until 10 is_gone "$pid" || fail "PostgreSQL in $dir outlives SIGKILL"
        wait_until 10 is_unused "$dir/data" || fail "PostgreSQL's processes in $dir do not end"
        return 0
    fi
    pg_ctl=$(postgres_program pg_ctl)
    as_postgres "$pg_ctl" -D "$dir/data" -m "$mode" -s -w -t 60 stop </dev/null >/dev/null
}

# Removes the lock files of a server that was killed. PostgreSQL would do that itself, but where no init
# collects orphans it finds a zombie of that number and takes it for alive.
forget_killed() {
    local dir=$1
    [ -s "$dir/data/postmaster.pid" ] || return 0
    is_gone "$(head -n 1 "$dir/data/postmaster.pid")" && is_unused "$dir/data" || return 0
    rm -f "$dir/data/postmaster.pid" "$dir/.s.PGSQL.5432" "$dir/.s.PGSQL.5432.lock"
}

# No process works in the data folder, as all processes of a server do. Asked as the server's user:
# even root may not look into others' processes in every container.
is_unused() {
    # shellcheck disable=SC2016
    as_postgres bash -c 'for cwd in /proc/[0-9]*/cwd; do [ ! "$cwd" -ef "$1" ] || exit 1; done' - "$1"
}

# ---- both ----

remove() {
    local dir=$1
    [ -d "$dir" ] || return 0
    redis_stop "$dir"
    postgres_stop "$dir" immediate || true
    rm -rf "$dir"
}

guard() {
    local dir=$1
    # The guard is an orphan that holds nothing but the end of a pipe, so that whoever kills the test and all
    # its children does not kill it too.
    exec 3<&0 </dev/null >/dev/null 2>&1
    (
        trap '' HUP INT TERM
        read -r _ <&3 || true
        remove "$dir"
    ) &
}

fixture_start() {
    local state=$1 dir
    # A run that was interrupted could not stop its server.
    fixture_stop "$state"
    need redis-server
    mkdir -p "$state"
    dir=$(mktemp -d "${TMPDIR:-/tmp}/entc-XXXXXX")
    echo "$dir" >"$state/postgres.directory"
    # Tests count statements in the log; see test_postgres_statements().
    postgres_start "$dir" log_statement=all 'log_line_prefix=%d|%a|' log_parameter_max_length=0 \
        max_connections=200 >"$state/postgres.conninfo"
}

fixture_stop() {
    local state=$1
    [ -s "$state/postgres.directory" ] || return 0
    remove "$(cat "$state/postgres.directory")"
    rm -f "$state/postgres.directory" "$state/postgres.conninfo"
}

[ $# -ge 2 ] || {
    sed -n '2,${/^#/!q;p}' "$0" >&2
    exit 2
}
command=$1
shift
case "$command" in
redis-start) redis_start "$@" ;;
redis-stop) redis_stop "$@" ;;
postgres-start) postgres_start "$@" ;;
postgres-stop) postgres_stop "$@" ;;
remove) remove "$@" ;;
guard) guard "$@" ;;
fixture-start) fixture_start "$@" ;;
fixture-stop) fixture_stop "$@" ;;
*) fail "$command: no such command" ;;
esac
