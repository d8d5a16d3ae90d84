"""The servers that are measured: started on a free port of this machine, and stopped again."""
import contextlib
import pathlib
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A running server: its port, and the memory that it holds."""

    def __init__(self, port, process):
        self.port = port
        self.process = process

    @property
    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024


@contextlib.contextmanager
def running(command):
    """Runs a server until its health is good, for as long as the block takes."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(part) for part in command] + ["--port", str(port)], cwd=folder,
                stdout=output, stderr=subprocess.STDOUT)
        try:
            wait(process, port, log)
            yield Server(port, process)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait(process, port, log):
    for _ in range(3000):
        if process.poll() is not None:
            raise SystemExit(f"{process.args} ended:\n{log.read_text(errors='replace')[-2000:]}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.1)
    raise SystemExit(f"{process.args} did not become healthy:\n{log.read_text()[-2000:]}")


def cierzo(program, model, threads, arguments=()):
    return [program, "serve", "--model", model, "--threads", threads, "--log-level", "error",
            *arguments]


def llama(program, model, threads, streams, context, arguments=()):
    """llama-server with a slot of `context` tokens for each stream."""
    return [program, "-m", model, "-t", threads, "-np", streams, "-c", streams * context,
            "-fa", "on", *arguments]
