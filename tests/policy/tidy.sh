#!/usr/bin/env bash
# clang-tidy with the rules of .clang-tidy over the library, the examples and the tests' helpers.
#
#   tidy.sh ROOT BUILD_DIR [FILE...]      BUILD_DIR was configured with clang
set -euo pipefail
root=$1 build=$2
shift 2
command -v clang-tidy >/dev/null || {
    echo "there is no clang-tidy: run tests/support/packages.sh test" >&2
    exit 1
}
cd "$root"
if [ $# -gt 0 ]; then
    files=("$@")
else
    mapfile -t files < <(find lib examples tests/support -name '*.c' | sort)
fi
# Counts of suppressed warnings go to stderr; findings come on stdout.
printf '%s\0' "${files[@]}" |
    xargs -0 -n 4 -P "$(nproc)" clang-tidy -p "$build" --quiet 2> >(grep -vE 'warnings? generated|^$|^Suppressed|^Use ' >&2)
echo "clang-tidy: ${#files[@]} files, no findings"
