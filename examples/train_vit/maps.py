#!/usr/bin/env python3
"""Pictures of attention, with Python's own library alone.

  maps.py pictures FOLDER OUT.npy             some test pictures of an IDX folder, as the model takes them
  maps.py draw PICTURES.npy MAPS.npy OUT.svg  each picture with the maps of its heads
"""
import ast
import gzip
import os
import struct
import sys
import zlib
from base64 import b64encode

COUNT = 8  # pictures


def write_npy(path, dims, floats):
    header = repr({"descr": "<f4", "fortran_order": False, "shape": tuple(dims)}).encode()
    header += b" " * (63 - (len(header) + 10) % 64) + b"\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
        file.write(struct.pack(f"<{len(floats)}f", *floats))


def read_npy(path):
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack_from("<H", data, 8)[0]
    dims = ast.literal_eval(data[10:10 + length].decode())["shape"]
    count = (len(data) - 10 - length) // 4
    return dims, struct.unpack_from(f"<{count}f", data, 10 + length)


def take_pictures(folder, out):
    path = os.path.join(folder, "t10k-images-idx3-ubyte")
    opened = open(path, "rb") if os.path.exists(path) else gzip.open(path + ".gz")
    with opened as file:
        _, _, height, width = struct.unpack(">4I", file.read(16))
        pixels = file.read(COUNT * height * width)
    write_npy(out, (COUNT, 1, height, width), [pixel / 255 for pixel in pixels])


def png(width, height, rgb):
    """Of rows of RGB bytes, as a data address."""
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data
                + struct.pack(">I", zlib.crc32(kind + data)))
    rows = b"".join(b"\0" + rgb[i * 3 * width:(i + 1) * 3 * width] for i in range(height))
    data = (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return "data:image/png;base64," + b64encode(data).decode()


def heat(value):
    """Dark blue over red to yellow, for 0 to 1."""
    return bytes(int(255 * min(max(channel, 0), 1))
                 for channel in (2.2 * value, 2 * value - 0.7, 0.35 + 0.6 * value - 1.6 * value ** 2))


def draw(pictures, maps, out):
    (count, _, height, width), pixels = read_npy(pictures)
    (_, heads, rows, columns), weights = read_npy(maps)
    size, gap = 84, 8
    svg = [f"<svg xmlns='http://www.w3.org/2000/svg' font-family='system-ui, sans-serif' font-size='12'"
           f" viewBox='0 0 {(size + gap) * (heads + 1) + gap} {(size + gap) * count + gap + 20}'>"
           "<style>text { fill: #444 } image { image-rendering: pixelated }"
           " @media (prefers-color-scheme: dark) { text { fill: #ccc } }</style>"]
    titles = ["picture"] + [f"head {head + 1}" for head in range(heads)]
    for column, title in enumerate(titles):
        svg.append(f"<text x='{gap + column * (size + gap)}' y='16'>{title}</text>")
    for i in range(count):
        at = pixels[i * height * width:(i + 1) * height * width]
        grey = b"".join(bytes([int(255 * value)] * 3) for value in at)
        images = [png(width, height, grey)]
        for head in range(heads):
            first = (i * heads + head) * rows * columns
            part = weights[first:first + rows * columns]
            most = max(part) or 1
            images.append(png(columns, rows, b"".join(heat(value / most) for value in part)))
        for column, image in enumerate(images):
            svg.append(f"<image x='{gap + column * (size + gap)}' y='{24 + i * (size + gap)}'"
                       f" width='{size}' height='{size}' href='{image}'/>")
    with open(out, "w", encoding="utf8") as file:
        file.write("\n".join(svg) + "</svg>\n")


def main(arguments):
    if len(arguments) == 3 and arguments[0] == "pictures":
        take_pictures(*arguments[1:])
    elif len(arguments) == 4 and arguments[0] == "draw":
        draw(*arguments[1:])
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
