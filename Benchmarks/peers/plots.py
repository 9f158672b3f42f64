"""Plots as SVG, without anything that python does not come with."""

from html import escape

COLOURS = {"archivist": "#1b6ca8", "archivist-1core": "#7fb3d5", "archivist-zstd": "#0b3c5d",
           "borg": "#c0392b", "borg-blake2": "#e67e22", "borg-zstd": "#7b241c", "restic": "#27ae60",
           "cp": "#999999"}
OTHERS = ["#1b6ca8", "#c0392b", "#27ae60", "#e67e22", "#8e44ad"]
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 860, 360, 60, 60, 40


def colour(name, number):
    return COLOURS.get(name) or OTHERS[number % len(OTHERS)]


def bars(path, title, groups):
    """Groups of bars: `(label, [(series, value or None)])`."""
    top = max(value for _, values in groups for _, value in values if value) or 1
    names = [name for name, _ in groups[0][1]]
    parts = frame(title, names, top)
    slot = (WIDTH - LEFT - 20) / len(groups)
    for place, (label, values) in enumerate(groups):
        width = slot * 0.8 / len(values)
        for number, (name, value) in enumerate(values):
            if value is None:
                continue
            x = LEFT + place * slot + slot * 0.1 + number * width
            height = (HEIGHT - TOP - BOTTOM) * value / top
            y = HEIGHT - BOTTOM - height
            parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width * 0.9:.1f}" height="{height:.1f}" '
                         f'fill="{colour(name, number)}"><title>{escape(name)}: {value:.2f}</title></rect>')
        parts.append(text(LEFT + (place + 0.5) * slot, HEIGHT - BOTTOM + 18, label, "middle"))
    save(path, parts)


def lines(path, title, series):
    """A line for each series: `{name: [(x, y)]}`."""
    top = max(y for points in series.values() for _, y in points) or 1
    right = max(x for points in series.values() for x, _ in points) or 1
    parts = frame(title, list(series), top)
    place = lambda x, y: (LEFT + (WIDTH - LEFT - 30) * x / right,
                          HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / top)
    for number, (name, points) in enumerate(series.items()):
        at = [place(x, y) for x, y in points]
        path_data = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        parts.append(f'<polyline points="{path_data}" fill="none" stroke="{colour(name, number)}" '
                     f'stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour(name, number)}"/>' for x, y in at]
    for x in sorted({x for points in series.values() for x, _ in points}):
        parts.append(text(place(x, 0)[0], HEIGHT - BOTTOM + 18, f"{x:,.0f}", "middle"))
    save(path, parts)


def frame(title, names, top):
    parts = [text(LEFT, 20, title, "start", 15)]
    x = LEFT
    for number, name in enumerate(names):
        parts.append(f'<rect x="{x}" y="32" width="10" height="10" fill="{colour(name, number)}"/>')
        parts.append(text(x + 14, 41, name))
        x += 24 + 7 * len(name)
    for tick in range(5):
        value = top * tick / 4
        y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * tick / 4
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - 20}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(text(LEFT - 6, y + 4, f"{value:.3g}", "end"))
    return parts


def text(x, y, content, anchor="start", size=12):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">'
            f'{escape(content)}</text>')


def save(path, parts):
    with open(path, "w") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
                   f'font-family="sans-serif">\n<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n'
                   + "\n".join(parts) + "\n</svg>\n")
