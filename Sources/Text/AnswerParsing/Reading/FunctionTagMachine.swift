// SPDX-License-Identifier: Apache-2.0

/// Reads one call that is a name and arguments as JSON, from after `<function=`: `f>{…}</function>`.
struct FunctionTagMachine: CallMachine {
    private enum Place {
        case name, arguments, closing
    }

    private static let maxNameBytes = 256

    private var place = Place.name
    private var name: [UInt8] = []
    private var extent = JSONValueExtent()
    private var matcher: MarkMatcher

    /// A machine for calls that this mark closes.
    init(closing: Mark) {
        matcher = MarkMatcher([closing])
    }

    mutating func take(_ symbol: AnswerSymbol, into output: inout AnswerOutput) -> CallStep {
        if case .closing = place { return matcher.close(symbol) }
        guard case .byte(let byte) = symbol else {
            return output.isInCall ? .ended(rest: [symbol]) : .failed(text: name, rest: [symbol])
        }
        if case .name = place {
            guard byte == UInt8(ascii: ">") else {
                name.append(byte)
                let isName = byte > 0x20 && byte != UInt8(ascii: "<")
                return isName && name.count <= Self.maxNameBytes
                    ? .inside : .failed(text: name, rest: [])
            }
            guard output.beginCall(String(decoding: name, as: UTF8.self)) else {
                return .failed(text: name + [byte], rest: [])
            }
            place = .arguments
            return .inside
        }
        switch extent.take(byte) {
        case .inside: output.argument(byte)
        case .last:
            output.argument(byte)
            place = .closing
        case .after:
            place = .closing
            return matcher.close(symbol)
        }
        return .inside
    }

    mutating func finish(into output: inout AnswerOutput) -> [UInt8] {
        switch place {
        case .name: name
        case .arguments: []
        case .closing: matcher.release()
        }
    }
}
