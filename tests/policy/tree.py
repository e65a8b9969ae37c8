"""What the policy scripts share: the files of a tree, its exported declarations, and how breaches are told."""
import os
import re
import shutil
import subprocess
import sys


def files(root):
    """Paths of the tree relative to its root: what git would commit, or without git every file."""
    found = []
    if os.path.exists(os.path.join(root, ".git")) and shutil.which("git"):
        git = subprocess.run(
            ["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        if git.returncode == 0:
            found = git.stdout.decode().split("\0")
            return sorted(path for path in found if os.path.isfile(os.path.join(root, path)))
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in (".git", ".build")]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


COMMENT = re.compile(r"/\*.*?\*/", re.S)
DECLARATION = re.compile(r"^ENTC_EXPORT\b([^;{]*);", re.M)
FUNCTION = re.compile(r"(\w+)\s*\(")


def declarations(root):
    """Every exported function of the headers: (path, line, name, the comment right before it or "")."""
    found = []
    for path in files(root):
        if not (path.startswith("include/") and path.endswith(".h")):
            continue
        text = read(root, path)
        # Comments become blanks of the same length, so that what stands in them is no declaration.
        code = COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
        for match in DECLARATION.finditer(code):
            name = FUNCTION.search(match.group(1))
            before = text[:match.start()]
            comment = ""
            if before.endswith("*/\n"):
                comment = before[before.rindex("/*"):]
            found.append((path, before.count("\n") + 1,
                          name.group(1) if name else "?", plain(comment)))
    return found


def plain(comment):
    """The words of a block comment on one line, without its marks."""
    lines = [re.sub(r"^\s*(/\*|\*(?!/))?", "", line) for line in comment.split("\n")]
    return " ".join(" ".join(lines).replace("*/", "").split())


def finish(what, breaches, good):
    """Tells the breaches and ends the script: 0 when there are none."""
    for breach in breaches:
        print(breach)
    if breaches:
        print(f"{what}: {len(breaches)} breach" + ("es" if len(breaches) > 1 else ""))
        sys.exit(1)
    print(f"{what}: {good}")
    sys.exit(0)
