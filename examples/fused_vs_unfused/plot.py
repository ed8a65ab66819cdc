#!/usr/bin/env python3
"""Draws what `attune compare --json` measured: time and memory over length.

Enters: one JSON file per model, {"points": [{"shape": {"seq": n}, "fused":
{"median_ms", "peak_bytes"}, "unfused": {...}, "max_rel_diff"}]}. Leaves: one SVG
with two panels per model, both axes logarithmic, so that a straight line of slope
1 is linear growth and one of slope 2 the square. Needs Python alone.

  plot.py --dim seq -o out.svg "bidirectional=a.json" "causal=b.json"
"""

import argparse
import html
import json
import math
import sys

WIDTH, HEIGHT = 430, 300  # of one panel
LEFT, RIGHT, TOP, BOTTOM = 70, 90, 40, 45  # margins inside a panel
COLOURS = {"fused": "#0072b2", "unfused": "#d55e00"}  # told apart by the colour-blind
KINDS = (("median_ms", "time", 1e-3, "s"), ("peak_bytes", "peak memory", 1, "B"))
PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""), (1e-3, "m"), (1e-6, "µ"))


def human(value, unit):
    """1500, "B" -> "1.5 kB"."""
    for size, prefix in PREFIXES:
        if value >= size:
            return f"{value / size:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}"


class Axis:
    """A logarithmic axis from pixel `start` to pixel `end`."""

    def __init__(self, values, start, end):
        self.low, self.high = math.log(min(values)), math.log(max(values))
        air = max(0.05 * (self.high - self.low), 0.1)  # a single point sits in the middle
        self.low, self.high = self.low - air, self.high + air
        self.start, self.end = start, end

    def __call__(self, value):
        share = (math.log(value) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self):
        """Round numbers, at most six."""
        low, high = math.exp(self.low), math.exp(self.high)
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for digits in ((1, 1.5, 2, 3, 4, 5, 7), (1, 2, 5), (1, 3), (1,)):
            found = [d * 10.0**e for e in decades for d in digits]
            found = [t for t in found if low <= t <= high]
            if len(found) <= 6:
                break
        return found


def text(x, y, words, anchor="middle", size=12, colour="#333"):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'fill="{colour}">{html.escape(words)}</text>'
    )


def line(x1, y1, x2, y2, colour="#ddd"):
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'
    )


def panel(title, lengths, series, unit):
    """One chart: `series` maps "fused" and "unfused" to values at `lengths`."""
    everything = [value for values in series.values() for value in values]
    x_axis = Axis(lengths, LEFT, WIDTH - RIGHT)
    y_axis = Axis(everything, HEIGHT - BOTTOM, TOP)
    yield text((LEFT + WIDTH - RIGHT) / 2, 20, title, size=14)
    for tick in y_axis.ticks():
        yield line(LEFT, y_axis(tick), WIDTH - RIGHT, y_axis(tick))
        yield text(LEFT - 6, y_axis(tick) + 4, human(tick, unit), "end", 11)
    for length in lengths:
        yield line(x_axis(length), TOP, x_axis(length), HEIGHT - BOTTOM)
        yield text(x_axis(length), HEIGHT - BOTTOM + 16, str(length), size=11)
    yield text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, "length (tokens)")
    ends = {}
    for name, values in series.items():
        points = [(x_axis(n), y_axis(v)) for n, v in zip(lengths, values)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline points="{path}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>'
        for x, y in points:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOURS[name]}"/>'
        ends[name] = points[-1]
    yield from names(ends)


def names(ends):
    """The lines' names at their ends, pushed apart where they would cover each other."""
    (upper, (x, top)), (lower, (_, bottom)) = sorted(ends.items(), key=lambda end: end[1][1])
    push = max(0, 16 - (bottom - top)) / 2
    yield text(x + 10, top - push + 4, upper, "start", 12, COLOURS[upper])
    yield text(x + 10, bottom + push + 4, lower, "start", 12, COLOURS[lower])


def read(path, dim):
    """The points of one report, by rising length."""
    with open(path, encoding="utf-8") as file:
        points = json.load(file)["points"]
    if not points:
        raise ValueError("holds no point")
    return sorted(points, key=lambda point: point["shape"][dim])


def draw(reports, dim):
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH * len(KINDS)}" '
        f'height="{HEIGHT * len(reports)}" font-family="sans-serif">'
    )
    yield '<rect width="100%" height="100%" fill="white"/>'
    for row, (name, points) in enumerate(reports):
        lengths = [point["shape"][dim] for point in points]
        for column, (key, what, scale, unit) in enumerate(KINDS):
            series = {side: [p[side][key] * scale for p in points] for side in COLOURS}
            yield f'<g transform="translate({column * WIDTH},{row * HEIGHT})">'
            yield from panel(f"{name}: {what}", lengths, series, unit)
            yield "</g>"
    yield "</svg>"


def table(reports, dim):
    """The same numbers as text."""
    for name, points in reports:
        print(f"{name}\n{dim:>8} {'fused':>10} {'unfused':>10} {'faster':>7} "
              f"{'fused':>10} {'unfused':>10} {'max diff':>9}")
        for point in points:
            fused, unfused = point["fused"], point["unfused"]
            print(
                f"{point['shape'][dim]:>8} "
                f"{human(fused['median_ms'] / 1e3, 's'):>10} "
                f"{human(unfused['median_ms'] / 1e3, 's'):>10} "
                f"{unfused['median_ms'] / fused['median_ms']:>6.2f}x "
                f"{human(fused['peak_bytes'], 'B'):>10} "
                f"{human(unfused['peak_bytes'], 'B'):>10} "
                f"{point['max_rel_diff']:>9.1e}"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dim", default="seq", help="the symbolic dim on the x axis")
    parser.add_argument("-o", "--output", required=True, help="the SVG to write")
    parser.add_argument("report", nargs="+", help="NAME=FILE.json")
    arguments = parser.parse_args()
    try:
        reports = []
        for report in arguments.report:
            name, _, path = report.rpartition("=")
            reports.append((name or path, read(path, arguments.dim)))
        drawing = "\n".join(draw(reports, arguments.dim)) + "\n"
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"plot.py: {report}: {error!r}")
    table(reports, arguments.dim)
    with open(arguments.output, "w", encoding="utf-8") as file:
        file.write(drawing)


if __name__ == "__main__":
    main()
