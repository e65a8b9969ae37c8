#!/usr/bin/env bash
# The example gives back all memory, and misuses none, when queries succeed and when servers are away.
#   test_memory.sh PREFIX
. "$(dirname "${BASH_SOURCE[0]}")/servers.sh"

check() {
    local status=0
    valgrind -q --error-exitcode=99 --leak-check=full \
        --show-leak-kinds=definite,indirect,possible --errors-for-leak-kinds=definite,indirect,possible \
        "$@" >"$work/out" 2>"$work/err" || status=$?
    if [ "$status" != "$expected" ]; then
        cat "$work/err" >&2
        fail "$* ends with $status, not $expected"
    fi
}

use_package "${1:?PREFIX}"
build "$root/examples/campaigns.c" "$work/campaigns"
start_servers
export ENTITYCACHE_TIMEOUT_US=60000000 # valgrind is slow
expected=0
check "$work/campaigns" --report "$work/report"
[ "$(grep -c '^request ' "$work/report")" = 1 ] || fail "the report of the last answer alone: $(cat "$work/report")"
check "$work/campaigns" --lines artists <<<""
expected=1
check "$work/campaigns" --report "$work/none/report"
grep -q "No such file" "$work/err" || fail "it does not say that its report cannot be written"
expected=0
bash "$servers" redis-stop "$work"
check "$work/campaigns"
check "$work/campaigns" --lines artists <<<""
bash "$servers" postgres-stop "$work"
expected=1
check "$work/campaigns"
check "$work/campaigns" --lines artists <<<""
