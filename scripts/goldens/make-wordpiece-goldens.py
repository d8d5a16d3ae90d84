#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what Hugging Face's tokenizers make of texts with a small WordPiece vocabulary.

    make-wordpiece-goldens.py > Tests/TokenizationTests/Goldens/wordpiece.json

    vocabulary   the pieces, by id
    cases        settings of BertNormalizer, and texts with their ids
    characters   what becomes of every character c in "a" + c + "b": ranges of code points with a
                 letter: r removed, s a space, p a word of its own, else k

Needs tokenizers.
"""
import json
import sys

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = "abcdefghijklmnopqrstuvwxyzABC0123456789.,!?-'()αβγσςжщё字漢日本語가각हिनอา"
WORDS = ["the", "token", "##izer", "##iz", "##ers", "un", "##aff", "##able", "hello", "world",
         "cafe", "naïve", "naive", "straße", "strasse", "##ing", "run", "##n", "日本", "привет"]
TEXTS = [
    "", " ", "Hello, World!", "the tokenizers", "unaffable", "Café CAFÉ cafe\u0301", "naïve NAÏVE",
    "Straße STRASSE", "ΑΒΓ Σς ΣΑΣ", "Привет, ЩЁЖ", "日本語 漢字x字", "हिन्दी", "กำ อา", "가각 한국",
    "a\u0000b\tc\nd\re\u00a0f\u2028g\u3000h", "x\u200by\u200dz\ufeffw\u00adv", "\ufffd",
    "[CLS] a [SEP][MASK]b [mask]", "don't (stop)…", "a" * 100, "a" * 101, "é" * 100, "é" * 101,
    "\U0001f600 a\U0001f468\u200d\U0001f469b", "İstanbul ǅ ﬁ ſ K Å", "x\u0301\u0323\u0327y", "1,234.5",
    "\u1734a \u166da \u1885a \ua9bda", "∞≠∑ $100 €5 £ ^`~|<>=+", "\U0002f800\uf900a", "\ud7a3\u1100\u1161",
]


def main():
    pieces = list(dict.fromkeys(
        SPECIAL + list(LETTERS) + ["##" + letter for letter in LETTERS] + WORDS))
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    cases = []
    for lower, strip, chinese, clean in [
            (True, None, True, True), (False, None, True, True), (True, False, True, True),
            (False, True, True, True), (True, None, False, True), (True, None, True, False)]:
        tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
        tokenizer.normalizer = BertNormalizer(
            clean_text=clean, handle_chinese_chars=chinese, strip_accents=strip, lowercase=lower)
        tokenizer.pre_tokenizer = BertPreTokenizer()
        tokenizer.post_processor = TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
        tokenizer.add_special_tokens(SPECIAL)
        cases.append({
            "lowercase": lower, "strip_accents": strip, "handle_chinese_chars": chinese,
            "clean_text": clean, "texts": [
                {"text": text, "ids": tokenizer.encode(text).ids} for text in TEXTS]})
    normalizer, words = BertNormalizer(), BertPreTokenizer()
    ranges = []
    for code in range(0x110000):
        if 0xD800 <= code < 0xE000:
            kind = "k"
        else:
            text = normalizer.normalize_str(f"a{chr(code)}b")
            split = [word for word, _ in words.pre_tokenize_str(text)]
            kind = ("r" if split == ["ab"] else "s" if split == ["a", "b"]
                    else "p" if len(split) == 3 else "k")
        if ranges and ranges[-1][1] == kind:
            continue
        ranges.append([code, kind])
    json.dump({"vocabulary": pieces, "cases": cases, "characters": ranges}, sys.stdout,
              ensure_ascii=True)
    print()


if __name__ == "__main__":
    main()
