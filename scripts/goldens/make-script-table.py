#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes Sources/Text/Recognition/RegularExpressions/ScriptTable.swift from the package `regex`.

    pip install regex && scripts/goldens/make-script-table.py
"""
import pathlib
import textwrap

import regex

SCRIPTS = """Latin Latn Greek Grek Cyrillic Cyrl Armenian Armn Hebrew Hebr Arabic Arab Syriac Syrc
Thaana Thaa Devanagari Deva Bengali Beng Gurmukhi Guru Gujarati Gujr Oriya Orya Tamil Taml Telugu
Telu Kannada Knda Malayalam Mlym Sinhala Sinh Thai Thai Lao Laoo Tibetan Tibt Myanmar Mymr Georgian
Geor Hangul Hang Ethiopic Ethi Cherokee Cher Khmer Khmr Mongolian Mong Hiragana Hira Katakana Kana
Bopomofo Bopo Han Hani""".split()


def ranges(name):
    script = regex.compile(r"\p{%s}" % name)
    found = []
    for value in range(0x110000):
        if 0xD800 <= value < 0xE000 or not script.match(chr(value)):
            continue
        if found and found[-1][1] == value - 1:
            found[-1][1] = value
        else:
            found.append([value, value])
    return " ".join("%X" % a if a == b else "%X-%X" % (a, b) for a, b in found)


def wrapped(name, indent):
    text = textwrap.wrap(ranges(name), 84)
    return [" " * indent + line + " \\" for line in text[:-1]] + [" " * indent + text[-1]]


target = pathlib.Path(__file__).parents[2]
target /= "Sources/Text/Recognition/RegularExpressions/ScriptTable.swift"
lines = [
    "// SPDX-License-Identifier: Apache-2.0",
    "",
    "/// The code points of scripts, which the standard library does not know.",
    "///",
    "/// Made by scripts/goldens/make-script-table.py.",
    "enum ScriptTable {",
    "    /// The ranges of a script in hexadecimal, by its name and its ISO 15924 code.",
    "    static func ranges(of name: String) -> String? {",
    "        switch name {",
]
for name, code in zip(SCRIPTS[::2], SCRIPTS[1::2]):
    lines.append(f'        case "{name}"' + ("" if name == code else f', "{code}"') + ":")
    lines.append('            """')
    lines += wrapped("Script=" + name, 12)
    lines.append('            """')
lines += ["        default: nil", "        }", "    }", ""]
lines.append("    /// The ranges of the property `Extended_Pictographic`.")
lines += ["    static let pictographs =", '        """']
lines += wrapped("Extended_Pictographic", 8) + ['        """', "}", ""]
target.write_text("\n".join(lines))
