"""Writes docs/performance.md and its plots from what was measured."""

import os
import re
import statistics

import corpora
import plots

STEPS = corpora.Corpus.steps
MIB = 1 << 20
MARKERS = "<!-- measured: {} -->", "<!-- end of {} -->"

# The best peer's time over archivist's, that is to be reached.
TARGETS = {
    "tree": dict(first=4, unchanged=5, changed=4, extract=2, list=6, verify=4, one=4),
    "many": dict(first=3, unchanged=6, extract=3, list=10, verify=5),
    "vm": dict(first=2, changed=2, extract=2, verify=3),
    "rand": dict(first=2.5, changed=2, extract=2, verify=3),
    "logs": dict(first=2, extract=2, verify=3),
}
PEERS = ("borg", "borg-blake2", "restic")

# What one core of the machine does: bytes per second, or seconds. The first group is measured by
# `archivist benchmark cpu`, if there is a result of it.
RATES = {"SHA-256": 1.8e9, "seal, AES-256-GCM": 4.1e9, "open, AES-256-GCM": 4.1e9,
         "compress, lz4": 0.76e9, "decompress, lz4": 4.7e9,
         "chunker buzhash,17,21,16,4095": 1.1e9}
STAT, READ, MAKE = 5e-6, 20e-6, 35e-6


def write(results, path):
    directory = os.path.splitext(path)[0]
    os.makedirs(directory, exist_ok=True)
    text = open(path).read() if os.path.exists(path) else SKELETON
    for name, content in (("peers", tables(results)), ("runs", runs(results)),
                          ("plots", plot_all(results, directory))):
        begin, end = (marker.format(name) for marker in MARKERS)
        if begin not in text:
            text += f"\n{begin}\n{end}\n"
        text = re.sub(re.escape(begin) + ".*?" + re.escape(end),
                      lambda _: f"{begin}\n{content}\n{end}", text, flags=re.S)
    with open(path, "w") as file:
        file.write(text)


SKELETON = """# Performance

What `python3 Benchmarks/peers` has measured. Ratios are of one run, in which the programs took turns; times of
different runs, and of other machines, say little about each other.

- **wall** is what the clock says, **CPU** what all cores together spent: on a machine that others use, the CPU
  time is the one to believe.
- **limit** is the least that the machine needs for the step: what each byte and each file cost at least (see the
  end), spread over all cores.
- **peer** is the best of borg and restic at this step; the ratio in brackets is what is aimed at.
- Every extraction was compared with what was backed up, byte by byte.

## Results

<!-- measured: peers -->
<!-- end of peers -->

## Plots

<!-- measured: plots -->
<!-- end of plots -->

## Runs

<!-- measured: runs -->
<!-- end of runs -->
"""


class Figures:
    """The samples of one corpus, in medians."""

    def __init__(self, results, scale, corpus):
        self.samples = results.all["samples"]
        self.prefix = f"{scale}/{corpus}/"

    def entry(self, step, tool):
        return self.samples.get(f"{self.prefix}{step}/{tool}")

    def median(self, step, tool, what):
        entry = self.entry(step, tool)
        values = [sample[what] for sample in entry["of"] if what in sample] if entry else []
        return statistics.median(values) if values else None

    def best(self, step, what):
        """The peer that is best in the run that archivist's figure is of."""
        ours = self.entry(step, "archivist")
        known = [(self.median(step, peer, what), peer) for peer in PEERS
                 if self.entry(step, peer) and (not ours or self.entry(step, peer)["run"] == ours["run"])]
        return min(known) if known else (None, None)


def scales(results):
    return sorted({key.split("/")[0] for key in results.all["samples"]}, key=float, reverse=True)


def tools(results):
    known = {key.split("/")[3] for key in results.all["samples"]}
    order = ["archivist", "archivist-1core", "archivist-zstd", "borg", "borg-blake2", "borg-zstd", "restic", "cp"]
    return [tool for tool in order if tool in known]


def tables(results):
    lines = []
    # Smaller ones are for the plots.
    for scale in scales(results)[:1]:
        for corpus in corpora.KINDS:
            about = results.all["corpora"].get(f"{scale}/{corpus}")
            if about:
                lines += table(results, scale, corpus, about)
    return "\n".join(lines)


