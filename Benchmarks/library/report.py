"""What was measured: kept as JSON, condensed to a table."""
import json
import statistics

from .points import Point
from .programs import IkLlama

IK_FAMILY = IkLlama.family
BEGIN, END = "<!-- compare:begin -->", "<!-- compare:end -->"


class Report:
    def __init__(self, contents):
        self.contents = contents

    @classmethod
    def of(cls, machine, programs, options):
        return cls({
            "machine": machine.description(), "repeats": options.repeats,
            "generate": options.generate, "points": [p.key for p in Point.parse(options.points)],
            "programs": [{"name": p.name, "family": p.family} for p in programs], "models": []})

    @classmethod
    def load(cls, path):
        return cls(json.loads(path.with_suffix(".json").read_text()))

    def save(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".json").write_text(json.dumps(self.contents, indent=1) + "\n")

    def add_model(self, name, path, cost):
        self.contents["models"].append({
            "name": name, "file_bytes": path.stat().st_size,
            "bytes_per_token": cost["bytes_per_token"],
            "operations_per_token": cost["operations_per_token"],
            "operations_per_prompt_token": cost["operations_per_prompt_token"], "limits": [], "rounds": {}})

    def add_limits(self, limits):
        self.contents["models"][-1]["limits"].append(limits)

    def add_round(self, program, speeds):
        self.contents["models"][-1]["rounds"].setdefault(program.name, []).append(speeds)

    # What the table and the plot are made of.

    @property
    def points(self):
        return [Point.from_key(key) for key in self.contents["points"]]

    @property
    def models(self):
        return [Measured(model, self.contents["programs"]) for model in self.contents["models"]]

    @property
    def families(self):
        return list(dict.fromkeys(p["family"] for p in self.contents["programs"]))

    @property
    def long_rounds_text(self):
        """How many rounds long prompts took part in, where these were fewer."""
        counts = {len(model.values("Cierzo", point)) for model in self.models
                  for point in self.points if point.prompt > 1024}
        fewer = max(counts, default=0)
        return f" (long prompts: {fewer})" if 0 < fewer < self.contents["repeats"] else ""

    def markdown(self):
        machine = self.contents["machine"]
        blocks = [
            f"{machine['processor']} ({', '.join(machine['instructions'])}), "
            f"{machine['threads']} threads, {machine['date']}. Tokens/s, medians of "
            f"{self.contents['repeats']} alternating rounds{self.long_rounds_text}; in brackets the "
            "ratios of the slowest and the fastest round. Each peer in the better of its two modes, "
            "with and without repacked weights."]
        peers = self.families[1:]
        if IK_FAMILY in peers:
            blocks[0] += (f" The benchmark of {IK_FAMILY} gives all sequences the same token, so that "
                          "they share their experts: with 4 to 8 of them it reads far less.")
        for model in self.models:
            limits = model.limits
            blocks.append(
                f"**{model.name}** — reads {limits['read_gbps']:.1f} GB/s, int8 "
                f"{limits['int8_gops']:.0f} Gop/s, f32 {limits['f32_gops']:.0f} Gop/s")
            rows = ["| | Cierzo | " + " | ".join(f"{p} | ratio" for p in peers) + " | of the limit |",
                    "|---" * (3 + 2 * len(peers)) + "|"]
            for point in self.points:
                if model.median("Cierzo", point) is None:
                    continue
                cells = [point.name, speed(model.median("Cierzo", point))]
                for peer in peers:
                    cells += [speed(model.median(peer, point)), model.ratio_text(peer, point)]
                rows.append("| " + " | ".join(cells + [model.share_text(point)]) + " |")
            blocks.append("\n".join(rows))
        return "\n\n".join(blocks) + "\n"

    def replace_in(self, readme, plot):
        text = readme.read_text()
        before, mark, rest = text.partition(BEGIN)
        _, end, after = rest.partition(END)
        if not mark or not end:
            raise SystemExit(f"{readme}: the marks {BEGIN} and {END} are missing")
        picture = plot.resolve().relative_to(readme.resolve().parent)
        readme.write_text(
            f"{before}{BEGIN}\n{self.markdown()}\n"
            f"![Tokens per second relative to llama.cpp]({picture})\n{END}{after}")


class Measured:
    """The rounds of one model."""

    def __init__(self, contents, programs):
        self.contents = contents
        self.name = contents["name"]
        self.modes = {}
        for program in programs:
            self.modes.setdefault(program["family"], []).append(program["name"])

    @property
    def limits(self):
        rounds = self.contents["limits"]
        return {key: max(r[key] for r in rounds) for key in rounds[0]}

    def values(self, program, point):
        rounds = self.contents["rounds"].get(program, [])
        return [r[point.key] for r in rounds if point.key in r]

    def best(self, family, point):
        """The values of the family's better mode at this point."""
        modes = [self.values(name, point) for name in self.modes[family]]
        return max(modes, key=median)

    def median(self, family, point):
        values = self.best(family, point)
        return statistics.median(values) if values else None

    def ratio(self, family, point):
        """Cierzo's median over the family's, and the smallest and largest ratio of a round."""
        ours, theirs = self.best("Cierzo", point), self.best(family, point)
        if not ours or not theirs:
            return None
        rounds = [a / b for a, b in zip(ours, theirs)]
        return statistics.median(ours) / statistics.median(theirs), min(rounds), max(rounds)

    def ratio_text(self, family, point):
        ratio = self.ratio(family, point)
        return "–" if ratio is None else f"**{ratio[0]:.2f}** ({ratio[1]:.2f}–{ratio[2]:.2f})"

    def share_text(self, point):
        """Of memory bandwidth for one stream, of the int8 peak for prefill."""
        ours = self.median("Cierzo", point)
        if ours is None:
            return "–"
        if point.phase == "prefill":
            if not self.limits["int8_gops"]:
                return "–"
            done, model = (ours * self.contents[key] / self.limits["int8_gops"] / 1e9 for key in
                           ["operations_per_prompt_token", "operations_per_token"])
            return f"{done:.0%} of int8 ({model:.0%})"
        if point.prompt != Point.BATCH_PROMPT:
            return self.kept_text(point)
        if point.batch == 1:
            shares = [r["reading"] for r in self.contents["rounds"]["Cierzo"] if "reading" in r]
            return f"{median(shares):.0%} of reading" if shares else ""
        return ""


    def kept_text(self, point):
        """How much of the speed with little context is left after a long one, by program."""
        short = Point("decode", Point.BATCH_PROMPT, point.batch)
        kept = []
        for family in self.modes:
            # The same mode for both, the one that is better with little context.
            mode = max(self.modes[family], key=lambda name: median(self.values(name, short)))
            first, then = median(self.values(mode, short)), median(self.values(mode, point))
            if first and then:
                kept.append(f"{then / first:.0%}")
        return "keeps " + " / ".join(kept) if kept else ""


def median(values):
    return statistics.median(values) if values else 0


def speed(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
