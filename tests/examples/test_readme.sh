#!/usr/bin/env bash
# The program in README.md compiles against the installed package, with the resolver that follows it, and prints
# what it promises.
#   test_readme.sh PREFIX
. "$(dirname "${BASH_SOURCE[0]}")/servers.sh"

sed -n '/^```c$/,/^```$/p' "$root/README.md" | sed '/^```/d' >"$work/readme.c"
[ "$(grep -c '^```c$' "$root/README.md")" = 2 ] || fail "README.md has not a program and a resolver in C"
use_package "${1:?PREFIX}"
build "$work/readme.c" "$work/readme"
start_servers
"$work/readme" >"$work/cold"
"$work/readme" >"$work/warm"

cat >"$work/expected" <<'END'
Clean Rivers
    Fair in Lyon
    Closing in Gdańsk
The "No Car" Month
    Talk in Lisbon
    Opening in Graz
Trees for Málaga
    Picnic in Utrecht
    Workshop in Lyon
Read to Me
    Closing in Turku
    Walk in Lisbon
Night Buses Now
    Opening in Cork
    Concert in Utrecht
END
for state in cold warm; do
    head -n 15 "$work/$state" | diff "$work/expected" - || fail "the $state answer is another"
done
for part in '"sqlQueries":2,' '"redisCommands":2,' '"hits":15,' '"misses":0,'; do
    tail -n 1 "$work/warm" | grep -qF "$part" || fail "no $part in: $(tail -n 1 "$work/warm")"
done

# The report that it shows is a real one, but for its times.
without_times() {
    sed -E 's/[0-9]+\.[0-9]{2}( ms)?/T\1/g; s/ +/ /g'
}
build "$root/examples/campaigns.c" "$work/campaigns"
redis-cli -s "$work/redis.sock" flushall >"$work/answer" # its entities have fewer fields
"$work/campaigns" --lines campaigns --report "$work/report" <<<$'\n' >"$work/answer"
without_times <"$work/report" >"$work/told"
sed -n '/^request [0-9]/,/^```$/p' "$root/README.md" | sed '/^```/d' | without_times | diff - "$work/told" ||
    fail "the report is another"

# Without servers it says why, and ends.
bash "$servers" redis-stop "$work"
bash "$servers" postgres-stop "$work"
! "$work/readme" >"$work/none" 2>"$work/error" || fail "it succeeds without servers"
[ -s "$work/error" ] || fail "it fails silently"
