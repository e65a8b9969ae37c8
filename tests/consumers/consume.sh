#!/usr/bin/env bash
# Builds a tiny host against the installed package, as a stranger would, and runs it.
#
#   consume.sh pkgconfig|pkgconfig_static|cmake|cmake_static c|cxx PREFIX LIBDIR WORK_DIR
set -euo pipefail
way=$1 language=$2 prefix=$3 libdir=$4 work=$5/$1_$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PKG_CONFIG_PATH=$prefix/$libdir/pkgconfig
export LD_LIBRARY_PATH=$prefix/$libdir
rm -rf "$work"
mkdir -p "$work"

if [ "$language" = c ]; then
    compiler=gcc source=consumer.c
else
    compiler=g++ source=consumer.cpp
fi

case "$way" in
pkgconfig)
    # shellcheck disable=SC2046
    "$compiler" $(pkg-config --cflags entitycache) "$here/$source" -o "$work/consumer_$language" \
        $(pkg-config --libs entitycache)
    ;;
pkgconfig_static)
    # The shared library lies beside the static one, so the latter has to be named.
    libs=$(pkg-config --static --libs entitycache)
    # shellcheck disable=SC2046,SC2086
    "$compiler" $(pkg-config --cflags entitycache) "$here/$source" -o "$work/consumer_$language" \
        ${libs/-lentitycache/-l:libentitycache.a}
    ;;
cmake | cmake_static)
    cmake -S "$here" -B "$work" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" \
        -DCMAKE_C_COMPILER=gcc -DCMAKE_CXX_COMPILER=g++ \
        -DCONSUMER_STATIC="$([ "$way" = cmake_static ] && echo ON || echo OFF)" >"$work/log" 2>&1 ||
        {
            cat "$work/log" >&2
            exit 1
        }
    cmake --build "$work" --target "consumer_$language"
    ;;
*)
    echo "consume.sh: $way: no such way" >&2
    exit 2
    ;;
esac

linked=$(ldd "$work/consumer_$language")
case "$way" in
*_static) ! grep -q libentitycache <<<"$linked" || {
    echo "the program needs libentitycache.so, but was to be linked with the static library" >&2
    exit 1
} ;;
*) grep -q "libentitycache.so.1 => $prefix" <<<"$linked" || {
    echo "the program does not use $prefix/$libdir/libentitycache.so.1:" >&2
    echo "$linked" >&2
    exit 1
} ;;
esac
# No shared consumer may come to need the private libraries by name.
needed=$(objdump -p "$work/consumer_$language" | sed -n 's/^ *NEEDED *//p')
case "$way" in
*_static) ;;
*) ! grep -qE 'hiredis|libpq|cjson' <<<"$needed" || {
    echo "private libraries have leaked into the program: $needed" >&2
    exit 1
} ;;
esac
"$work/consumer_$language"
