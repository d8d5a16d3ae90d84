#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes small SentencePiece models with a map of characters, and the ids of many strings.

    make-unigram-goldens.py Tests/TokenizationTests/Goldens [--rule nmt_nfkc]

Reads strings.json, which make-token-goldens.py wrote to that folder, and writes unigram.json: models
that SentencePiece trained on many scripts, as base64, and a 32-bit hash of the ids of every string, by
SentencePiece itself and by tokenizers with the pipelines that published files have. The map has the
rules of NFKC for what occurs in the strings; with --rule it is one of SentencePiece's own, whole (that
is for a comparison by hand: the file is then ten times as large).
Needs: sentencepiece 0.2.3, tokenizers 0.23.3.
"""
import argparse
import base64
import importlib.util
import io
import json
import pathlib
import tempfile
import unicodedata

import sentencepiece
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

path = pathlib.Path(__file__).with_name("make-token-goldens.py")
spec = importlib.util.spec_from_file_location("token_goldens", path)
goldens = importlib.util.module_from_spec(spec)
spec.loader.exec_module(goldens)


def rules(texts):
    """NFKC of the characters in the texts, and of those with a mark behind them."""
    found = {}
    for text in texts:
        for start in range(len(text)):
            for count in (1, 2):
                key = text[start:start + count]
                if len(key) < count or (count == 2 and not unicodedata.combining(key[1])):
                    continue
                value = unicodedata.normalize("NFKC", key)
                if value != key and "\0" not in key:
                    found[key] = value
    found |= {character: " " for character in "\t\n\r\u3000\u2028\u00a0\u2003"}
    found |= {"\u200b": " ", "\ufeff": "", "\u0001": "", "\u007f": ""}
    # A rule for a half-width letter with a mark behind it, of six bytes.
    found |= {"\uff76": "\u30ab", "\uff76\uff9e": "\u30ac"}
    return found


def train(texts, rule, **options):
    output = io.BytesIO()
    corpus = goldens.SENTENCES.strip().split("\n") + goldens.CODE
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        for key, value in sorted(rules(texts).items()):
            hexed = ["".join(f"{ord(c):X} " for c in side).strip() for side in (key, value)]
            file.write("\t".join(hexed) + "\n")
        file.flush()
        options |= {"normalization_rule_name": rule} if rule else {
            "normalization_rule_tsv": file.name}
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(corpus * 4), model_writer=output, character_coverage=0.98,
            hard_vocab_limit=False, num_threads=1, minloglevel=2, **options)
    return output.getvalue()


def fields(message):
    """The fields of a protocol buffer that are bytes, by number."""
    index = 0

    def number():
        nonlocal index
        value, shift = 0, 0
        while True:
            byte = message[index]
            index += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while index < len(message):
        tag = number()
        if tag & 7 == 0:
            number()
        elif tag & 7 == 2:
            count = number()
            yield tag >> 3, message[index:index + count]
            index += count
        else:
            index += 4 if tag & 7 == 5 else 8


def map_of(model):
    normalizer = dict(fields(model))[3]
    return dict(fields(normalizer))[2]


METASPACE = pre_tokenizers.Metaspace("\u2581", "always")
WORDS = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), METASPACE])


def pipelines(characters):
    """As XLM-RoBERTa, BGE-M3 and T5 have them in files of several years."""
    precompiled = normalizers.Precompiled(characters)
    return {
        "words": (precompiled, WORDS),
        "collapsed": (normalizers.Sequence(
            [precompiled, normalizers.Replace(Regex(" {2,}"), " ")]), METASPACE),
        "stripped": (normalizers.Sequence(
            [precompiled, normalizers.Strip(left=False, right=True),
             normalizers.Replace(Regex(" {2,}"), "\u2581")]), METASPACE),
        "whole": (precompiled, pre_tokenizers.Metaspace("\u2581", "first", split=False)),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--rule")
    arguments = parser.parse_args()
    texts = json.loads((arguments.folder / "strings.json").read_text())
    trained = {
        "unigram": train(texts, arguments.rule, model_type="unigram", vocab_size=1000),
        "bytes": train(
            texts, arguments.rule, model_type="unigram", vocab_size=1200, byte_fallback=True,
            remove_extra_whitespaces=False, user_defined_symbols=["def", "<a \uff43>"]),
        "pairs": train(texts, arguments.rule, model_type="bpe", vocab_size=900),
    }
    hashes, ids = {}, {}
    for name, model in trained.items():
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        lists = [processor.encode(text) for text in texts]
        hashes[name] = "".join(map(goldens.fingerprint, lists))
        ids[name] = lists[560:580]
    steps = {}
    for name, fallback in (("unigram", False), ("bytes", True)):
        processor = sentencepiece.SentencePieceProcessor(model_proto=trained[name])
        vocabulary = [(processor.id_to_piece(i), processor.get_score(i))
                      for i in range(processor.vocab_size())]
        tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=0, byte_fallback=fallback))
        for kind, (normalizer, words) in pipelines(map_of(trained[name])).items():
            tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, words
            file = json.loads(tokenizer.to_str())
            text = json.dumps(file["normalizer"]).replace(
                base64.b64encode(map_of(trained[name])).decode(), "MAP")
            steps[kind] = {"normalizer": json.loads(text), "pre_tokenizer": file["pre_tokenizer"]}
            hashes[f"{name}-{kind}"] = "".join(
                goldens.fingerprint(tokenizer.encode(text).ids) for text in texts)
    goldens.write(arguments.folder / "unigram.json", {
        "models": {name: base64.b64encode(model).decode() for name, model in trained.items()},
        "maps": {name: base64.b64encode(map_of(model)).decode() for name, model in trained.items()
                 if name != "pairs"},
        "steps": steps, "firstString": 560, "ids": ids, "hashes": hashes})


if __name__ == "__main__":
    main()
