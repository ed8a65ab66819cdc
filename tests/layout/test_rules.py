#!/usr/bin/env python3
"""Plants one violation per rule and expects exactly that complaint.

A rule that no longer sees what it forbids fails here; so does one that
complains about the sound tree that every case starts from.
"""

import pathlib
import tempfile
import unittest

import check_stages
import rules
import tree

# A small sound tree: one file per part, one pass with all its names.
SOUND = {
    "dialects/README.md": "dialects\n",
    "dialects/nn/README.md": "nn\n",
    "dialects/nn/CMakeLists.txt": "# nn\nattune_library(nn MLIR SOURCES NN.cpp)\n",
    "dialects/nn/NN.cpp": '// nn\n#include "mlir/IR/Builders.h"\n',
    "frontends/onnx/README.md": "onnx\n",
    "frontends/onnx/CMakeLists.txt": "# o\nattune_library(onnx SOURCES O.cpp DEPS attune_nn)\n",
    "frontends/onnx/O.cpp": '// o\n#include "dialects/nn/NN.h"\n',
    "compiler/detect/README.md": "detect\n| detect-gelu | gelu |\n",
    "compiler/detect/CMakeLists.txt": "# d\nattune_library(detect SOURCES X.cpp DEPS attune_nn)\n",
    "compiler/detect/Passes.td": '// passes\ndef DetectGELU : Pass<"detect-gelu"> {}\n',
    "compiler/detect/DetectGELU.cpp": '// gelu\n#include "dialects/nn/NN.h"\n',
    "compiler/detect/test/detect-gelu.mlir": "// RUN: true\n",
    "compiler/target/package/README.md": "package\n",
    "compiler/target/package/WriteModel.cpp": '// w\n#include "attune/format.h"\n',
    "compiler/tools/README.md": "tools\n",
    "compiler/tools/CMakeLists.txt": "# t\nattune_program(t SOURCES T.cpp DEPS attune_onnx)\n",
    "compiler/tools/T.cpp": '// t\n#include "frontends/onnx/O.h"\nllvm::cl::opt<int> n;\n',
    "runtime/README.md": "runtime\n",
    "runtime/CMakeLists.txt": "# r\nattune_library(runtime SOURCES r.cpp)\n",
    "runtime/r.cpp": '// r\n#include "attune/attune.h"\n#include <vector>\n',
    "runtime/include/attune/attune.h": "/* the C API */\n",
    "examples/e/README.md": "e\n",
    "examples/e/main.cpp": '// e\n#include "attune/attune.h"\n',
    "build/junk.cpp": '#include "compiler/x.h"\n',
}


