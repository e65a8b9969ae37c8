#!/usr/bin/env bash
# The README's first command shows what it promises, and leaves nothing behind.
#   test_quickstart.sh [PREFIX]     with PREFIX it uses that installation instead of building one
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=$(mktemp -d "${TMPDIR:-/tmp}/entc-qs-XXXXXX")
output=$(mktemp)
# PostgreSQL's user must reach the folder that the script makes in ours.
chmod 755 "$folder"

clean() {
    local left
    for left in "$folder"/*/; do
        [ ! -d "$left" ] || bash "$root/tests/support/servers.sh" remove "${left%/}" || true
    done
    rm -rf "$folder" "$output"
}
trap clean EXIT
trap 'exit 130' HUP INT TERM

fail() {
    echo "FAILED: $*" >&2
    cat "$output" >&2
    exit 1
}

# Nothing is left in the folder, and no process that was started there.
check_nothing_left() {
    local process
    [ -z "$(ls -A "$folder")" ] || fail "$1: left in $folder: $(ls -A "$folder")"
    for process in /proc/[0-9]*; do
        if { tr '\0' ' ' <"$process/cmdline"; readlink "$process/cwd"; } 2>/dev/null |
            grep -qF "$folder"; then
            fail "$1: left running: $(tr '\0' ' ' <"$process/cmdline")"
        fi
    done
}

cd / # it must work from any folder
TMPDIR=$folder bash "$root/examples/quickstart.sh" "$@" >"$output" 2>&1 </dev/null ||
    fail "ends with $?"
check_nothing_left "after its end"

python3 - "$output" <<'END' || fail "its answers are not as promised"
import json
import re
import sys
import xml.etree.ElementTree as xml

text = open(sys.argv[1], encoding="utf-8").read()
answers = [(state, json.loads(line)) for state, line in
           re.findall(r"^(cold|warm)  (\{.*\})$", text, re.M)]
assert [state for state, _ in answers] == ["cold", "warm"] * 2, "four answers"
levels = {"campaigns": 2, "artists": 3}
entities = {"campaigns": 15, "artists": 31}
loads = {"campaigns": 5, "artists": 12}
for number, (state, answer) in enumerate(answers):
    name = ["campaigns", "artists"][number // 2]
    assert list(answer) == ["data", "extensions"] and list(answer["data"]) == [name]
    cost = answer["extensions"]["dataFetching"]
    for member in ("sqlQueries", "sqlRows", "redisCommands", "redisKeys", "hits", "misses",
                   "negatives", "fills", "sqlMicroseconds", "redisMicroseconds"):
        assert isinstance(cost[member], int), member
    assert cost["redisMgets"] == levels[name], cost
    assert cost["redisKeys"] == entities[name], cost
    # Lists below others are loaded for one parent at a time; a level is one batch.
    assert (cost["loads"], cost["loadBatches"]) == (loads[name], levels[name] - 1), cost
    if state == "cold":
        assert cost["sqlQueries"] == 2 * levels[name], cost
        assert (cost["hits"], cost["misses"], cost["fills"]) == (0,) + (entities[name],) * 2, cost
    else:
        assert cost["sqlQueries"] == cost["redisCommands"] == levels[name], cost
        assert (cost["hits"], cost["misses"]) == (entities[name], 0), cost
        assert answer["data"] == answers[number - 1][1]["data"], "warm and cold differ"

campaigns = answers[0][1]["data"]["campaigns"]
assert [c["id"] for c in campaigns] == [1, 2, 3, 4, 5]
assert campaigns[1]["title"] == 'The "No Car" Month' and campaigns[2]["title"] == "Trees for Málaga"
assert all(len(c["events"]) == 2 and list(c["events"][0]) == ["id", "title"] for c in campaigns)
artists = answers[2][1]["data"]["artists"]
assert [a["name"] for a in artists] == \
    ["AC/DC", "Accept", "Aerosmith", "Alanis Morissette", "Alice In Chains"]
assert [[len(b["tracks"]) for b in a["albums"]] for a in artists] == [[3, 3], [1, 3], [3], [3], [3]]
assert artists[0]["albums"][1]["tracks"][0] == {"name": "Go Down", "composer": "AC/DC"}

# The text report, of the warm first query: what is asked for, and in how many batches of which size.
((sql, redis, rows),) = re.findall(
    r"^request [0-9.]+ ms: SQL (\d+) \(.*\), Redis (\d+) \(.*\), errors 0\n((?:.+\n)+)", text, re.M)
assert (sql, redis) == ("2", "2"), (sql, redis)
for part in (r"Campaign +1 +5\.0 +5 +0 +1 ", r"Campaign\.events +1 +5\.0 +- +- +1 ",
             r"Event +1 +10\.0 +10 +0 +0 ", r"also Campaign\.events: 5 loads, 1 batch of loads$"):
    assert re.search("^" + part, rows, re.M), (part, rows)
assert "suspect" not in rows, rows

# Two pictures, each of both ways.
for state, mine, others in (("cold", "4 SQL queries, 32 Redis", "21 SQL queries, 30 Redis"),
                            ("warm", "2 SQL queries, 2 Redis", "6 SQL queries, 15 Redis")):
    (path,) = re.findall(rf"^{state} +(/.*/campaigns-{state}\.svg)$", text, re.M)
    said = "".join(xml.parse(path).getroot().itertext())
    assert mine in said and others in said, said

# The last lines compare: SQL, Redis and time of the naive way and of the library, and the ratio.
rows = re.findall(r"^(\w+), (cold|warm) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +([0-9.]+)x$",
                  text, re.M)
assert text.rstrip().split("\n")[-4:] == [line for line in text.split("\n") if re.match(
    r"\w+, (cold|warm) ", line)], "four last lines"
numbers = {(row[0], row[1]): [int(n) for n in row[2:8]] for row in rows}
assert numbers["campaigns", "cold"][:2] == [21, 30] and numbers["campaigns", "cold"][3] == 4
assert numbers["campaigns", "warm"][:2] == [6, 15] and numbers["campaigns", "warm"][3:5] == [2, 2]
assert numbers["artists", "cold"][:2] == [44, 62] and numbers["artists", "cold"][3] == 6
assert numbers["artists", "warm"][:2] == [13, 31] and numbers["artists", "warm"][3:5] == [3, 3]
END

# Interrupted when its servers run, it stops them too.
TMPDIR=$folder bash "$root/examples/quickstart.sh" "$@" >"$output" 2>&1 </dev/null &
script=$!
for ((tries = 0; tries < 6000; tries++)); do
    ! grep -q '^  data ' "$output" || break
    kill -0 "$script" 2>/dev/null || fail "ended before its data were loaded"
    sleep 0.01
done
kill -TERM "$script"
status=0
wait "$script" || status=$?
[ "$status" = 143 ] || fail "SIGTERM ended it with $status"
check_nothing_left "after SIGTERM"
