#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes Tests/RecognitionTests/ExpressionGoldens.swift: which texts random patterns are found in.

    pip install regex && scripts/goldens/make-expression-goldens.py
"""
import itertools
import pathlib
import random

import regex

ALPHABET = "ab-"
TEXTS = ["".join(t) for n in range(5) for t in itertools.product(ALPHABET, repeat=n)]
random.seed(12)


def atom(depth, looks):
    choice = random.random()
    if depth > 0 and choice < 0.3:
        return "(?:" + pattern(depth - 1, looks) + ")"
    if choice < 0.6:
        return random.choice("ab")
    return random.choice(["-", ".", "[ab]", "[^a]", "\\w", "\\W", "[b-]", "ab"])


def quantified(depth, looks):
    part = atom(depth, looks)
    if len(part) == 2 and part[0] != "\\":
        return part
    return part + random.choice(["", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,3}", "{2,}"])


def assertion(depth, looks):
    kinds = ["^", "$", "\\b", "\\B"]
    if looks:
        kinds += ["(?=%s)", "(?!%s)", "(?!%s)", "(?<=[b-])", "(?<!a)", "(?<=^|-)", "(?<!\\w)"]
    kind = random.choice(kinds)
    return kind % pattern(max(0, depth - 1), False) if "%s" in kind else kind


def sequence(depth, looks):
    parts = []
    for _ in range(random.choice([1, 2, 2, 3, 4])):
        if random.random() < 0.25:
            parts.append(assertion(depth, looks))
        else:
            parts.append(quantified(depth, looks))
    return "".join(parts)


def pattern(depth, looks):
    return "|".join(sequence(depth, looks) for _ in range(random.choice([1, 1, 1, 2, 3])))


rows = {}
while len(rows) < 400:
    source = pattern(random.choice([0, 1, 2, 3]), len(rows) % 2 == 0)
    if len(rows) % 4 == 1:
        source = "^(?:" + source + ")$"
    if len(rows) % 16 == 3:
        source = source + random.choice(["(?<!ab)$", "(?<=b-)a", "(?<!-a|b)$"])
        body = source.split("(?<")[0]
        if "$" in body or "\\b" in body.lower() or "(?=" in body or "(?!" in body or "|" in body:
            continue
    compiled = regex.compile(source, regex.V0)
    bits = sum(1 << i for i, text in enumerate(TEXTS) if compiled.search(text))
    if bits in (0, (1 << len(TEXTS)) - 1) and random.random() < 0.9:
        continue
    rows[source] = bits

target = pathlib.Path(__file__).parents[2] / "Tests/RecognitionTests/ExpressionGoldens.swift"
target.write_text(
    """// SPDX-License-Identifier: Apache-2.0

/// Which texts of up to four of the letters a, b and - random patterns are found in.
///
/// Made by scripts/goldens/make-expression-goldens.py.
enum ExpressionGoldens {
    /// A pattern, then a bit for each text, shorter ones first, as a hexadecimal number.
    static let rows = #\"\"\"
"""
    + "".join(f"        {source} {bits:x}\n" for source, bits in rows.items())
    + """        \"\"\"#
}
"""
)