def complaints(changes):
    """Every complaint about the sound tree with `changes` (None removes)."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in (SOUND | changes).items():
            if text is not None:
                file = pathlib.Path(root, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
        sources = tree.Tree(root)
        return [line for rule in rules.RULES for line in rule(sources)]


class Planted(unittest.TestCase):
    def expect(self, changes, *needles):
        found = complaints(changes)
        self.assertEqual(len(found), len(needles), found)
        for line, needle in zip(found, needles):
            self.assertIn(needle, line)

    def test_sound_tree_has_no_complaint(self):
        self.expect({})

    def test_forbidden_includes(self):
        for path, header in (
            ("frontends/onnx/O.cpp", "compiler/detect/Passes.h"),
            ("frontends/onnx/O.cpp", "runtime/core/loader.h"),
            ("frontends/onnx/O.cpp", "attune/format.h"),
            ("dialects/nn/NN.cpp", "frontends/onnx/O.h"),
            ("dialects/nn/NN.cpp", "compiler/Pipeline.h"),
            ("dialects/nn/NN.cpp", "attune/attune.h"),
            ("compiler/detect/DetectGELU.cpp", "frontends/onnx/O.h"),
            ("compiler/detect/DetectGELU.cpp", "attune/format.h"),
            ("compiler/target/package/WriteModel.cpp", "attune/attune.h"),
            ("compiler/target/package/WriteModel.cpp", "runtime/core/loader.h"),
            ("compiler/tools/T.cpp", "runtime/core/loader.h"),
            ("runtime/r.cpp", "mlir/IR/Builders.h"),
            ("runtime/r.cpp", "llvm/ADT/SmallVector.h"),
            ("runtime/r.cpp", "dialects/nn/NN.h"),
            ("examples/e/main.cpp", "runtime/core/loader.h"),
        ):
            for text in (f'// x\n#include "{header}"\n', f"// x\n #  include <{header}>\n"):
                with self.subTest(path=path, text=text):
                    self.expect({path: text}, f"must not include {header}")

    def test_forbidden_include_of_a_td_file(self):
        text = '// x\ninclude "compiler/detect/Passes.td"\n'
        self.expect({"dialects/nn/NN.td": text}, "must not include compiler/detect")

    def test_include_through_the_parent_folder(self):
        text = '// x\n#include "../../compiler/detect/X.h"\n'
        self.expect({"dialects/nn/NN.cpp": text}, "name it from the root")

    def test_forbidden_links(self):
        for path, name in (
            ("compiler/detect/CMakeLists.txt", "attune_onnx"),
            ("dialects/nn/CMakeLists.txt", "attune_onnx"),
            ("frontends/onnx/CMakeLists.txt", "attune_runtime"),
            ("runtime/CMakeLists.txt", "attune_nn"),
        ):
            with self.subTest(path=path):
                text = SOUND[path].replace("SOURCES", f"DEPS {name} SOURCES")
                self.expect({path: text}, f"must not link {name}")

    def test_a_commented_link_is_no_link(self):
        text = SOUND["runtime/CMakeLists.txt"] + "# attune_nn is not linked\n"
        self.expect({"runtime/CMakeLists.txt": text})

    def test_long_file(self):
        text = "// long\n" + "int x;\n" * 501
        self.expect({"runtime/r.cpp": text}, "501 lines of code")

    def test_comments_and_blanks_do_not_count(self):
        text = "// long\n" + "int x; // c\n" * 500 + "// c\n\n/* a\n b */\n" * 100
        self.expect({"runtime/r.cpp": text})

    def test_allowed_and_generated_files_may_be_long(self):
        text = "// long\n" + "int x;\n" * 501
        self.expect({"runtime/r.cpp": text, rules.ALLOWED_SIZES: "runtime/r.cpp a reason\n"})
        self.expect({"runtime/r.cpp": "// Generated by t.py.\n" + text})

    def test_allowed_without_reason_or_file(self):
        self.expect({rules.ALLOWED_SIZES: "runtime/r.cpp\n"}, "give a reason")
        self.expect({rules.ALLOWED_SIZES: "gone.cpp why\n"}, "a file that exists")

    def test_missing_readme(self):
        self.expect({"dialects/nn/README.md": None}, "dialects/nn: has no README.md")

    def test_missing_header_comment(self):
        self.expect({"runtime/r.cpp": "int x;\n"}, "does not begin with a comment")

    def test_pass_names(self):
        passes = '// p\ndef DetectGELU : Pass<"gelu", "ModuleOp"> {}\n'
        self.expect({"compiler/detect/Passes.td": passes}, "must be called --detect-gelu")
        self.expect({"compiler/detect/Passes.td": "// p\n"}, "declares no pass")
        self.expect({"compiler/detect/DetectGELU.cpp": None}, "has no DetectGELU.cpp")
        self.expect({"compiler/detect/test/detect-gelu.mlir": None}, "has no test/detect-gelu")
        self.expect({"compiler/detect/README.md": "detect\n"}, "DetectGELU has no row")

    def test_kebab(self):
        for name, words in (
            ("DetectAttention", "detect-attention"),
            ("ConvertNNToTile", "convert-nn-to-tile"),
            ("FuseQKV", "fuse-qkv"),
            ("Pack4Bit", "pack4-bit"),
        ):
            self.assertEqual(rules.kebab(name), words)

    def test_option_global_outside_tools(self):
        text = '// x\nstatic llvm::cl::opt<bool> fast("fast");\n'
        self.expect({"compiler/detect/DetectGELU.cpp": text}, "cl::opt outside")

    def test_stage_table(self):
        readme = "text\n| stage | in | out |\n|---|---|---|\n| nn | a | b |\n\n| other |\n"

        def check(printed, readme=readme, has_folder=True):
            return list(check_stages.complaints(printed, readme, lambda name: has_folder))

        self.assertEqual(check("nn | a | b\n"), [])
        self.assertEqual(len(check("nn | a | c\n")), 1)
        self.assertEqual(len(check("nn | a | b\ncleanup | b | c\n")), 1)
        self.assertEqual(len(check("nn | a | b\n", has_folder=False)), 1)
        self.assertIn("the compiler names no stage", check(""))


if __name__ == "__main__":
    unittest.main()
