#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The grids of ggml's IQ1 to IQ3 types, as the `gguf` package has them.

usage: make-iq-grids.py c > Sources/Base/CKernels/iq_grids.h
       make-iq-grids.py swift > Sources/Model/Quantization/IQGrid.swift

An entry is a number whose digits choose the levels of its elements, the first element lowest.
"""
import sys

import numpy as np
from gguf import quants

GRIDS = [
    ("iq1", quants.IQ1_S, 2), ("iq2_xxs", quants.IQ2_XXS, 2), ("iq2_xs", quants.IQ2_XS, 2),
    ("iq2_s", quants.IQ2_S, 2), ("iq3_xxs", quants.IQ3_XXS, 3), ("iq3_s", quants.IQ3_S, 3),
]



def numbers(kind, bits):
    kind.init_grid()
    levels = np.array(kind.grid_map)
    grid = np.asarray(kind.grid).reshape(kind.grid_shape)
    digits = np.array([[int(np.where(levels == v)[0][0]) for v in row] for row in grid])
    return [sum(int(d) << bits * k for k, d in enumerate(row)) for row in digits]


if sys.argv[1] == "swift":
    print("""// SPDX-License-Identifier: Apache-2.0

/// A grid of the IQ1 to IQ3 types: an entry is a number whose digits choose the levels of 8 elements
/// (2 bits each) or of 4 (3 bits each), the first element lowest.
///
/// The kernels have the same in `iq_grids.h`; scripts/goldens/make-iq-grids.py wrote both files.
struct IQGrid: Sendable {
    private let entries: [UInt16]
    private let levels: [Float]
    private let bitsPerElement: Int

    /// Creates a grid.
    ///
    /// - Parameters:
    ///   - text: the entries in hexadecimal, four digits each or three.
    ///   - levels: what the digits stand for: of 2 bits where there are 3, else of 3.
    private init(_ text: String, levels: [Float]) {
        bitsPerElement = levels.count == 3 ? 2 : 3
        self.levels = levels + (levels.count == 3 ? [0] : [])
        let width = bitsPerElement == 2 ? 4 : 3
        var entries: [UInt16] = []
        var entry: UInt16 = 0
        var count = 0
        for digit in text.utf8.compactMap(Self.value) {
            entry = entry << 4 | UInt16(digit)
            count += 1
            if count % width == 0 {
                entries.append(entry)
                entry = 0
            }
        }
        self.entries = entries
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    /// Level k of an entry.
    func level(_ entry: Int, _ k: Int) -> Float {
        levels[Int(entries[entry]) >> (bitsPerElement * k) & (1 << bitsPerElement - 1)]
    }
""")
    for name, kind, bits in GRIDS:
        digits = "".join(f"{n:0{4 if bits == 2 else 3}x}" for n in numbers(kind, bits))
        words = name.split("_")
        camel = words[0] + "".join(word.upper() for word in words[1:])
        print(f"    static let {camel} = IQGrid(")
        print('        """')
        for at in range(0, len(digits), 88):
            print("        " + digits[at:at + 88])
        print('        """,')
        print(f"        levels: {[int(level) for level in kind.grid_map]})")
        print()
    print("}")
    sys.exit()

print("""// SPDX-License-Identifier: Apache-2.0
// The grids of the IQ1 to IQ3 types; scripts/goldens/make-iq-grids.py wrote this file.
//
// An entry is a number whose digits choose the levels of 8 elements (2 bits each) or of 4 (3 bits
// each), the first element lowest. The compiler makes a byte per element of it.
#ifndef CIERZO_IQ_GRIDS_H
#define CIERZO_IQ_GRIDS_H

#include <stdint.h>

#define CK_DIGITS_2(level, x) \\
    (level((x) & 3) | level((x) >> 2 & 3) << 8 | level((x) >> 4 & 3) << 16 \\
     | level((x) >> 6 & 3) << 24 | level((x) >> 8 & 3) << 32 | level((x) >> 10 & 3) << 40 \\
     | level((x) >> 12 & 3) << 48 | level((x) >> 14 & 3) << 56)
#define CK_DIGITS_3(level, x) \\
    (level((x) & 7) | level((x) >> 3 & 7) << 8 | level((x) >> 6 & 7) << 16 \\
     | level((x) >> 9 & 7) << 24)
// -1, 0, 1
#define CK_IQ1_LEVEL(q) ((uint64_t)((q) == 0 ? 255 : (q) == 1 ? 0 : 1))
// 8, 25, 43
#define CK_IQ2_LEVEL(q) ((uint64_t)((q) == 0 ? 8 : (q) == 1 ? 25 : 43))
// 4, 12, 20, 28, 36, 44, 52, 62
#define CK_IQ3_XXS_LEVEL(q) ((uint32_t)((q) == 7 ? 62 : 8 * (q) + 4))
// 1, 3, 5 to 15
#define CK_IQ3_S_LEVEL(q) ((uint32_t)(2 * (q) + 1))
""")
for name, kind, bits in GRIDS:
    entries = numbers(kind, bits)
    level = "CK_IQ2_LEVEL" if name.startswith("iq2") else f"CK_{name.upper()}_LEVEL"
    print(f"static const uint{64 if bits == 2 else 32}_t ck_{name}_grid[{len(entries)}] = {{")
    print(f"#define G(x) CK_DIGITS_{bits}({level}, x)")
    width = 4 if bits == 2 else 3
    for at in range(0, len(entries), 8):
        print("    " + " ".join(f"G(0x{n:0{width}x})," for n in entries[at:at + 8]))
    print("#undef G\n};\n")
print("#endif")
