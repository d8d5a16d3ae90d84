"""The programs that are measured: how each is asked for some points, and what it answers."""
import json
import re
import subprocess
import tempfile

from .points import Point, grouped


def output(command):
    """Runs a program alone; what it printed, or the end of the comparison where it failed."""
    command = [str(part) for part in command]
    # Some programs leave a log in the folder where they run.
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout + "\n" + done.stderr


def objects(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


class Cierzo:
    name = "Cierzo"
    family = "Cierzo"

    def __init__(self, program):
        self.program = program

    @classmethod
    def built(cls, root, program):
        if not program.exists():
            subprocess.run(["swift", "build", "-c", "release"], cwd=root, check=True)
        return cls(program)

    def bench(self, model, threads, *arguments):
        return objects(output(
            [self.program, "bench", "--model", model, "--threads", threads, "--json", *arguments]))

    def cost(self, model, threads):
        """Bytes of weights that decoding a token reads, and operations of its prefill."""
        return self.bench(model, threads, "--prompt", 1, "--generate", 1)[0]

    def speeds(self, model, points, threads, generate):
        answers = []
        for prompt, batches, generated in grouped(points, generate):
            reading = ["--reading"] if prompt == Point.BATCH_PROMPT and 1 in batches else []
            answers += self.bench(
                model, threads, "--prompt", prompt, "--generate", generated,
                "--batch", ",".join(map(str, batches)), *reading)
        speeds = {
            Point(a["phase"], a["prompt"], a["batch"]).key: a["tokens_per_second"]
            for a in answers if "tokens_per_second" in a}
        return speeds | {"reading": a["share"] for a in answers if a["phase"] == "reading"}


class Llama:
    """llama.cpp in one of its modes, by its own llama-batched-bench, with flash attention."""
    family = "llama.cpp"

    def __init__(self, program, mode, flags):
        self.program = program
        self.name = f"{self.family}, {mode}"
        self.flags = flags

    @classmethod
    def modes(cls, root, folder):
        program = folder / "bin/llama-batched-bench"
        if not program.exists():
            subprocess.run([root / "Benchmarks/build-peer", folder], check=True)
        shared = ["-fa", "on", "--output-format", "jsonl"]
        return [cls(program, "repacked", shared + ["--repack"]),
                cls(program, "as stored", shared + ["--no-repack"])]

    def speeds(self, model, points, threads, generate):
        speeds = {}
        for prompt, batches, generated in grouped(points, generate):
            # A short prompt is measured the second time, when all memory has been touched, as
            # `cierzo bench` does.
            rounds = [1] + batches if prompt <= 1024 else batches
            text = output(
                [self.program, "-m", model, "-t", threads, "-npp", prompt, "-ntg", generated,
                 "-npl", ",".join(map(str, rounds)), "-c", max(batches) * (prompt + generated),
                 *self.flags])
            for batch, prefill, decode in self.rows(text):
                speeds[Point("prefill", prompt, batch).key] = prefill
                speeds[Point("decode", prompt, batch).key] = decode
        return speeds

    def rows(self, text):
        return [(row["pl"], row["speed_pp"], row["speed_tg"]) for row in objects(text)]


class IkLlama(Llama):
    """ik_llama.cpp, whose llama-batched-bench prints a table."""
    family = "ik_llama.cpp"

    @classmethod
    def modes(cls, root, program):
        return [cls(program, "repacked", ["-fa", "on", "-rtr"]),
                cls(program, "as stored", ["-fa", "on"])]

    def rows(self, text):
        cells = [re.findall(r"[\d.]+", line) for line in text.splitlines() if line.startswith("|")]
        return [(int(c[2]), float(c[5]), float(c[7])) for c in cells if len(c) == 10]
