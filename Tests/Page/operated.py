# SPDX-License-Identifier: Apache-2.0
"""A program as those have it who operate one: keys, usage, records, and a mixture of experts beside the model."""

import json
import subprocess
import urllib.request

from front import Front
from server import Server


class Operated:
    """`key` is an operator's, `mixture` the model that is not in memory at first; `front` stands before it.

    What is asked is recorded, sealed for the key in the file `private_key`.
    """

    def __init__(self, program, weights, folder):
        keys, mixture = folder / "keys.json", folder / "mixture.gguf"
        self.mixture = "mixture"
        made = subprocess.run(
            [program, "keys", "add", "operator", "--admin", "--json", "--key-file", keys],
            check=True, capture_output=True, text=True)
        self.key = json.loads(made.stdout)["key"]
        subprocess.run(
            [program, "upcycle", "--model", weights, "--output", mixture, "--experts", "4", "--top-k", "2",
             "--noise", "0.05", "--seed", "1"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.private_key, public_key = folder / "audit-private.pem", folder / "audit-public.pem"
        made = subprocess.run(
            [program, "audit", "keygen", "--private-key", self.private_key], check=True, capture_output=True, text=True)
        public_key.write_text(made.stdout)
        public_key.chmod(0o644)
        self.program = Server(program, weights, [
            "--audit", str(folder / "audit"), "--audit-content", "all", "--audit-content-key", str(public_key),
            "--key-file", str(keys), "--usage-file", str(folder / "usage.db"),
            "--models", f"{self.mixture}={mixture}"])
        self.front = Front(self.program.root)
        self.root = self.program.root

    def stop(self):
        self.front.stop()
        self.program.stop()

    def request(self, path, body=None, key=None, fields=None):
        """What the program answers, by the operator's key unless another one is given."""
        request = urllib.request.Request(
            self.root + path, None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {key or self.key}", "Content-Type": "application/json", **(fields or {})})
        with urllib.request.urlopen(request, timeout=600) as response:
            return json.load(response)

    def status(self, model):
        """Whether a model is `loaded`, `loading` or `unloaded`."""
        return self.request(f"/v1/models/{model}")["meta"]["status"]

    def chat(self, question, model="default", key=None, max_tokens=4, request=None):
        """Has a model answer, in a request of that identity."""
        return self.request("/v1/chat/completions", {
            "model": model, "messages": [{"role": "user", "content": question}], "max_tokens": max_tokens}, key,
            {"X-Request-Id": request} if request else None)
