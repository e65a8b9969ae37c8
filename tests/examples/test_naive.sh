#!/usr/bin/env bash
# The naive example, with which the quickstart compares, answers the same data: the comparison is fair.
#   test_naive.sh PREFIX
. "$(dirname "${BASH_SOURCE[0]}")/servers.sh"

use_package "${1:?PREFIX}"
build "$root/examples/campaigns.c" "$work/campaigns"
# shellcheck disable=SC2046
cc -std=c11 -Wall -Wextra -Werror -o "$work/naive" "$root/examples/naive.c" \
    $(pkg-config --cflags --libs hiredis libpq libcjson)
start_servers
"$work/campaigns" >"$work/library.answers"
"$work/naive" >"$work/naive.answers"
python3 - "$work/library.answers" "$work/naive.answers" <<'END' || fail "answers differ"
import json
import sys

library, naive = ([json.loads(line)["data"] for line in open(path, encoding="utf-8")]
                  for path in sys.argv[1:])
assert [list(data) for data in naive] == [["campaigns"]] * 2 + [["artists"]] * 2
assert naive[0] == naive[1] and naive[2] == naive[3], "cold and warm"
assert library == naive
END
