#!/usr/bin/env python3
"""Facts about the tree that are cheap to check and easy to lose.

    layout.py ROOT
"""
import os
import re
import sys

import tree

TOP = {"include", "lib", "examples", "tests", "pkgconfig", "CMakeLists.txt", "LICENSE", "README.md",
       "CHANGELOG.md"}
LONGEST = 500
CODE = (".c", ".h", ".cpp", ".py", ".sh", ".cmake", ".in", ".txt", ".md", ".map")
RUN_BITS = (".ci/run", "tests/run.sh", "examples/quickstart.sh")
# Tests wait for what happens, not for time to pass.
SLEEP = re.compile(r"\b(?:usleep|sleep|nanosleep)\s*\(")
# In two halves, so that this file does not find itself.
LEFT_OPEN = re.compile(r"\b(?:" + "|".join(("TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK")) + r")\b")
ONE_MACHINE = re.compile(r"(?:^|[^A-Za-z0-9_.$/])/(?:work|root|home|tmp)/[A-Za-z0-9]")


def lines_that(pattern, text):
    return [number for number, line in enumerate(text.split("\n"), 1) if pattern.search(line)]


def check(root, path):
    breaches = []
    text = tree.read(root, path)
    top = path.split("/")[0]
    if path.startswith(("lib/", "include/")) and path.endswith((".c", ".h")):
        count = text.count("\n")
        if count > LONGEST:
            breaches.append(f"{path}: {count} lines, more than {LONGEST}: is it two things?")
    if path.startswith("tests/") and path.endswith(".c"):
        breaches += [f"{path}:{line}: a test that waits by time" for line in lines_that(SLEEP, text)]
    if top in ("lib", "include", "examples", "tests"):
        breaches += [f"{path}:{line}: left open" for line in lines_that(LEFT_OPEN, text)]
    breaches += [f"{path}:{line}: a path of one machine" for line in lines_that(ONE_MACHINE, text)]
    return breaches


def main(root):
    breaches = []
    paths = tree.files(root)
    for name in sorted({path.split("/")[0] for path in paths}):
        if name not in TOP and not name.startswith("."):
            breaches.append(f"{name}: not one of the agreed names at the top level")
    for path in paths:
        if path.endswith(CODE) or os.path.basename(path) == "run":
            breaches += check(root, path)
    for path in RUN_BITS:
        if path in paths and not os.access(os.path.join(root, path), os.X_OK):
            breaches.append(f"{path}: has no run bit")
    tree.finish("layout", breaches, f"{len(paths)} files, all in place")


if __name__ == "__main__":
    main(sys.argv[1])
