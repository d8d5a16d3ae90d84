#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Embeddings beside sentence-transformers on the same machine: are they equal, how fast are they.

    embeddings.py compare --url URL --model FOLDER      1,000 texts in many scripts, elementwise
    embeddings.py speed   --url URL --model FOLDER      texts a second, both sides by turns
    embeddings.py speed   --url URL --peer NAME=URL …   and servers beside them, such as llama-server

URL is that of a server of this repository (http://127.0.0.1:8080/v1) which serves FOLDER.
Needs numpy, openai, sentence-transformers.
"""
import argparse
import base64
import concurrent.futures
import json
import pathlib
import random
import socket
import statistics
import threading
import time
import unicodedata
import urllib.parse
import urllib.request

import numpy as np


def words_by_script(folder):
    """The vocabulary's whole words, by the first word of their characters' Unicode names."""
    scripts = {}
    for line in (folder / "vocab.txt").read_text(encoding="utf-8").splitlines():
        word = line.removeprefix("##")
        if not word or word.startswith("["):
            continue
        script = unicodedata.name(word[0], "OTHER").split()[0]
        scripts.setdefault(script, []).append(word)
    return scripts


def texts_of(folder, count, seed=1):
    """Texts of one script, of two, of random characters, and with what text has besides."""
    generator = random.Random(seed)
    scripts = words_by_script(folder)
    names = sorted(scripts)
    latin = scripts["LATIN"]
    alphabets = [range(0x20, 0x7F), range(0xA0, 0x250), range(0x370, 0x600), range(0x600, 0x750),
                 range(0x900, 0xE80), range(0x1100, 0x1200), range(0x3040, 0x3100),
                 range(0x4E00, 0x5000), range(0xAC00, 0xB000), range(0x1F300, 0x1F650),
                 range(0x2000, 0x2070), range(0x300, 0x370), range(0xFF00, 0xFFF0)]
    texts = []
    while len(texts) < count:
        length = generator.choice([1, 3, 8, 15, 30, 60, 120])
        kind = len(texts) % 5
        if kind == 0:
            words = generator.choices(latin, k=length)
        elif kind == 1:
            words = generator.choices(scripts[generator.choice(names)], k=length)
        elif kind == 2:
            mixed = latin + scripts[generator.choice(names)] * 20
            words = [generator.choice([str.upper, str.title, str])(word)
                     for word in generator.choices(mixed, k=length)]
        elif kind == 3:
            words = ["".join(chr(generator.choice(generator.choice(alphabets)))
                             for _ in range(generator.randint(1, 9))) for _ in range(length)]
        else:
            words = [word + generator.choice(["", ",", ".", "!", "\n", "\t", "’s", "—", "\u200b"])
                     for word in generator.choices(latin, k=length)]
        text = generator.choice([" ", " ", "  ", "\u00a0"]).join(words)
        if text.strip():
            texts.append(text)
    return texts


def sentences_of(folder, count, shortest, longest, seed=2):
    """Texts of so many words, each of which is one token."""
    generator = random.Random(seed)
    words = [word for word in (folder / "vocab.txt").read_text(encoding="utf-8").split()
             if len(word) > 2 and word.isascii() and word.isalpha()]
    return [" ".join(generator.choices(words, k=generator.randint(shortest, longest)))
            for _ in range(count)]


def embed(url, texts, batch=256, workers=4, **members):
    def one(start):
        body = {"model": "default", "input": texts[start:start + batch],
                "encoding_format": "base64", **members}
        request = urllib.request.Request(
            url + "/embeddings", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=600) as response:
            data = json.load(response)["data"]
        return [np.frombuffer(base64.b64decode(item["embedding"]), "<f4")
                if isinstance(item["embedding"], str) else np.array(item["embedding"], "f4")
                for item in data]

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        parts = list(pool.map(one, range(0, len(texts), batch)))
    return np.stack([vector for part in parts for vector in part])


def reference(folder):
    from sentence_transformers import SentenceTransformer
    return SentenceTransformer(str(folder), device="cpu")


def compare(arguments):
    texts = texts_of(arguments.model, arguments.count)
    own = embed(arguments.url, texts, truncate_prompt_tokens=-1)
    theirs = reference(arguments.model).encode(texts, batch_size=32)
    difference = np.abs(own - theirs)
    cosine = (own.astype("f8") * theirs.astype("f8")).sum(1) / (
        np.linalg.norm(own.astype("f8"), axis=1) * np.linalg.norm(theirs.astype("f8"), axis=1))
    print(f"{len(texts)} texts: largest difference {difference.max():.2e}, "
          f"least cosine 1 - {1 - cosine.min():.1e}")
    worst = difference.max(1).argsort()[::-1][:3]
    for index in worst:
        print(f"  {difference[index].max():.2e} {texts[index][:60]!r}")
    return difference.max() <= 1e-5 and cosine.min() >= 1 - 1e-6


class Workload:
    """Texts, how many go into a request, and how many requests are under way at a time."""

    def __init__(self, texts, batch, clients):
        self.texts, self.batch, self.clients = texts, batch, clients

    @property
    def requests(self):
        return [self.texts[start:start + self.batch]
                for start in range(0, len(self.texts), self.batch)]


def workloads(folder):
    """What is measured, by name: texts in a request and their length."""
    return {
        "32 short": Workload(sentences_of(folder, 640, 5, 15), 32, 1),
        "256 short": Workload(sentences_of(folder, 1024, 5, 15), 256, 1),
        "256 mixed": Workload(sentences_of(folder, 1024, 5, 60), 256, 2),
        "16 clients": Workload(sentences_of(folder, 640, 5, 15), 1, 16),
        "32 long": Workload(sentences_of(folder, 128, 248, 248), 32, 1),
    }


class Client:
    """A connection that stays; the bytes of requests are made before they are timed."""

    def __init__(self, url, workload):
        parts = urllib.parse.urlsplit(url)
        self.address = (parts.hostname, parts.port)
        self.workload = workload
        self.requests = []
        for texts in workload.requests:
            body = json.dumps({"model": "default", "input": texts,
                               "encoding_format": "base64"}).encode()
            head = (f"POST {parts.path}/embeddings HTTP/1.1\r\nHost: {parts.netloc}\r\n"
                    f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n")
            self.requests.append(head.encode() + body)

    def run(self):
        """Sends all requests; every client takes the next one when it has an answer."""
        waiting, lock = iter(self.requests), threading.Lock()

        def work():
            with socket.create_connection(self.address) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                stream = connection.makefile("rb")
                while True:
                    with lock:
                        request = next(waiting, None)
                    if request is None:
                        return
                    connection.sendall(request)
                    self.answer(stream)

        with concurrent.futures.ThreadPoolExecutor(self.workload.clients) as pool:
            for future in [pool.submit(work) for _ in range(self.workload.clients)]:
                future.result()

    @staticmethod
    def answer(stream):
        status = stream.readline().split()[1]
        headers = dict(line.lower().split(b":", 1) for line in
                       iter(lambda: stream.readline().rstrip(), b""))
        if b"content-length" in headers:
            body = stream.read(int(headers[b"content-length"]))
        else:
            body = b""
            while size := int(stream.readline(), 16):
                body += stream.read(size)
                stream.readline()
            stream.readline()
        if status != b"200":
            raise RuntimeError(f"{status.decode()}: {body[:500].decode()}")


def speed(arguments):
    model = reference(arguments.model)
    peers = dict(peer.split("=", 1) for peer in arguments.peer)
    print("texts/s", "Cierzo", "sentence-transformers", *peers, "times the best of them",
          "least and most", sep=" | ")
    for name, workload in workloads(arguments.model).items():
        if arguments.only not in name:
            continue
        # In process, without a server: what comes at the same time is one call, which it sorts by
        # length and computes 32 at a time.
        calls = workload.requests if workload.batch > 1 else [
            workload.texts[start:start + workload.clients]
            for start in range(0, len(workload.texts), workload.clients)]
        sides = {
            "Cierzo": Client(arguments.url, workload).run,
            "sentence-transformers": lambda: [model.encode(call, batch_size=32) for call in calls]}
        sides |= {peer: Client(url, workload).run for peer, url in peers.items()}
        rates = {side: [] for side in sides}
        for round_index in range(arguments.rounds + 1):
            for side, run in sides.items():
                start = time.perf_counter()
                run()
                seconds = time.perf_counter() - start
                # The first round warms all up.
                if round_index:
                    rates[side].append(len(workload.texts) / seconds)
        medians = {side: statistics.median(values) for side, values in rates.items()}
        own = medians.pop("Cierzo")
        spread = " ".join(f"{min(values):.0f}-{max(values):.0f}" for values in rates.values())
        print(name, f"{own:.0f}", *(f"{value:.0f}" for value in medians.values()),
              f"{own / max(medians.values()):.2f}", spread, sep=" | ", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["compare", "speed"])
    parser.add_argument("--url", default="http://127.0.0.1:8080/v1")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=URL")
    parser.add_argument("--only", default="", help="run only workloads whose name contains this")
    parser.add_argument("--model", type=pathlib.Path,
                        default=pathlib.Path("models/weights/all-MiniLM-L6-v2"))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    raise SystemExit(0 if globals()[arguments.what](arguments) else 1)


if __name__ == "__main__":
    main()
