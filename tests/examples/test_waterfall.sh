#!/usr/bin/env bash
# The waterfall is one strict and self-contained SVG: traces at one scale, bars with the sizes of
# batches, whatever names say; and what is no trace is refused with a reason. The examples' traces
# tell what their reports tell.
#   test_waterfall.sh PREFIX
. "$(dirname "${BASH_SOURCE[0]}")/servers.sh"

use_package "${1:?PREFIX}"
# shellcheck disable=SC2046
cc -std=c99 -Wall -Wextra -Wpedantic -Werror -g -fsanitize=undefined -fno-sanitize-recover -o "$work/waterfall" \
    "$root/examples/waterfall.c" $(pkg-config --cflags --libs libcjson)

# span CATEGORY NAME BEGIN LENGTH KEYS: a line of a trace.
span() {
    printf ',{"ph":"X","pid":1,"tid":1,"cat":"%s","name":"%s","ts":%s,"dur":%s,"args":{"keys":%s,"commands":1}}\n' "$@"
}

{
    echo '{"traceEvents":[{"ph":"M","name":"process_name"}'
    span request request 1000 1000 0
    span batch 'Odd & <b> \"x\" \u00e1 \u0001 \ud83d\ude00' 1000 500 7
    span redis 'MGET Odd' 1000 100 7
    span redis 'MGET Even' 1050 100 7
    span postgres 'SQL Odd' 1200 800 1234
    span decode 'rows Odd' 1999 0 3
    span strange Unknown 1000 5 3
    echo ',{"ph":"X"},{"ph":"X","ts":"soon","dur":-1},17,null]}'
} >"$work/one.json"
{
    echo '{"otherData":{"droppedSpans":3},"traceEvents":[{"ph":"M"}'
    span request request 500000 250 0
    span postgres 'SQL Odd' 500000 200 1
    echo ']}'
} >"$work/two.json"
"$work/waterfall" 'A & B <title>' one "$work/one.json" '"two"' "$work/two.json" >"$work/picture.svg"

python3 - "$work/picture.svg" <<'END' || fail "the picture is not as it should be"
import re
import sys
import xml.etree.ElementTree as xml

SVG = "{http://www.w3.org/2000/svg}"
text = open(sys.argv[1], "rb").read().decode("utf-8")
picture = xml.fromstring(text)
assert picture.tag == SVG + "svg"
# Nothing from elsewhere, nothing that runs.
assert {e.tag for e in picture.iter()} <= {SVG + t for t in
                                           ("svg", "rect", "text", "tspan", "path", "g", "title")}
assert "http" not in text.replace('xmlns="http://www.w3.org/2000/svg"', "", 1)
for e in picture.iter():
    assert not [a for a in e.attrib if a.startswith("on") or "href" in a], e.attrib
    assert not [v for v in e.attrib.values() if "url(" in v], e.attrib

bars = {}
for group in picture.iter(SVG + "g"):
    box = group.find(SVG + "rect").attrib
    label = group.find(SVG + "text")
    bars.setdefault(group.find(SVG + "title").text, []).append(
        ([float(box[n]) for n in ("x", "y", "width", "height")], None if label is None else label.text))
names = list(bars)
assert len(names) == 6, names
(whole,) = [n for n in names if n.startswith("SQL Odd: 1234 keys, 800")]
(other,) = [n for n in names if n.startswith("SQL Odd: 1 key, 200")]
(odd,) = [n for n in names if n.startswith('Odd & <b> "x" \u00e1 ? \U0001F600: 7 keys, 500')]
assert bars[whole][0][1] == "SQL Odd \u00d71234"
assert bars[odd][0][1].endswith(" \u00d77")
# One scale for both.
assert abs(bars[whole][0][0][2] / 800 - bars[other][0][0][2] / 200) < 1e-3
# What overlaps lies below each other; all is inside.
redis = [boxes[0][0] for name, boxes in bars.items() if name.startswith("MGET")]
assert abs(redis[0][1] - redis[1][1]) >= redis[0][3]
width, height = float(picture.attrib["width"]), float(picture.attrib["height"])
assert width == 900
for boxes in bars.values():
    x, y, w, h = boxes[0][0]
    assert 0 <= x and x + w <= width + 2 and 0 <= y and y + h <= height
