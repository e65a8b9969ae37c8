#!/usr/bin/env bash
# Compiles every public header alone: it includes what it needs, may be included twice, and is clean
# in this language.
#
#   alone.sh INCLUDE_DIR COMPILER c|c++ STANDARD
set -euo pipefail
include=$1 compiler=$2 language=$3 standard=$4
command -v "$compiler" >/dev/null || {
    echo "there is no $compiler: run tests/support/packages.sh test" >&2
    exit 1
}
count=0
while read -r header; do
    # The declaration keeps a header of macros alone from being an empty translation unit.
    printf '#include <%s>\n#include <%s>\nextern int entc_alone;\n' "$header" "$header" |
        "$compiler" -x "$language" -std="$standard" -I"$include" \
            -Wall -Wextra -pedantic -Werror -fsyntax-only - || {
        echo "<$header> is not clean alone as $standard by $compiler" >&2
        exit 1
    }
    count=$((count + 1))
done < <(cd "$include" && find . -name '*.h' | sed 's|^\./||' | sort)
[ "$count" -gt 0 ] || {
    echo "no headers in $include" >&2
    exit 1
}
echo "$count headers are clean alone as $standard by $compiler"
