"""Small whole models under compute-sanitizer: reads and writes out of bounds, hazards in shared
memory, barriers that not all threads reach. Nothing where the tool is missing or refuses the
device.
"""

import concurrent.futures
import pathlib
import shutil
import subprocess

TOOLS = ("memcheck", "racecheck", "synccheck")
REFUSED = "Device not supported"


def examine(program, package, tool):
    shape = "batch=2" if package.stem.startswith("vit") else "batch=2,sequence=70"
    done = subprocess.run(["compute-sanitizer", "--tool", tool, "--error-exitcode", "9",
                           str(program), "run", str(package), "--fill", "random",
                           "--shape", shape, "--device", "cuda"],
                          capture_output=True, text=True)
    text = done.stdout + done.stderr
    name = f"{package.stem} {tool}"
    if REFUSED in text:
        return dict(kernel=name, ok=True, refused=True)
    if done.returncode:
        print(name, "WRONG\n", text[-3000:], flush=True)
    return dict(kernel=name, ok=done.returncode == 0)


def run(folder):
    if not shutil.which("compute-sanitizer"):
        print("there is no compute-sanitizer", flush=True)
        return []
    program = pathlib.Path(folder) / "bin" / "attune-run"
    packages = sorted((pathlib.Path(folder) / "small").glob("*.attune"))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        records = list(pool.map(lambda job: examine(program, *job),
                                [(package, tool) for package in packages for tool in TOOLS]))
    print(f"{sum(r['ok'] for r in records)} of {len(records)} clean", flush=True)
    return records
