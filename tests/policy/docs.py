#!/usr/bin/env python3
"""Every exported declaration is documented right above it: a sentence, then Ownership, Threads, Errors, Since.

    docs.py ROOT

Labels may share a statement: `Ownership, Threads, Errors: as entc_x().`
"""
import re
import sys

import tree

LABELS = ("Ownership", "Threads", "Errors", "Since")
LABEL = re.compile(r"\b((?:%s)(?:, (?:%s))*):(?= \S)" % ("|".join(LABELS), "|".join(LABELS)))
SINCE = re.compile(r"\bSince: (\S+)$")
RELEASE = re.compile(r"^\d+\.\d+$")


def check(name, comment):
    if not comment:
        return [f"{name}: no comment directly above it"]
    wrong = []
    found = []
    for match in LABEL.finditer(comment):
        found += match.group(1).split(", ")
    for label in LABELS:
        if found.count(label) != 1:
            wrong.append(f"{name}: `{label}:` stands there {found.count(label)} times")
    first = LABEL.search(comment)
    if first is not None and not re.search(r"[.;:)]\s*$", comment[:first.start()]):
        wrong.append(f"{name}: no sentence before its labels")
    since = SINCE.search(comment)
    if "Since" in found and (since is None or not RELEASE.match(since.group(1))):
        wrong.append(f"{name}: ends with no `Since: <major>.<minor>`")
    return wrong


def main(root):
    breaches = []
    found = tree.declarations(root)
    for path, line, name, comment in found:
        breaches += [f"{path}:{line}: {wrong}" for wrong in check(name, comment)]
    if not found:
        breaches.append("include/: no ENTC_EXPORT declaration found")
    tree.finish("docs", breaches, f"{len(found)} declarations, all documented")


if __name__ == "__main__":
    main(sys.argv[1])
