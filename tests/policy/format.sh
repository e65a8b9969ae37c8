#!/usr/bin/env bash
# All C is formatted as .clang-format says.
#
#   format.sh ROOT          check
#   format.sh ROOT --fix    format in place
set -euo pipefail
root=$1
cd "$root"
command -v clang-format >/dev/null || {
    echo "there is no clang-format: run tests/support/packages.sh test" >&2
    exit 1
}
mode=(--dry-run -Werror)
[ "${2:-}" != --fix ] || mode=(-i)
mapfile -t files < <(find include lib examples tests -name '*.[ch]' -o -name '*.cpp' | sort)
clang-format "${mode[@]}" "${files[@]}"
echo "format: ${#files[@]} files"
