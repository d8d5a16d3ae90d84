// SPDX-License-Identifier: Apache-2.0

import JSON
import Testing

struct JSONFuzzTests {
    private static let seeds = [
        "{\"model\":\"mixtral\",\"messages\":[{\"role\":\"user\",\"content\":\"h\\u00e9\\ud83d\\ude00\"}],\"n\":1}",
        "[0,-1.5e-10,1E400,true,false,null,\"é😀\\\"\\\\\",{\"a\":{\"b\":[[[]]]}}]",
        "{\"a\":9223372036854775808,\"a\":[{},{},\"\\n\"],\"\":-0}",
    ]

    @Test(arguments: 0..<8)
    func `mutated text never traps, and what parses is stable`(seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        for _ in 0..<2_000 {
            var bytes = Array(Self.seeds[Int(random.next() % 3)].utf8)
            for _ in 0...(random.next() % 4) {
                guard !bytes.isEmpty else { break }
                let index = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 4 {
                case 0: bytes[index] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: index)
                case 2: bytes.insert(bytes[Int(random.next() % UInt64(bytes.count))], at: index)
                default: bytes.removeLast(bytes.count - index)
                }
            }
            guard let value = try? JSONParser.parse(bytes) else { continue }
            #expect(try JSONParser.parse(value.serializedBytes()) == value)
            #expect(try JSONParser.parse(value.serialized(.pretty)) == value)
        }
    }

    @Test(arguments: 0..<4)
    func `doubles survive the round trip`(seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        for _ in 0..<2_000 {
            let number = Double(bitPattern: random.next())
            guard number.isFinite else { continue }
            #expect(try JSONParser.parse(JSONValue.number(number).serialized()) == .number(number))
        }
    }
}

/// Steele, Lea and Flood 2014: the same numbers on every machine.
private struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
