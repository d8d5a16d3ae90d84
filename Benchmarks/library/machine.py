"""The machine: what it is, and what it can do at most."""
import datetime
import pathlib
import subprocess

from .programs import objects, output


class Machine:
    def __init__(self, root, program, threads):
        if not program.exists():
            subprocess.run(["swift", "build", "-c", "release"], cwd=root, check=True)
        self.program = program
        self.threads = threads

    def limits(self):
        """GB/s read with all threads and Gop/s of the vector units, measured now."""
        return objects(output([self.program, "--limits", "--json", "--threads", self.threads]))[0]

    def description(self):
        fields = {}
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
        flags = set(fields.get("flags", "").split())
        sets = [name for name, flag in [
            ("AVX2", "avx2"), ("AVX-VNNI", "avx_vnni"), ("AVX-512", "avx512f"),
            ("AVX-512 VNNI", "avx512_vnni"), ("AVX-512 BF16", "avx512_bf16")] if flag in flags]
        name = (f"{fields.get('model name', 'unknown processor')}, family "
                f"{fields.get('cpu family', '?')} model {fields.get('model', '?')}")
        return {"processor": name, "instructions": sets, "threads": self.threads,
                "date": datetime.date.today().isoformat()}
