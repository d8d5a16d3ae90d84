#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes how the reference engines split strings into words, and the classes of all characters.

    make-pretokenizer-goldens.py Tests/TokenizationTests/Goldens

Reference: Hugging Face tokenizers 0.23 (Unicode 16), whose regex engine backtracks, on the
expressions of the models; tiktoken has the same tables. Reads strings.json, which
make-token-goldens.py wrote to that folder, and writes words.json: for every string and pattern a
32-bit hash of the words' ends, counted in Unicode scalars. Trained on what make-token-goldens.py has
of many scripts, a small vocabulary: its tokenizer.json and, as Kimi K2 has it, its tiktoken.model,
with the ids of every string by tokenizers and tiktoken, are written to small-vocabulary.json.
Needs: tokenizers, tiktoken.
"""
import base64
import importlib.util
import json
import pathlib
import re
import sys

import tiktoken
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

path = pathlib.Path(__file__).with_name("make-token-goldens.py")
spec = importlib.util.spec_from_file_location("token_goldens", path)
goldens = importlib.util.module_from_spec(spec)
spec.loader.exec_module(goldens)

ANY = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
PREFIX = r"[^\r\n\p{L}\p{N}]?"
SPACE = r"\s*[\r\n]+|\s+(?!\S)|\s+"
OTHER = r" ?[^\s\p{L}\p{N}]+"
GPT2 = rf"'s|'t|'re|'ve|'m|'ll|'d| ?\p{{L}}+| ?\p{{N}}+|{OTHER}|\s+(?!\S)|\s+"


def cased(end, besides=""):
    upper = rf"[\p{{Lu}}\p{{Lt}}\p{{Lm}}\p{{Lo}}\p{{M}}{besides}]"
    lower = rf"[\p{{Ll}}\p{{Lm}}\p{{Lo}}\p{{M}}{besides}]"
    return rf"{PREFIX}{upper}*{lower}+{end}|{PREFIX}{upper}+{lower}*{end}"


def listed(name):
    """A set that CharacterRun.swift lists, which has the characters of DeepSeek's tokenizer.json."""
    source = pathlib.Path(__file__).parents[2] / "Sources/Text/Tokenization/CharacterRun.swift"
    text = source.read_text().split(f"{name}List =")[1].split("private")[0]
    parts = re.findall(r'"(.*)"', text)
    return re.sub(r"\\u\{(\w+)\}", lambda found: chr(int(found[1], 16)), "".join(parts))


NOT_HAN = r"&&[^\p{Han}]"
KIMI = rf"[\p{{Han}}]+|{cased(ANY + '?', NOT_HAN)}|\p{{N}}{{1,3}}|{OTHER}[\r\n]*|{SPACE}"
EASTERN = f"[{listed('eastern')}]+"

PATTERNS = {
    "kimi-k2": [KIMI],
    "deepseek-llm": [r"[\r\n]", rf"\s?[{listed('casedLetter')}]+", rf"\s?[{listed('commonMark')}]+",
                     r"\s+$", EASTERN, r"\p{N}"],
    "deepseek-coder": [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", EASTERN, r"\p{N}"],
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
           (16, r"\p{N}"), (32, r"\s"), (64, r"[\r\n]"), (128, r"\p{P}"), (256, r"\p{S}"), (512, r"\p{Han}")]


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


def byte_level(names):
    """A pipeline as the models' tokenizer.json has it."""
    steps = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in PATTERNS[names]]
    if names != "kimi-k2":
        steps[-1] = pre_tokenizers.Digits(individual_digits=True)
    return pre_tokenizers.Sequence(
        steps + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def small_vocabulary(texts):
    names = ["deepseek-llm", "deepseek-coder", "kimi-k2"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = byte_level(names[0])
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=700, initial_alphabet=alphabet, show_progress=False, special_tokens=[])
    corpus = goldens.SENTENCES.strip().split("\n") + goldens.CODE
    tokenizer.train_from_iterator(corpus * 3, trainer)
    file = json.loads(tokenizer.to_str())
    steps, hashes = {}, {}
    for name in names:
        tokenizer.pre_tokenizer = byte_level(name)
        steps[name] = json.loads(tokenizer.to_str())["pre_tokenizer"]
        hashes[name] = "".join(
            goldens.fingerprint(tokenizer.encode(text).ids) for text in texts)
    # The same tokens by rank: GPT-2's alphabet back to bytes.
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    byte_of = {chr(byte): byte for byte in printable}
    byte_of |= {chr(256 + index): byte for index, byte in enumerate(others)}
    tokens = [bytes(byte_of[character] for character in token)
              for token, _ in sorted(file["model"]["vocab"].items(), key=lambda pair: pair[1])]
    names = {len(tokens): "[BOS]", len(tokens) + 1: "[EOS]", len(tokens) + 2: "<|im_end|>",
             len(tokens) + 5: "<think>", len(tokens) + 257: "[PAD]"}
    encoding = tiktoken.Encoding(
        name="small", pat_str=KIMI, mergeable_ranks={token: rank for rank, token in enumerate(tokens)},
        special_tokens={name: id for id, name in names.items()})
    hashes["tiktoken"] = "".join(
        goldens.fingerprint(encoding.encode(text, disallowed_special=())) for text in texts)
    return {
        "vocab": file["model"]["vocab"], "merges": file["model"]["merges"], "steps": steps,
        "tiktoken.model": "".join(
            f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(tokens)),
        "tokenizer_config.json": {
            "tokenizer_class": "TikTokenTokenizer", "bos_token": "[BOS]", "eos_token": "[EOS]",
            "added_tokens_decoder": {
                str(id): {"content": name, "special": name != "<think>"} for id, name in names.items()}},
        "firstString": 560, "ids": [encoding.encode(text, disallowed_special=()) for text in texts[560:600]],
        "hashes": hashes}


def main():
    folder = pathlib.Path(sys.argv[1])
    texts = json.loads((folder / "strings.json").read_text())
    hashes = {}
    for name, patterns in PATTERNS.items():
        splitter = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns])
        hashes[name] = "".join(goldens.fingerprint(ends(text, splitter)) for text in texts)
    goldens.write(folder / "words.json", {"hashes": hashes, "classes": class_fingerprint()})
    goldens.write(folder / "small-vocabulary.json", small_vocabulary(texts))


if __name__ == "__main__":
    main()
