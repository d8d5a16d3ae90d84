// SPDX-License-Identifier: Apache-2.0

/// Takes a custom tool's input out of the JSON object that carries it: the first string in it that
/// is a value.
struct InputUnwrapper: Sendable {
    private enum Place {
        case before, inKey, afterKey, inInput, done
    }

    private var place = Place.before
    private var decoder = JSONStringDecoder()

    mutating func take(_ byte: UInt8, into input: inout [UInt8]) {
        switch place {
        case .before:
            if byte == UInt8(ascii: "\"") { enter(.inKey) }
        case .inKey:
            var key: [UInt8] = []
            if decoder.take(byte, into: &key) != .inside { place = .afterKey }
        case .afterKey:
            if byte == UInt8(ascii: "\"") { enter(.inInput) }
            if byte == UInt8(ascii: ",") || byte == UInt8(ascii: "{") { place = .before }
        case .inInput:
            if decoder.take(byte, into: &input) == .ended { place = .done }
        case .done: break
        }
    }

    private mutating func enter(_ next: Place) {
        place = next
        decoder = JSONStringDecoder()
    }
}
