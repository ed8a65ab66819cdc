#!/usr/bin/env python3
"""What runs a package needs nothing but the C and C++ runtime.

`attune-run` and an executable made by --emit=exe link only libc, libm, libstdc++,
libgcc and the loader; the executable runs by itself.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

import numpy as np

from check_refusals import good, save

ALLOWED = re.compile(r"^(linux-vdso|ld-linux.*|libc|libm|libstdc\+\+|libgcc_s|libpthread|libdl)\.so")


def needed(program):
    lines = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [os.path.basename(line.split()[0]) for line in lines.splitlines() if line.split()]


def check(program):
    foreign = [name for name in needed(program) if not ALLOWED.match(name)]
    print(f"{'FAILED' if foreign else 'ok    '} {os.path.basename(program)}: {needed(program)}")
    return not foreign


def check_runs(executable, folder):
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.save(os.path.join(folder, "x.npy"), x)
    out = os.path.join(folder, "out")
    subprocess.run([executable, "--input", "x=" + os.path.join(folder, "x.npy"),
                    "--output-dir", out], check=True)
    same = np.allclose(np.load(os.path.join(out, "y.npy")), x @ np.ones((4, 4)))
    print(f"{'ok    ' if same else 'FAILED'} the executable computes")
    return same


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attune", required=True)
    attune = os.path.abspath(parser.parse_args().attune)
    with tempfile.TemporaryDirectory() as folder:
        model, executable = os.path.join(folder, "m.onnx"), os.path.join(folder, "m")
        save(good(), model)
        subprocess.run([attune, "compile", model, "--emit", "exe", "-o", executable], check=True)
        results = [check(os.path.join(os.path.dirname(attune), "attune-run")), check(executable),
                   check_runs(executable, folder)]
        sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
