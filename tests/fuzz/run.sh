#!/usr/bin/env bash
# Builds the fuzz targets with libFuzzer, AddressSanitizer and UBSan, and runs each for a while, two at a
# time, from the committed corpus. Fails on any finding.
#
#   tests/fuzz/run.sh                 every target, 60 s each
#   tests/fuzz/run.sh --seconds N     so long each
#   tests/fuzz/run.sh --target NAME   only that one (json, resp, ...); may be repeated
#   tests/fuzz/run.sh --keep          afterwards adds to the committed corpus what reached new code
#
# What is found stays in .build/fuzz/found/<target>/ (crash-..., timeout-..., leak-...): repair it, and commit the
# input to tests/fuzz/corpus/<target>/ under a name that says what it is.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$root/.build/fuzz
corpus=$root/tests/fuzz/corpus
seconds=60
keep=
targets=()
while [ $# -gt 0 ]; do
    case "$1" in
    --seconds) seconds=${2:?} && shift ;;
    --target) targets+=("${2:?}") && shift ;;
    --keep) keep=yes ;;
    *)
        sed -n '2,${/^#/!q;p}' "${BASH_SOURCE[0]}" >&2
        exit 2
        ;;
    esac
    shift
done
if [ ${#targets[@]} -eq 0 ]; then
    for source in "$root"/tests/fuzz/fuzz_*.c; do
        name=$(basename "$source" .c)
        targets+=("${name#fuzz_}")
    done
fi

mkdir -p "$build"
CC=clang cmake -S "$root" -B "$build" -G Ninja -DENTC_PRESET=fuzz >"$build/configure.log" || {
    cat "$build/configure.log"
    exit 1
}
cmake --build "$build" --target fuzz_targets -j "$(nproc)"

# 1 GiB of memory and 10 s for one input are far more than any needs; inputs of 4 KiB reach everything.
limits=(-rss_limit_mb=1024 -timeout=10 -max_len=4096)

run_target() {
    local target=$1 work=$build/work/$1 found=$build/found/$1 status=0
    mkdir -p "$work" "$found"
    UBSAN_OPTIONS=print_stacktrace=1 "$build/tests/fuzz_$target" "${limits[@]}" \
        -max_total_time="$seconds" -print_final_stats=1 -artifact_prefix="$found/" \
        "$work" "$corpus/$target" >"$build/$target.log" 2>&1 || status=$?
    if [ "$status" != 0 ]; then
        echo "fuzz_$target: FAILED; $build/$target.log ends with"
        tail -n 40 "$build/$target.log"
        return 1
    fi
    echo "fuzz_$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$target.log") inputs," \
        "$(sed -n 's/^stat::average_exec_per_sec: *//p' "$build/$target.log") per second, no finding"
}

# Inputs that reach code which the committed ones do not; how often it is reached does not matter.
keep_target() {
    local target=$1 work=$build/work/$1
    "$build/tests/fuzz_$target" "${limits[@]}" -merge=1 -use_counters=0 "$corpus/$target" "$work" \
        >"$build/$target.merge.log" 2>&1
}

failed=0
pids=()
reap() {
    wait "${pids[0]}" || failed=1
    pids=("${pids[@]:1}")
}
trap '[ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true' EXIT
for target in "${targets[@]}"; do
    [ ${#pids[@]} -lt 2 ] || reap
    run_target "$target" &
    pids+=($!)
done
while [ ${#pids[@]} -gt 0 ]; do reap; done
if [ "$failed" = 0 ] && [ -n "$keep" ]; then
    for target in "${targets[@]}"; do keep_target "$target"; done
fi
exit "$failed"
