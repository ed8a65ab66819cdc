"""What a record says of the machine it was made on."""
import os
import platform


def machine():
    with open("/proc/cpuinfo", encoding="utf8") as file:
        lines = [line.split(":", 1) for line in file if ":" in line]
    first = {key.strip(): value.strip() for key, value in reversed(lines)}
    return {"cpu": first.get("model name"), "family": first.get("cpu family"),
            "model": first.get("model"), "cores": os.cpu_count(), "system": platform.platform(),
            "avx512": "avx512f" in first.get("flags", "").split()}
