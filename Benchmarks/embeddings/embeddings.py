#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Embeddings beside sentence-transformers on the same machine: are they equal, how fast are they.

    embeddings.py compare --url URL --model FOLDER      1,000 texts in many scripts, elementwise
    embeddings.py speed   --url URL --model FOLDER      both sides by turns, texts per second
    embeddings.py speed   --url URL --peer URL --model FOLDER
                                                        a llama-server --embeddings besides

URL is that of a server of this repository (http://127.0.0.1:8080/v1) which serves FOLDER.
Needs numpy, openai, sentence-transformers.
"""
import argparse
import base64
import concurrent.futures
import json
import pathlib
import random
import statistics
import time
import unicodedata
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


def sentences_of(folder, count, seed=2):
    """Texts of 5 to 60 words, as search engines embed them."""
    generator = random.Random(seed)
    latin = [word for word in words_by_script(folder)["LATIN"] if len(word) > 2]
    return [" ".join(generator.choices(latin, k=generator.randint(5, 60))) for _ in range(count)]


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


def speed(arguments):
    texts = sentences_of(arguments.model, arguments.count)
    model = reference(arguments.model)
    sides = {"cierzo": lambda: embed(arguments.url, texts),
             "sentence-transformers": lambda: model.encode(texts, batch_size=32)}
    if arguments.peer:
        sides["peer"] = lambda: embed(arguments.peer, texts, batch=64)
    rates = {name: [] for name in sides}
    for round_index in range(arguments.rounds + 1):
        for name, run in sides.items():
            start = time.perf_counter()
            run()
            seconds = time.perf_counter() - start
            # The first round warms both up.
            if round_index:
                rates[name].append(len(texts) / seconds)
    own = statistics.median(rates["cierzo"])
    for name, values in rates.items():
        rate = statistics.median(values)
        print(f"{name:22} {rate:8.1f} texts/s   x {own / rate:.2f}   "
              + " ".join(f"{value:.0f}" for value in values))
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["compare", "speed"])
    parser.add_argument("--url", default="http://127.0.0.1:8080/v1")
    parser.add_argument("--peer")
    parser.add_argument("--model", type=pathlib.Path,
                        default=pathlib.Path("models/weights/all-MiniLM-L6-v2"))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    raise SystemExit(0 if globals()[arguments.what](arguments) else 1)


if __name__ == "__main__":
    main()
