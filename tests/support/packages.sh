#!/usr/bin/env bash
# Installs the Debian packages that this project needs and the machine lacks.
#
#   packages.sh runtime     to build the library and to run the quickstart
#   packages.sh test        these, and what the tests need
#
# Does nothing, quickly, when all are there. The servers are used as programs only: the project starts
# its own, in temporary folders, and never touches the machine's.
set -euo pipefail

runtime=(gcc libc6-dev binutils cmake ninja-build pkg-config libhiredis-dev libpq-dev libcjson-dev
    redis-server postgresql)
# libclang-rt-dev has the sanitizers' run-time, llvm the symbolizer that makes their reports readable.
test=(g++ clang libclang-rt-dev llvm clang-format clang-tidy libcmocka-dev valgrind python3
    nodejs)

case "${1:-}" in
runtime) wanted=("${runtime[@]}") ;;
test) wanted=("${runtime[@]}" "${test[@]}") ;;
*)
    sed -n '2,${/^#/!q;p}' "$0" >&2
    exit 2
    ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "packages.sh: this is no Debian; going on, and needing what these packages have:" >&2
    echo "    ${wanted[*]}" >&2
    exit 0
fi

missing=()
for package in "${wanted[@]}"; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "packages.sh: not root, and there is no sudo. Have these installed: ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"
}

echo "Installing Debian packages: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Recommended packages would more than double the download.
if ! { apt update && apt install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
    tail -n 30 "$log" >&2
    echo "packages.sh: apt-get failed" >&2
    exit 1
fi
