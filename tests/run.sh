#!/usr/bin/env bash
# All tests, from nothing: installs missing packages, builds, runs. Works as root and as a user with sudo,
# from any folder. Builds stay in .build/, so that the next run is quick.
#
#   tests/run.sh                 every stage
#   tests/run.sh --quick         only the stage gcc
#   tests/run.sh --stage NAME    only that stage; may be repeated
#
# Stages
#   gcc         release build by gcc, warnings are errors; every test
#   clang       release build by clang, warnings are errors
#   asan        clang, AddressSanitizer and UBSan; every test that is a program of ours
#   tsan        clang, ThreadSanitizer; unit, contract, integration; of the faults those with threads
#   valgrind    debug build by gcc; unit, contract, integration and the fuzz corpora under memcheck
#   fuzz        clang, libFuzzer; every fuzz target for 60 s
#   tidy        clang-tidy
#   quickstart  the README's first command, which builds for itself
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
builds=$root/.build
servers=$root/tests/support/servers.sh
jobs=$(nproc)
programs='unit|contract|integration'
all=(gcc clang asan tsan valgrind fuzz tidy quickstart)
memcheck="valgrind --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect,possible \
--track-fds=no -q"

stages=()
while [ $# -gt 0 ]; do
    case "$1" in
    --quick) stages=(gcc) ;;
    --stage)
        [[ $# -gt 1 && " ${all[*]} " == *" $2 "* ]] || {
            echo "run.sh: --stage takes one of: ${all[*]}" >&2
            exit 2
        }
        stages+=("$2")
        shift
        ;;
    *)
        sed -n '2,${/^#/!q;p}' "${BASH_SOURCE[0]}" >&2
        exit 2
        ;;
    esac
    shift
done
[ ${#stages[@]} -gt 0 ] || stages=("${all[@]}")

# An interrupted ctest leaves its PostgreSQL behind.
stop_servers() {
    local state
    for state in "$builds"/*/test-state; do
        [ ! -d "$state" ] || bash "$servers" fixture-stop "$state" || true
    done
}
trap stop_servers EXIT

# build NAME COMPILER PRESET [CMAKE ARGUMENT...]
build() {
    local name=$1 compiler=$2 preset=$3
    shift 3
    mkdir -p "$builds"
    CC=$compiler cmake -S "$root" -B "$builds/$name" -G Ninja -DENTC_PRESET="$preset" "$@" \
        >"$builds/$name.configure.log" || {
        cat "$builds/$name.configure.log"
        return 1
    }
    cmake --build "$builds/$name" -j "$jobs"
}

passed=0
failed=0
report=()

# Adds the numbers of ctest's summary line to ours.
count() {
    local line bad total
    line=$(grep -E '^[0-9]+% tests passed, [0-9]+ tests? failed out of [0-9]+$' "$1" | tail -n 1)
    if [[ ! "$line" =~ ([0-9]+)\ tests?\ failed\ out\ of\ ([0-9]+) ]]; then
        failed=$((failed + 1))
        return
    fi
    bad=${BASH_REMATCH[1]} total=${BASH_REMATCH[2]}
    failed=$((failed + bad))
    passed=$((passed + total - bad))
}

# test_in NAME [CTEST ARGUMENT...]
test_in() {
    local name=$1 status=0
    shift
    ctest --test-dir "$builds/$name" -j "$jobs" --output-on-failure --no-tests=error "$@" 2>&1 |
        tee "$builds/$name.ctest.log" || status=$?
    count "$builds/$name.ctest.log"
    counted=yes
    return "$status"
}

stage_gcc() { build gcc gcc release && test_in gcc; }
stage_clang() { build clang clang release; }
stage_asan() { build asan clang asan -DENTC_TEST_TIMEOUT=300 && test_in asan -L "$programs|fault|oom|fuzz"; }
stage_tsan() { build tsan clang tsan -DENTC_TEST_TIMEOUT=300 && test_in tsan -L "$programs|threads"; }
stage_valgrind() {
    build valgrind gcc debug -DENTC_TEST_TIMEOUT=600 -DENTC_TEST_WRAPPER="$memcheck" &&
        test_in valgrind -L "$programs|fuzz"
}
stage_fuzz() { bash "$root/tests/fuzz/run.sh" --seconds 60; }
stage_tidy() {
    build clang clang release && bash "$root/tests/policy/tidy.sh" "$root" "$builds/clang"
}
stage_quickstart() { bash "$root/tests/examples/test_quickstart.sh"; }

bash "$root/tests/support/packages.sh" test
for stage in "${stages[@]}"; do
    echo "==== $stage"
    begin=$SECONDS
    counted=no
    result=passed
    "stage_$stage" || result=FAILED
    # A stage that never came to its tests counts as one.
    if [ "$counted" = no ]; then
        if [ "$result" = passed ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    fi
    report+=("$(printf '%-10s %s, %d s' "$stage" "$result" $((SECONDS - begin)))")
    [ "$result" = passed ] || broken=yes
done

echo "==== all"
printf '%s\n' "${report[@]}"
echo "$passed passed, $failed failed"
[ -z "${broken:-}" ] && [ "$failed" = 0 ]
