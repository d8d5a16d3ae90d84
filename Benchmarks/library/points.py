"""What is measured: one phase, at one prompt length and batch size."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Point:
    phase: str
    prompt: int
    batch: int

    # Prompt of each sequence before a batch is decoded: context enough to be a conversation's
    # start, and little beside the weights.
    BATCH_PROMPT = 32

    @classmethod
    def parse(cls, text):
        """Reads `prefill:512,decode:1,4,8,decode@8192`; a bare number repeats the kind before it."""
        points, kind = [], None
        for item in text.split(","):
            for mark in ":@":
                if mark in item:
                    kind, item = item[:item.index(mark) + 1], item[item.index(mark) + 1:]
            number = int(item)
            if kind == "prefill:":
                points.append(cls("prefill", number, 1))
            elif kind == "decode:":
                points.append(cls("decode", cls.BATCH_PROMPT, number))
            elif kind == "decode@":
                points.append(cls("decode", number, 1))
            else:
                raise SystemExit(f"--points: '{text}': expected prefill:N, decode:N or decode@N")
        return points

    @property
    def name(self):
        if self.phase == "prefill":
            return f"prefill {self.prompt:,}"
        if self.prompt == self.BATCH_PROMPT:
            return "decode" if self.batch == 1 else f"decode × {self.batch}"
        return f"decode after {self.prompt:,}"

    @property
    def key(self):
        return f"{self.phase}:{self.prompt}:{self.batch}"

    @classmethod
    def from_key(cls, key):
        phase, prompt, batch = key.split(":")
        return cls(phase, int(prompt), int(batch))


def grouped(points, generate):
    """The runs of a program that cover the points: (prompt, batch sizes, tokens to generate)."""
    runs = {}
    for point in points:
        batches, generated = runs.get(point.prompt, ([], 1))
        if point.batch not in batches:
            batches = batches + [point.batch]
        runs[point.prompt] = (batches, generate if point.phase == "decode" else generated)
    return [(prompt, batches, generated) for prompt, (batches, generated) in runs.items()]
