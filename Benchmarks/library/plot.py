"""The plot: Cierzo's tokens per second relative to llama.cpp's, a bar for each model at each point."""
from xml.sax.saxutils import escape

WIDTH, TOP, HEIGHT, LEFT, BOTTOM = 860, 56, 260, 48, 44
# Mid tones, to be told apart on white and on black, and by the colour-blind.
COLOURS = ["#3b82d0", "#e08a1e", "#2fa37c", "#b06fc4", "#c95d5d", "#8a8f3a"]
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #333 }
.title { font-size: 14px; font-weight: 600 }
.number { font-size: 10px }
line { stroke: #888; stroke-opacity: .35 }
.one { stroke: #888; stroke-opacity: 1; stroke-dasharray: 4 3 }
.peer { stroke: #c22; stroke-opacity: 1; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .peer { stroke: #f66 } }
"""


def plot(report):
    """The SVG, legible on light and dark pages; a red mark is another peer's ratio."""
    points, models = report.points, report.models
    others = report.families[2:]
    ratios = {(m.name, p.key): m.ratio("llama.cpp", p) for m in models for p in points}
    highest = max([r[0] for r in ratios.values() if r] + [1.0])
    step = next(s for s in (0.5, 1, 2, 5, 10, 20, 50, 1e9) if highest / s <= 8)
    top = (int(highest / step) + 1) * step
    group = (WIDTH - LEFT) / max(len(points), 1)
    bar = group * 0.8 / max(len(models), 1)
    shapes = [f'<text class="title" x="{LEFT}" y="18">Tokens per second, llama.cpp = 1</text>']

    def y(value):
        return TOP + HEIGHT * (1 - value / top)

    for index in range(int(top / step) + 1):
        value = index * step
        shapes.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        shapes.append(f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>')
    at = LEFT
    for number, model in enumerate(models):
        colour = COLOURS[number % len(COLOURS)]
        shapes.append(f'<rect x="{at}" y="30" width="11" height="11" fill="{colour}"/>')
        shapes.append(f'<text x="{at + 16}" y="40">{escape(model.name)}</text>')
        at += 40 + 8 * len(model.name)
        for column, point in enumerate(points):
            ratio = ratios[model.name, point.key]
            if not ratio:
                continue
            x = LEFT + group * (column + 0.1) + bar * number
            shapes.append(
                f'<rect x="{x:.1f}" y="{y(ratio[0]):.1f}" width="{bar - 2:.1f}" '
                f'height="{y(0) - y(ratio[0]):.1f}" fill="{colour}"/>')
            shapes.append(
                f'<text class="number" x="{x + bar / 2 - 1:.1f}" y="{y(ratio[0]) - 4:.1f}" '
                f'text-anchor="middle">{ratio[0]:.1f}</text>')
            for other in others:
                ours, theirs = model.median("llama.cpp", point), model.median(other, point)
                if ours and theirs and theirs / ours <= top:
                    level = y(theirs / ours)
                    shapes.append(
                        f'<line class="peer" x1="{x:.1f}" x2="{x + bar - 2:.1f}" '
                        f'y1="{level:.1f}" y2="{level:.1f}"/>')
    for column, point in enumerate(points):
        shapes.append(
            f'<text x="{LEFT + group * (column + 0.5):.1f}" y="{TOP + HEIGHT + 20}" '
            f'text-anchor="middle">{escape(point.name)}</text>')
    shapes.append(f'<line class="one" x1="{LEFT}" x2="{WIDTH}" y1="{y(1):.1f}" y2="{y(1):.1f}"/>')
    for other in others:
        shapes.append(f'<text x="{LEFT}" y="{TOP + HEIGHT + 38}">red: {escape(other)}</text>')
    total = TOP + HEIGHT + BOTTOM
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total}" role="img">\n'
        f"<style>{STYLE}</style>\n" + "\n".join(shapes) + "\n</svg>\n")
