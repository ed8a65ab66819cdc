# The lit suite of the whole repository.
#
# Enters: every *.mlir below dialects/, compiler/ and frontends/ (in the `test/`
# folder beside the pass), and every *.test below tests/e2e. A file that is only
# read by tests lives in a folder named Inputs. Leaves: PASS or FAIL per file.
# Paths and tools come from the generated lit.site.cfg.py. To run one file:
#   lit-22 -v build/tests/compiler/tools/test/upstream-dialects.mlir
# It is not called lit.cfg.py because lit, walking the source tree, would take
# that for a second suite.
import os

import lit.formats


def cpu_flags():
    """The feature words of the CPU; empty where there is no /proc."""
    try:
        with open("/proc/cpuinfo") as cpuinfo:
            for line in cpuinfo:
                if line.startswith("flags"):
                    return set(line.split(":", 1)[1].split())
    except OSError:
        pass
    return set()


config.name = "attune"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.test_source_root = config.attune_source_root
config.test_exec_root = os.path.join(config.attune_binary_root, "tests")

# Only the folders that hold tests: build trees, virtual environments and the
# rest of the root are never entered.
roots = {"dialects", "compiler", "frontends", "tests"}
config.excludes = [
    entry for entry in os.listdir(config.attune_source_root) if entry not in roots
] + ["Inputs"]

# The tools just built win over whatever is installed.
config.environment["PATH"] = os.path.pathsep.join(
    [
        os.path.join(config.attune_binary_root, "bin"),
        config.llvm_tools_dir,
        os.environ.get("PATH", ""),
    ]
)
config.environment["NO_COLOR"] = "1"

config.substitutions.append(("%source", config.attune_source_root))
config.substitutions.append(("%build", config.attune_binary_root))
config.substitutions.append(("%python", config.python))
config.substitutions.append(
    ("%models", os.path.join(config.attune_source_root, "tests", "models"))
)

# REQUIRES: avx2 / avx512 for tests that run generated code of that ISA.
flags = cpu_flags()
if {"avx2", "fma"} <= flags:
    config.available_features.add("avx2")
if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags:
    config.available_features.add("avx512")
