#!/usr/bin/env python3
"""The policy scripts catch what they are there for: each is run on a made-up tree with one breach in it."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))

DOCUMENTED = """#include <entitycache/export.h>
/* Says hello.
 * Ownership: none. Threads: Free. Errors: none. Since: 0.1 */
ENTC_EXPORT int entc_hello(int number);
"""

MAP = """ENTITYCACHE_0.1 {
global:
    entc_hello;
local:
    *;
};
"""


class Tree(tempfile.TemporaryDirectory):
    """A small tree in which nothing is wrong, but for what a test changes."""

    def __init__(self, changes):
        super().__init__(prefix="entc-policy-")
        files = {
            "include/entitycache/export.h": "#include <stddef.h>\n",
            "include/entitycache/hello.h": DOCUMENTED,
            "lib/base/base.h": '#include <stddef.h>\n',
            "lib/redis/redis.c": '#include "base/base.h"\n#include <hiredis/hiredis.h>\n',
            "lib/libentitycache.map": MAP,
            "LICENSE": "",
        }
        files.update(changes)
        for path, text in files.items():
            path = os.path.join(self.name, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

    def __enter__(self):
        return self

    def run(self, *command):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout.decode()

    def script(self, name, *arguments):
        path = os.path.join(HERE, name)
        program = sys.executable if name.endswith(".py") else "bash"
        return self.run(program, path, self.name, *arguments)


class Case(unittest.TestCase):
    script = ""

    def passes(self, changes=None):
        with Tree(changes or {}) as tree:
            status, output = tree.script(self.script)
        self.assertEqual(status, 0, output)

    def catches(self, changes, said):
        with Tree(changes) as tree:
            status, output = tree.script(self.script)
        self.assertNotEqual(status, 0, output)
        self.assertIn(said, output)


class Includes(Case):
    script = "includes.py"

    def test_a_clean_tree_passes(self):
        self.passes()

    def test_an_arrow_that_points_up(self):
        self.catches({"lib/base/a.c": '#include "engine/engine.h"\n'},
                     "lib/base/a.c:1: \"engine/engine.h\": no arrow leads from base to engine")

    def test_the_repository_that_sees_an_adapter(self):
        self.catches({"lib/repository/a.c": '#include "base/base.h"\n\n#include "redis/redis.h"\n'},
                     "lib/repository/a.c:3:")

    def test_an_inner_header_of_another_room(self):
        self.catches({"lib/redis/a.c": '#include "engine/internal.h"\n'},
                     'only "engine/engine.h" is open')

    def test_every_inner_header_of_the_own_room_is_open(self):
        self.passes({"lib/redis/a.c": '#include "redis/reply.h"\n#include "reply.h"\n'})

    def test_hiredis_outside_its_room(self):
        self.catches({"lib/repository/a.c": "#include <hiredis/read.h>\n"}, "only lib/redis")

    def test_libpq_outside_its_room(self):
        self.catches({"lib/redis/a.c": "  #  include <libpq-fe.h>\n"}, "only lib/postgres")

    def test_sqlite_outside_its_room(self):
        self.catches({"lib/postgres/a.c": "#include <sqlite3.h>\n"}, "only lib/sqlite")

    def test_cjson_in_any_room(self):
        self.catches({"lib/observe/a.c": "#include <cjson/cJSON.h>\n"}, "no room of lib")

    def test_a_foreign_type_in_a_public_header(self):
        self.catches({"include/entitycache/a.h": "#include <hiredis/hiredis.h>\n"}, "no foreign type")

    def test_an_inner_header_in_a_public_header(self):
        self.catches({"include/entitycache/a.h": '#include "base/base.h"\n'}, "by brackets")

    def test_a_room_that_is_not_in_the_table(self):
        self.catches({"lib/utils/a.c": "#include <stddef.h>\n"}, "lies in no room")

    def test_an_include_in_a_comment_is_none(self):
        self.passes({"lib/base/a.c": '/*\n#include "api/api.h"\n*/\n'})


class Docs(Case):
    script = "docs.py"

    def with_comment(self, comment):
        return {"include/entitycache/a.h": comment + "ENTC_EXPORT int entc_a(void);\n"}

    def test_a_clean_tree_passes(self):
        self.passes()

    def test_no_comment(self):
        self.catches(self.with_comment(""), "a.h:1: entc_a: no comment directly above it")

    def test_a_comment_that_is_not_directly_above(self):
        self.catches(self.with_comment("/* Does. Ownership: none. Threads: Free. Errors: none. "
                                       "Since: 0.1 */\n\n"), "no comment directly above it")

    def test_each_missing_label(self):
        labels = {"Ownership": "none.", "Threads": "Free.", "Errors": "none.", "Since": "0.1"}
        for missing in labels:
            rest = " ".join(f"{name}: {said}" for name, said in labels.items() if name != missing)
            self.catches(self.with_comment(f"/* Does. {rest} */\n"),
                         f"`{missing}:` stands there 0 times")

    def test_labels_that_share_a_statement(self):
        self.passes(self.with_comment("/* Does.\n * Ownership, Threads, Errors: as\n"
                                      " * entc_hello(). Since: 0.1 */\n"))
        self.passes(self.with_comment("/* Does. Ownership: yours. Threads, Errors: as entc_hello(). "
                                      "Since: 0.1 */\n"))

    def test_labels_without_a_sentence(self):
        self.catches(self.with_comment("/* Ownership: none. Threads: Free. Errors: none. "
                                       "Since: 0.1 */\n"), "no sentence before its labels")

    def test_a_release_that_is_none(self):
        self.catches(self.with_comment("/* Does. Ownership: none. Threads: Free. Errors: none. "
                                       "Since: soon */\n"), "ends with no `Since:")


class Layout(Case):
    script = "layout.py"

    def test_a_clean_tree_passes(self):
        self.passes({".gitignore": "", "tests/a.c": "/* poll(NULL, 0, 5) */\n"})

    def test_a_stranger_at_the_top(self):
        self.catches({"CMakePresets.json": "{}"}, "CMakePresets.json: not one of the agreed names")

    def test_a_file_that_is_too_long(self):
        self.passes({"lib/base/a.c": "int a;\n" * 500})
        self.catches({"lib/base/a.c": "int a;\n" * 501}, "lib/base/a.c: 501 lines")

    def test_a_test_that_waits_by_time(self):
        for call in ("sleep(1)", "usleep (10)", "nanosleep(&t, NULL)"):
            self.catches({"tests/unit/base/test_a.c": f"int a;\n{call};\n"}, "test_a.c:2: a test that")

    def test_what_was_left_open(self):
        for word in ("TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK"):
            self.catches({"lib/base/a.c": f"/* {word}: later */\n"}, "lib/base/a.c:1: left open")

    def test_a_path_of_one_machine(self):
        self.catches({"tests/a.sh": "cat /" "tmp/x\n"}, "tests/a.sh:1: a path of one machine")
        self.passes({"tests/a.sh": "mktemp -d ${TMPDIR:-/tmp}/x-XXXXXX\n"})

    def test_a_script_without_its_run_bit(self):
        self.catches({"tests/run.sh": ""}, "tests/run.sh: has no run bit")


class Symbols(unittest.TestCase):
    """Builds real libraries of one function."""

    CODE = "int entc_hello(int number) { return number; }\n"

    def check(self, changes, said, code=CODE, static=None):
        with Tree(dict(changes, **{"lib/a.c": code, "lib/b.c": static or code})) as tree:
            at = tree.name
            for command in (["gcc", "-shared", "-fPIC", f"{at}/lib/a.c", "-o", f"{at}/a.so",
                             f"-Wl,--version-script={at}/lib/libentitycache.map"],
                            ["gcc", "-c", f"{at}/lib/b.c", "-o", f"{at}/a.o"],
                            ["ar", "rcs", f"{at}/a.a", f"{at}/a.o"]):
                status, output = tree.run(*command)
                self.assertEqual(status, 0, output)
            status, output = tree.script("symbols.py", f"{at}/a.so", f"{at}/a.a")
        if said is None:
            self.assertEqual(status, 0, output)
        else:
            self.assertNotEqual(status, 0, output)
            self.assertIn(said, output)

    def test_a_clean_tree_passes(self):
        self.check({}, None)

    def test_a_declaration_that_is_not_in_the_map(self):
        more = DOCUMENTED + DOCUMENTED.replace("entc_hello", "entc_more")
        self.check({"include/entitycache/hello.h": more},
                   "entc_more: is in the headers, but not in lib/libentitycache.map")

    def test_a_name_in_the_map_that_no_header_declares(self):
        self.check({"lib/libentitycache.map": MAP.replace("global:", "global:\n    entc_more;")},
                   "entc_more: is in lib/libentitycache.map, but not in the headers")

    def test_a_function_that_nobody_wrote(self):
        self.check({}, "entc_hello: is in the headers, but not in the shared library",
                   code="int entc_other;\n")

    def test_a_node_of_another_release(self):
        self.check({"lib/libentitycache.map": MAP.replace("_0.1", "_0.2")},
                   "entc_hello: ENTITYCACHE_0.2 in the shared library, but ENTITYCACHE_0.1")

    def test_an_inner_name_in_the_static_library(self):
        self.check({}, "buffer_append: is in the static library, but not in the headers",
                   static=self.CODE + "void buffer_append(void) {}\n")


class Format(unittest.TestCase):

    def test_misformatted_c(self):
        with open(os.path.join(HERE, "../../.clang-format"), encoding="utf-8") as file:
            config = file.read()
        clean = {".clang-format": config, "examples/a.c": "int a;\n", "tests/a.c": "int a;\n",
                 "lib/redis/redis.c": "int a;\n"}
        with Tree(clean) as tree:
            status, output = tree.script("format.sh")
        self.assertEqual(status, 0, output)
        with Tree(dict(clean, **{"lib/base/a.c": "int  a ;\n"})) as tree:
            status, output = tree.script("format.sh")
        self.assertNotEqual(status, 0, output)
        self.assertIn("lib/base/a.c:1", output)


class Headers(unittest.TestCase):

    def check(self, header, compiler, language, standard):
        with Tree({"include/entitycache/hello.h": header}) as tree:
            return tree.run("bash", os.path.join(HERE, "../headers/alone.sh"),
                            os.path.join(tree.name, "include"), compiler, language, standard)

    def test_a_clean_header(self):
        status, output = self.check("extern int a;\n", "gcc", "c", "c99")
        self.assertEqual(status, 0, output)

    def test_a_header_that_needs_another_before_it(self):
        status, output = self.check("extern size_t a;\n", "gcc", "c", "c99")
        self.assertNotEqual(status, 0, output)
        self.assertIn("<entitycache/hello.h> is not clean alone as c99", output)

    def test_a_header_that_is_c_but_not_cxx(self):
        header = "extern int class;\n"
        self.assertEqual(self.check(header, "gcc", "c", "c99")[0], 0)
        self.assertNotEqual(self.check(header, "g++", "c++", "c++17")[0], 0)


class Tidy(unittest.TestCase):

    def test_an_address_that_outlives_its_variable(self):
        with open(os.path.join(HERE, "../../.clang-tidy"), encoding="utf-8") as file:
            config = file.read()
        for code, good in (("int *a(int *b) { return b; }\n", True),
                           ("int *a(void) { int b = 1; return &b; }\n", False)):
            with Tree({".clang-tidy": config, "lib/base/a.c": code}) as tree:
                with open(os.path.join(tree.name, "compile_commands.json"), "w",
                          encoding="utf-8") as file:
                    json.dump([{"directory": tree.name, "command": "clang -c lib/base/a.c",
                                "file": "lib/base/a.c"}], file)
                status, output = tree.script("tidy.sh", tree.name, "lib/base/a.c")
            self.assertEqual(status == 0, good, output)


if __name__ == "__main__":
    unittest.main()
