// SPDX-License-Identifier: Apache-2.0

import Recognition

/// Reads whole texts with a recognizer.
struct Reading {
    /// What becomes of a text.
    enum Verdict: Equatable {
        /// It may end there.
        case complete
        /// It has to go on.
        case open
        /// It cannot be completed from that byte on.
        case refused(at: Int)
    }

    let recognizer: any Recognizer

    init(_ recognizer: any Recognizer) { self.recognizer = recognizer }

    init(_ structure: Structure) throws(RecognitionError) {
        recognizer = try StructureRecognizer(structure)
    }

    func verdict(_ string: String) -> Verdict {
        let text = RecognizedText()
        var state = recognizer.start
        for (index, byte) in string.utf8.enumerated() {
            state = recognizer.advance(state, by: byte, after: text)
            if state.isDead { return .refused(at: index) }
            text.append(byte)
        }
        return recognizer.canEnd(state, after: text) ? .complete : .open
    }
}

/// The texts of structures, found by trying all.
enum Spelling {
    /// All texts of the letters a and b up to a length.
    static func all(upTo length: Int) -> [String] {
        var texts = [""]
        var last = [""]
        for _ in 0..<length {
            last = last.flatMap { [$0 + "a", $0 + "b"] }
            texts += last
        }
        return texts
    }

    static func texts(of structure: Structure, upTo length: Int) -> Set<String> {
        switch structure {
        case .literal(let text): return text.count <= length ? [text] : []
        case .sequence(let parts):
            return parts.reduce([""]) { joined($0, texts(of: $1, upTo: length), length) }
        case .choice(let options):
            return options.reduce(into: []) { $0.formUnion(texts(of: $1, upTo: length)) }
        case .repetition(let part, let least, let most):
            let once = texts(of: part, upTo: length)
            var power: Set<String> = [""]
            var result: Set<String> = least == 0 ? [""] : []
            for count in 1...(most.map { max(1, $0) } ?? least + length) where most != 0 {
                power = joined(power, once, length)
                if count >= least { result.formUnion(power) }
            }
            return result
        default: return []
        }
    }

    private static func joined(
        _ left: Set<String>, _ right: Set<String>, _ length: Int
    ) -> Set<String> {
        var result: Set<String> = []
        for first in left {
            for second in right where first.count + second.count <= length {
                result.insert(first + second)
            }
        }
        return result
    }
}

/// A random number generator that says the same each time.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func structure(depth: Int) -> Structure {
        let kind = depth == 0 ? 0 : Int.random(in: 0..<6, using: &self)
        switch kind {
        case 0, 1:
            return .literal(["", "a", "b", "ab", "ba", "aa"].randomElement(using: &self) ?? "")
        case 2, 3:
            return .sequence(
                (0..<Int.random(in: 0..<4, using: &self)).map { _ in structure(depth: depth - 1) })
        case 4:
            return .choice(
                (0..<Int.random(in: 1..<4, using: &self)).map { _ in structure(depth: depth - 1) })
        default:
            let least = Int.random(in: 0..<3, using: &self)
            let most = Bool.random(using: &self) ? least + Int.random(in: 0..<3, using: &self) : nil
            return .repetition(structure(depth: depth - 1), least: least, most: most)
        }
    }
}