said = "\n".join("".join(e.itertext()) for e in picture.iter(SVG + "text"))
assert "A & B <title>" in said and '"two"' in said
assert "1 SQL query, 2 Redis commands in 2 round trips, 1000 \u00b5s" in said, said
assert "3 spans are missing" in said
END

# refuse STATUS PART ARGUMENT...: it says so, and draws nothing.
refuse() {
    local status=0
    "$work/waterfall" "${@:3}" >"$work/out" 2>"$work/err" || status=$?
    [ "$status" = "$1" ] || fail "waterfall ${*:3} ends with $status"
    grep -qF "$2" "$work/err" || fail "waterfall ${*:3} says: $(cat "$work/err")"
    [ ! -s "$work/out" ] || fail "waterfall ${*:3} draws"
}
refuse 2 usage
refuse 2 usage title label
refuse 1 "No such file" title label "$work/none.json"
refuse 1 "$work" title label "$work"
for bad in '' '{' '[]' '{"traceEvents":7}' '{"traceEvents":[]} x' 'nan'; do
    echo "$bad" >"$work/bad.json"
    refuse 1 traceEvents title label "$work/bad.json"
done
echo '{"traceEvents":[{"ph":"X","ts":1e999,"dur":1},{"ph":"B","ts":1}]}' >"$work/bad.json"
refuse 1 "no spans" title label "$work/bad.json"
printf '{"traceEvents":[]}\0' >"$work/bad.json"
refuse 1 "no text" title label "$work/bad.json"
head -c 100 "$work/one.json" >"$work/bad.json"
refuse 1 traceEvents title one "$work/one.json" cut "$work/bad.json"
! "$work/waterfall" title one "$work/one.json" >/dev/full 2>"$work/err" || fail "a full disk is not noticed"

# ---- the examples' own traces ----

build "$root/examples/campaigns.c" "$work/campaigns"
# shellcheck disable=SC2046
cc -std=c11 -Wall -Wextra -Werror -o "$work/naive" "$root/examples/naive.c" \
    $(pkg-config --cflags --libs hiredis libpq libcjson)
start_servers
for program in campaigns naive; do
    "$work/$program" --trace "$work/trace.json" --lines artists <<<"" >"$work/answer"
    "$work/waterfall" cold label "$work/trace.json" >"$work/picture.svg"
    python3 - "$work/trace.json" "$work/answer" "$work/picture.svg" <<'END' || fail "$program's trace is wrong"
import json
import sys
import xml.etree.ElementTree as xml

trace, answer = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:3])
xml.parse(sys.argv[3])
cost = answer["extensions"]["dataFetching"]
spans = [e for e in trace["traceEvents"] if e["ph"] == "X"]
assert trace["otherData"]["droppedSpans"] == 0
assert len([s for s in spans if s["cat"] == "request"]) == 1
assert len([s for s in spans if s["cat"] == "postgres"]) == cost["sqlQueries"]
assert sum(s["args"].get("commands", 0) for s in spans if s["cat"] == "redis") == cost["redisCommands"]
assert sum(s["args"]["keys"] for s in spans if s["cat"] == "batch") == 31
assert not [s for s in spans if s["args"].get("open")]
END
    # The last answer alone is traced.
    printf '\n\n' | "$work/$program" --lines artists --trace "$work/trace.json" >/dev/null
    [ "$(grep -c '"cat":"request"' "$work/trace.json")" = 1 ] || fail "$program traces more than one answer"
    ! "$work/$program" --lines artists --trace "$work/none/trace.json" <<<"" >/dev/null 2>"$work/err" ||
        fail "$program does not say that its trace cannot be written"
    [ -s "$work/err" ] || fail "$program fails silently"
    ! "$work/$program" --trace 2>/dev/null || fail "$program takes half an option"
done
