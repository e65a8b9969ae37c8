#!/usr/bin/env python3
"""Headers, version script and libraries agree on what is exported, and since when.

    symbols.py ROOT SHARED_LIBRARY STATIC_LIBRARY

`Since: 0.1` in a header is node ENTITYCACHE_0.1 in lib/libentitycache.map and in the shared library.
The static library's global symbols are the same names.
"""
import re
import subprocess
import sys

import tree

MAP = "lib/libentitycache.map"
NODE = re.compile(r"(\w[\w.]*)\s*\{(.*?)\}", re.S)
PREFIX = "ENTITYCACHE_"


def from_headers(root):
    found = {}
    for _, _, name, comment in tree.declarations(root):
        since = re.search(r"\bSince: (\d+\.\d+)", comment)
        found[name] = PREFIX + (since.group(1) if since else "?")
    return found


def from_map(root):
    found = {}
    text = tree.COMMENT.sub("", tree.read(root, MAP))
    for node, body in NODE.findall(text):
        exported = re.sub(r"\blocal:.*", "", body, flags=re.S).replace("global:", "")
        for name in exported.split(";"):
            if name.strip():
                found[name.strip()] = node
    return found


def nm(*arguments):
    run = subprocess.run(["nm", *arguments], stdout=subprocess.PIPE, check=True)
    return run.stdout.decode().splitlines()


def from_shared(path):
    found = {}
    for line in nm("-D", "--defined-only", "--with-symbol-versions", path):
        kind, name = line.split()[-2:]
        if kind == "A":
            continue  # the node itself
        name, _, node = name.partition("@")
        found[name] = node.lstrip("@")
    return found


def from_static(path):
    fields = [line.split() for line in nm("-g", "--defined-only", path)]
    return {words[2] for words in fields if len(words) == 3}


def compare(what, ours, theirs, wanted):
    breaches = [f"{name}: is in {wanted}, but not in {what}" for name in sorted(set(theirs) - set(ours))]
    breaches += [f"{name}: is in {what}, but not in {wanted}" for name in sorted(set(ours) - set(theirs))]
    if isinstance(ours, dict) and isinstance(theirs, dict):
        breaches += [f"{name}: {ours[name]} in {what}, but {theirs[name]} in {wanted}"
                     for name in sorted(set(ours) & set(theirs)) if ours[name] != theirs[name]]
    return breaches


def main(root, shared, static):
    headers = from_headers(root)
    breaches = compare(MAP, from_map(root), headers, "the headers")
    breaches += compare("the shared library", from_shared(shared), headers, "the headers")
    breaches += compare("the static library", from_static(static), set(headers), "the headers")
    if not headers:
        breaches.append("include/: no ENTC_EXPORT declaration found")
    tree.finish("symbols", breaches, f"{len(headers)} names, the same in headers, map and libraries")


if __name__ == "__main__":
    main(*sys.argv[1:4])
