#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes how the reference engines split strings into words, and the classes of all characters.

    make-pretokenizer-goldens.py Tests/TokenizationTests/Goldens

Reference: Hugging Face tokenizers 0.23 (Unicode 16), whose regex engine backtracks, on the
expressions of the models; tiktoken has the same tables. Reads strings.json, which
make-token-goldens.py wrote to that folder, and writes words.json: for every string and pattern a
32-bit hash of the words' ends, counted in Unicode scalars.
Needs: tokenizers.
"""
import importlib.util
import json
import pathlib
import sys

from tokenizers import Regex, pre_tokenizers

path = pathlib.Path(__file__).with_name("make-token-goldens.py")
spec = importlib.util.spec_from_file_location("token_goldens", path)
goldens = importlib.util.module_from_spec(spec)
spec.loader.exec_module(goldens)

ANY = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
PREFIX = r"[^\r\n\p{L}\p{N}]?"
UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
SPACE = r"\s*[\r\n]+|\s+(?!\S)|\s+"
OTHER = r" ?[^\s\p{L}\p{N}]+"
GPT2 = rf"'s|'t|'re|'ve|'m|'ll|'d| ?\p{{L}}+| ?\p{{N}}+|{OTHER}|\s+(?!\S)|\s+"


def cased(end):
    return rf"{PREFIX}{UPPER}*{LOWER}+{end}|{PREFIX}{UPPER}+{LOWER}*{end}"


PATTERNS = {
    "gpt2": [GPT2],
    "smollm": [r"\p{N}", GPT2],
    "llama3": [rf"{ANY}|{PREFIX}\p{{L}}+|\p{{N}}{{1,3}}|{OTHER}[\r\n]*|{SPACE}"],
    "qwen2": [rf"{ANY}|{PREFIX}\p{{L}}+|\p{{N}}|{OTHER}[\r\n]*|{SPACE}"],
    "qwen35": [rf"{ANY}|{PREFIX}[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|{SPACE}"],
    "tekken": [rf"{cased('')}|\p{{N}}|{OTHER}[\r\n/]*|{SPACE}"],
    "gpt4o": [rf"{cased(ANY + '?')}|\p{{N}}{{1,3}}|{OTHER}[\r\n/]*|{SPACE}"],
    "deepseek-v3": [
        r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+",
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"""
        r" ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "default": [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", r"[0-9][0-9][0-9]"],
}

# Bits of CharacterClass.swift.
CLASSES = [(1, r"[\p{Lu}\p{Lt}]"), (2, r"\p{Ll}"), (4, r"[\p{Lm}\p{Lo}]"), (8, r"\p{M}"),
           (16, r"\p{N}"), (32, r"\s"), (64, r"[\r\n]"), (128, r"\p{P}"), (256, r"\p{S}")]


def ends(text, splitter):
    result, end = [], 0
    for word, _ in splitter.pre_tokenize_str(text):
        end += len(word)
        result.append(end)
    assert end == len(text), (text, result)
    return result


def class_fingerprint():
    scalars = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    classes = dict.fromkeys(scalars, 0)
    for bit, pattern in CLASSES:
        splitter = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
        for start in range(0, len(scalars), 4096):
            text = "".join(map(chr, scalars[start:start + 4096]))
            for word, _ in splitter.pre_tokenize_str(text):
                for character in word:
                    classes[ord(character)] |= bit
    return goldens.fingerprint(classes[c] for c in scalars)


def main():
    folder = pathlib.Path(sys.argv[1])
    texts = json.loads((folder / "strings.json").read_text())
    hashes = {}
    for name, patterns in PATTERNS.items():
        splitter = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns])
        hashes[name] = "".join(goldens.fingerprint(ends(text, splitter)) for text in texts)
    goldens.write(folder / "words.json", {"hashes": hashes, "classes": class_fingerprint()})


if __name__ == "__main__":
    main()