def table(results, scale, corpus, about):
    figures = Figures(results, scale, corpus)
    names = [tool for tool in tools(results) if any(figures.entry(step, tool) for step in STEPS)]
    lines = [f"### {corpus}: {about['title']}", "",
             f"{about['files']:,} files, {about['bytes'] / MIB:,.0f} MiB (scale {scale}). Seconds: wall (CPU).", "",
             "| step | " + " | ".join(names) + " | limit | of the limit | peer / archivist, wall | CPU |",
             "|---|" + "--:|" * (len(names) + 4)]
    for step in STEPS:
        if not any(figures.entry(step, tool) for tool in names):
            continue
        cells = []
        for tool in names:
            wall, cpu = figures.median(step, tool, "wall"), figures.median(step, tool, "cpu")
            cells.append("" if wall is None else f"{wall:.2f} ({cpu:.2f})")
        least = limit(results, figures, step, about)
        ours = figures.median(step, "archivist", "wall")
        cells.append(f"{least:.2f}" if least else "")
        cells.append(f"{100 * least / ours:.0f} %" if least and ours else "")
        for what in ("wall", "cpu"):
            best, peer = figures.best(step, what)
            own = figures.median(step, "archivist", what)
            target = TARGETS.get(corpus, {}).get(step)
            cells.append("" if best is None or own is None else
                         f"{best / own:.1f}× {peer}" + (f" ({target:g}×)" if target and what == "wall" else ""))
        lines.append(f"| {step} | " + " | ".join(cells) + " |")
    lines.append("")
    lines += ["| | " + " | ".join(names) + " |", "|---|" + "--:|" * len(names)]
    for title, step, what in (
            ("repository, MiB", "first", "repository"), ("growth, changed, MiB", "changed", "growth"),
            ("memory, first, MiB", "first", "memory"), ("memory, extract, MiB", "extract", "memory"),
            ("memory, verify, MiB", "verify", "memory")):
        values = [figures.median(step, tool, what) for tool in names]
        if any(value is not None for value in values):
            lines.append(f"| {title} | " + " | ".join(
                "" if value is None else f"{value / MIB:.1f}" for value in values) + " |")
    lines.append("")
    for step in ("first", "extract", "verify"):
        one, two = (figures.median(step, tool, "wall") for tool in ("archivist-1core", "archivist"))
        if one and two:
            lines.append(f"- {step}: all cores {one / two:.2f} × as fast as one")
    return lines + [""]


def limit(results, figures, step, about):
    """Seconds that all cores need at least; `None` where nothing can be said."""
    rates = dict(RATES)
    for entry in results.all.get("cpu", []):
        if entry["name"] in rates:
            rates[entry["name"]] = entry["bytes_per_second"]
    cores, files, size = os.cpu_count(), about["files"], about["bytes"]
    stored = figures.median("first", "archivist", "growth")
    if stored is None:
        return None
    # Files below the minimum of a chunk are not searched for cuts.
    searched = size if size / max(files, 1) > 128 << 10 else 0
    if step == "first":
        seconds = (size / rates["SHA-256"] + searched / rates["chunker buzhash,17,21,16,4095"]
                   + size / rates["compress, lz4"] + stored / rates["seal, AES-256-GCM"]
                   + stored / rates["SHA-256"] + files * (STAT + READ))
    elif step == "unchanged":
        seconds = files * STAT
    elif step in ("extract", "verify"):
        seconds = (stored / rates["open, AES-256-GCM"] + size / rates["decompress, lz4"]
                   + size / rates["SHA-256"])
        if step == "extract":
            seconds += files * MAKE
    else:
        return None
    return seconds / cores


def runs(results):
    lines = []
    for run, about in sorted(results.all["runs"].items()):
        lines += [f"- {run}: `{about['command']}`, {about['rounds']} rounds, medians", f"  - {about['machine']}"]
        versions = sorted(set(about["versions"].values()))
        lines.append(f"  - {'; '.join(versions)}")
    lines += ["", "Limits are computed from what one core does, in GB/s: "
              + ", ".join(f"{name} {rate / 1e9:.2f}" for name, rate in rates_now(results).items())
              + f"; and per file {STAT * 1e6:.0f} µs for a stat, {READ * 1e6:.0f} µs to open, read and close it, "
              f"{MAKE * 1e6:.0f} µs to make it."]
    return "\n".join(lines)


def rates_now(results):
    rates = dict(RATES)
    for entry in results.all.get("cpu", []):
        if entry["name"] in rates:
            rates[entry["name"]] = entry["bytes_per_second"]
    return rates


def plot_all(results, directory):
    lines = []
    for scale in scales(results)[:1]:
        for corpus in corpora.KINDS:
            figures = Figures(results, scale, corpus)
            names = [tool for tool in tools(results) if tool != "archivist-1core"]
            groups = [(step, [(tool, figures.median(step, tool, "wall")) for tool in names]) for step in STEPS]
            groups = [(step, bars) for step, bars in groups if any(value for _, value in bars)]
            if groups:
                plots.bars(f"{directory}/{corpus}.svg", f"{corpus}: seconds (scale {scale})", groups)
                lines.append(f"![{corpus}: seconds of each step]({os.path.basename(directory)}/{corpus}.svg)")
    # Against size, where there are several.
    for what, title, unit, divisor in (("wall", "time", "seconds", 1), ("memory", "memory", "MiB", MIB)):
        for step in ("first", "unchanged", "extract", "verify"):
            series = {}
            for scale in scales(results):
                about = results.all["corpora"].get(f"{scale}/tree")
                for tool in tools(results):
                    value = Figures(results, scale, "tree").median(step, tool, what)
                    if about and value is not None:
                        series.setdefault(tool, []).append((about["bytes"] / MIB, value / divisor))
            series = {tool: sorted(points) for tool, points in series.items() if len(points) > 1}
            if series:
                name = f"{title}-{step}.svg"
                plots.lines(f"{directory}/{name}", f"tree, {step}: {unit} against MiB", series)
                lines.append(f"![{title} of {step} against size]({os.path.basename(directory)}/{name})")
    return "\n".join(lines)
