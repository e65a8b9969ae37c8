#!/usr/bin/env python3
"""Reads the #include lines of lib/ and include/ against the arrows of the architecture: they point down only.

    includes.py ROOT

lib/README.md draws the same table for people.
"""
import os
import re
import sys

import tree

BELOW_REPOSITORY = ["local", "ports", "codec", "engine", "entity", "schema", "base"]

# Which rooms a room may include, besides itself.
ARROWS = {
    "base": [],
    "observe": ["base"],
    "schema": ["base"],
    "entity": ["schema", "base"],
    "engine": ["base"],
    "codec": ["entity", "schema", "base"],
    "ports": ["entity", "schema", "base"],
    "local": ["entity", "schema", "base"],
    "redis": ["ports", "engine", "base"],
    "postgres": ["ports", "engine", "entity", "schema", "base"],
    "sqlite": ["ports", "engine", "entity", "schema", "base"],
    "repository": BELOW_REPOSITORY,
    "relation": ["repository"] + BELOW_REPOSITORY,
    "loader": ["relation", "repository"] + BELOW_REPOSITORY,
}
ARROWS["api"] = list(ARROWS)
# Every room may emit events, but for the one that observe itself stands on.
for room, below in ARROWS.items():
    if room not in ("base", "observe"):
        below.append("observe")

# Foreign libraries, and the only room that knows each; cJSON is for tests and examples.
FOREIGN = [
    (re.compile(r"^(hiredis/|hiredis|async\.h|sds\.h|read\.h)"), "redis"),
    (re.compile(r"^(libpq-fe\.h|libpq/|libpq-events\.h|postgresql/|pg_config|postgres_ext\.h)"),
     "postgres"),
    (re.compile(r"^sqlite3"), "sqlite"),
    (re.compile(r"^(cjson/|cJSON)"), None),
]

C99 = {
    "assert.h", "complex.h", "ctype.h", "errno.h", "fenv.h", "float.h", "inttypes.h", "iso646.h",
    "limits.h", "locale.h", "math.h", "setjmp.h", "signal.h", "stdarg.h", "stdbool.h", "stddef.h",
    "stdint.h", "stdio.h", "stdlib.h", "string.h", "tgmath.h", "time.h", "wchar.h", "wctype.h"
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def includes(root, path):
    text = tree.COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), tree.read(root, path))
    for match in INCLUDE.finditer(text):
        yield text[:match.start()].count("\n") + 1, match.group(1), match.group(2)


def check_public(path, line, mark, name):
    if mark == '"':
        return f'{path}:{line}: "{name}": public headers include <entitycache/...> by brackets'
    if not name.startswith("entitycache/") and name not in C99:
        return f"{path}:{line}: <{name}> is neither ours nor C99: no foreign type may cross the ABI"
    return None


def check_room(path, line, mark, name):
    room = path.split("/")[1]
    if mark == "<":
        for pattern, only in FOREIGN:
            if pattern.match(name) and room != only:
                who = f"only lib/{only}" if only else "no room of lib"
                return f"{path}:{line}: <{name}>: {who} may include that"
        return None
    parts = name.split("/")
    if len(parts) == 1 or parts[0] == room:
        return None
    if parts[0] not in ARROWS[room]:
        return f'{path}:{line}: "{name}": no arrow leads from {room} to {parts[0]}'
    if name != f"{parts[0]}/{parts[0]}.h":
        return f'{path}:{line}: "{name}": of another room only "{parts[0]}/{parts[0]}.h" is open'
    return None


def main(root):
    breaches = []
    count = 0
    for path in tree.files(root):
        if not path.endswith((".c", ".h")):
            continue
        if path.startswith("include/"):
            check = check_public
        elif path.startswith("lib/"):
            check = check_room
            if len(path.split("/")) != 3 or path.split("/")[1] not in ARROWS:
                breaches.append(f"{path}: lies in no room that the table knows")
                continue
        else:
            continue
        for line, mark, name in includes(root, path):
            count += 1
            breaches.append(check(path, line, mark, name))
    breaches = [breach for breach in breaches if breach]
    if count == 0:
        breaches.append(f"{os.path.abspath(root)}: no #include found in lib/ and include/")
    tree.finish("includes", breaches, f"{count} lines, all along the arrows")


if __name__ == "__main__":
    main(sys.argv[1])
