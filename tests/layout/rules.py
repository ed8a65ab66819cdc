"""The rules of the tree, each a function from a Tree to a list of complaints.

Enters: a Tree. Leaves: one line per violation, "path: what is wrong". The
picture behind DEPENDENCIES is in CONTRIBUTING.md ("Who may use whom").
"""

import pathlib
import re

# Header prefixes that each part must never include. A longer part name wins,
# so compiler/tools is looked up before compiler.
LLVM = ("mlir/", "mlir-c/", "llvm/", "llvm-c/", "lld/", "clang/")
FORBIDDEN = {
    "frontends": ("compiler/", "runtime/", "attune/"),
    "dialects": ("frontends/", "compiler/", "runtime/", "attune/"),
    "compiler": ("frontends/", "runtime/", "attune/"),
    "compiler/tools": ("runtime/",),
    "compiler/target/package": ("frontends/", "runtime/", "attune/"),
    "runtime": ("frontends/", "dialects/", "compiler/") + LLVM,
    "examples": ("frontends/", "dialects/", "compiler/", "runtime/") + LLVM,
}
# What a part may include although a prefix above forbids it.
EXCEPTIONS = {
    "compiler/target/package": ("attune/format.h", "runtime/package/PackageWriter.h"),
    "compiler/tools": ("runtime/tools/TensorFiles.h", "runtime/tools/Terminal.h"),
}

# The same picture for CMake targets: the parts a part may link.
LINKS = {
    "frontends": {"frontends", "dialects"},
    "dialects": {"dialects"},
    "compiler": {"compiler", "dialects"},
    "compiler/tools": {"compiler", "dialects", "frontends", "runtime"},
    "compiler/target/package": {"compiler", "dialects", "runtime"},
    "runtime": {"runtime"},
}

CODE_LINES = 500
ALLOWED_SIZES = "tests/layout/size-limit.allow"

# A target that a CMakeLists.txt makes: attune_library(nn ...) is attune_nn.
LIBRARY = re.compile(r"^[ \t]*attune_library\([ \t\n]*(\w+)", re.MULTILINE)
ADD_LIBRARY = re.compile(r"^[ \t]*add_library\([ \t\n]*(attune_\w+)", re.MULTILINE)
PASS_DEF = re.compile(r'^def[ \t]+(\w+)[ \t]*:[ \t\n]*Pass<[ \t\n]*"([^"]+)"', re.MULTILINE)


def part_of(path, table):
    """The longest key of `table` that is a folder of `path`, or None."""
    fits = [part for part in table if path.startswith(part + "/")]
    return max(fits, key=len, default=None)


def includes(tree):
    """No part includes what lies above it."""
    complaints = []
    for file in tree.files:
        part = part_of(file.path, FORBIDDEN)
        for header in file.includes():
            if ".." in pathlib.PurePosixPath(header).parts:
                complaints.append(f"{file.path}: includes {header}: name it from the root")
            elif part and header.startswith(FORBIDDEN[part]):
                if header not in EXCEPTIONS.get(part, ()):
                    complaints.append(f"{file.path}: {part} must not include {header}")
    return complaints


def links(tree):
    """No part links what lies above it."""
    lists = [file for file in tree.files if file.name == "CMakeLists.txt"]
    owner = {}
    for file in lists:
        part = part_of(file.path, LINKS)
        names = ["attune_" + name for name in LIBRARY.findall(file.text)]
        for name in names + ADD_LIBRARY.findall(file.text):
            owner[name] = part.split("/")[0] if part else None
    complaints = []
    for file in lists:
        part = part_of(file.path, LINKS)
        if not part:
            continue
        text = re.sub(r"#.*", "", file.text)
        for name in sorted(set(re.findall(r"\battune_\w+", text))):
            if owner.get(name) and owner[name] not in LINKS[part]:
                complaints.append(f"{file.path}: {part} must not link {name} of {owner[name]}/")
    return complaints


def sizes(tree):
    """A file stays below the limit, or the allow list says why it does not."""
    complaints, allowed = [], {}
    for file in tree.files:
        if file.path == ALLOWED_SIZES:
            for line in file.text.splitlines():
                if line.strip() and not line.startswith("#"):
                    path, _, reason = line.partition(" ")
                    allowed[path] = reason.strip()
    for path, reason in allowed.items():
        if not reason or path not in tree.paths:
            complaints.append(f"{ALLOWED_SIZES}: {path}: give a reason and a file that exists")
    for file in tree.files:
        if not file.is_code or file.is_generated or file.path in allowed:
            continue
        lines = file.lines_of_code()
        if lines > CODE_LINES:
            complaints.append(
                f"{file.path}: {lines} lines of code, over {CODE_LINES}: split it by meaning"
            )
    return complaints


def readmes(tree):
    """Every folder with sources says what enters, what leaves and why."""
    folders = {file.folder for file in tree.files if file.is_code or file.suffix == ".mlir"}
    complaints = []
    for folder in sorted(folders - {"."}):
        parts = folder.split("/")
        if {"test", "Inputs", "include"} & set(parts):
            continue  # described by the folder they belong to
        if folder + "/README.md" not in tree.paths:
            complaints.append(f"{folder}: has no README.md")
    return complaints


def headers(tree):
    """A file begins with a comment: what enters, what leaves, why here."""
    complaints = []
    for file in tree.files:
        checked = file.is_code or file.suffix == ".mlir" or file.name == "CMakeLists.txt"
        if not checked or not file.text.strip() or file.path == "CMakeLists.txt":
            continue
        if not file.text.lstrip().startswith(("//", "/*", "#!", "# ", '"""')):
            complaints.append(f"{file.path}: does not begin with a comment that says what it is")
    return complaints


def kebab(name):
    """DetectAttention -> detect-attention, ConvertNNToTile -> convert-nn-to-tile."""
    words = re.split(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", name)
    return "-".join(words).lower()


def passes(tree):
    """One pass, one name: def X, --x, X.cpp, test/x.mlir."""
    complaints = []
    for file in tree.files:
        if file.name != "Passes.td":
            continue
        defs = PASS_DEF.findall(file.text)
        if not defs:
            complaints.append(f"{file.path}: declares no pass")
        for name, argument in defs:
            if argument != kebab(name):
                complaints.append(f"{file.path}: {name} must be called --{kebab(name)}")
            for wanted in (f"{name}.cpp", f"test/{kebab(name)}.mlir"):
                if f"{file.folder}/{wanted}" not in tree.paths:
                    complaints.append(f"{file.path}: {name} has no {wanted} beside it")
            if f"| {argument} |" not in tree.text(f"{file.folder}/README.md"):
                complaints.append(f"{file.path}: {name} has no row in the README beside it")
    return complaints


def options(tree):
    """Command-line globals live in tools/ only; a pass has pass options."""
    return [
        f"{file.path}: cl::opt outside compiler/tools: use a pass option"
        for file in tree.files
        if file.suffix in (".h", ".cpp")
        and file.path.startswith(("frontends/", "dialects/", "compiler/"))
        and not file.path.startswith("compiler/tools/")
        and re.search(r"\bcl::(opt|list|bits)\b", file.text)
    ]


RULES = (includes, links, sizes, readmes, headers, passes, options)
