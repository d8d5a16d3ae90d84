# SPDX-License-Identifier: Apache-2.0
"""Servers that are started for the checks."""

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request

READY_SECONDS = 600


class Server:
    """A program that serves a model, on a port that is free if none is given."""

    def __init__(self, program, weights, arguments=(), settings=None, port=None):
        if port is None:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
        self.root = f"http://127.0.0.1:{port}"
        environment = {**os.environ, **{
            f"CIERZO_{name.upper().replace('-', '_')}": str(value)
            for name, value in (settings or {}).items()}}
        self.process = subprocess.Popen(
            [program, "serve", "--model", weights, "--port", str(port), *arguments],
            env=environment, stdin=subprocess.DEVNULL)
        try:
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def wait_until_ready(self):
        for _ in range(READY_SECONDS * 4):
            if self.process.poll() is not None:
                raise RuntimeError(f"the server has ended with {self.process.returncode}")
            try:
                with urllib.request.urlopen(self.root + "/health", timeout=60):
                    return
            except OSError:
                time.sleep(0.25)
        raise RuntimeError(f"the server was not ready in {READY_SECONDS} s")

    def stop(self):
        self.process.terminate()
        self.process.wait()
