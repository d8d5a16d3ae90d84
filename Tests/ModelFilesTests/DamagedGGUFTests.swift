// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles
import ModelTools
import TestSupport
import Testing

/// Damaged GGUF files: each must be one clear line, never a trap.
struct DamagedGGUFTests {
    struct Damage: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// What the error must mention.
        var mentions: String
        var inflict: @Sendable (inout RawGGUF) -> Void

        init(
            _ name: String, mentions: String = "",
            _ inflict: @escaping @Sendable (inout RawGGUF) -> Void
        ) {
            testDescription = name
            self.mentions = mentions
            self.inflict = inflict
        }
    }

    @Test(arguments: [nil, 2, 3] as [Int?], [true, false])
    func `the undamaged models open`(experts: Int?, stacked: Bool) throws {
        try openAndVerify(RawGGUF.model(experts: experts, stacked: stacked).bytes())
    }

    @Test(arguments: headerDamages + keyDamages + tensorDamages + contentDamages)
    func `damage is one clear line`(damage: Damage) throws {
        var raw = RawGGUF.model(experts: 2)
        damage.inflict(&raw)
        try expectOneLineError(mentions: damage.mentions) { try openAndVerify(raw.bytes()) }
    }

    @Test(arguments: numericKeys, badValues)
    func `a numeric key with a bad value is named`(key: String, bad: Damage) throws {
        var raw = RawGGUF.model(experts: 2)
        raw.set("llama.attention.key_length", .uint32(4))
        raw.set("llama.attention.value_length", .uint32(4))
        raw.remove(key)
        bad.inflict(&raw)
        // The value was set under a placeholder, whose name the key now takes.
        for index in raw.keys.indices where raw.keys[index].name == Array("KEY".utf8) {
            raw.keys[index].name = Array(key.utf8)
        }
        try expectOneLineError { try openAndVerify(raw.bytes()) }
    }

    @Test func `a file cut short anywhere is one clear line`() throws {
        let bytes = RawGGUF.model(experts: 2).bytes()
        // The last tensor's padding may be absent.
        for length in 0..<bytes.count - 32 {
            try expectOneLineError { try openAndVerify(Array(bytes[..<length])) }
        }
    }

    @Test(arguments: 0..<8)
    func `random damage never traps`(seed: Int) throws {
        let sound = RawGGUF.model(experts: seed % 2 == 0 ? 2 : nil).bytes()
        var random = SplitMix64(seed: UInt64(seed))
        for _ in 0..<800 {
            var bytes = sound
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                // Most hits go to the header, where the structure is.
                let range = Bool.random(using: &random) ? bytes.count : 1200
                let place = Int.random(in: 0..<range, using: &random)
                bytes[place] =
                    [0, 1, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &random)]
                    .randomElement(using: &random) ?? 0
            }
            do {
                try openAndVerify(bytes)
            } catch let error as ModelFileError {
                #expect(isOneLine(error))
            }
        }
    }
}
