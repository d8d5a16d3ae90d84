// SPDX-License-Identifier: Apache-2.0

/// Reads calls that are a name, perhaps an identity, and arguments as JSON, with a control token
/// before each: `name [CALL_ID] id [ARGS] {…}`.
struct NamedCallMachine: CallMachine {
    private enum Place {
        case name, identity, beforeArguments, arguments
    }

    private static let maxNameBytes = 256

    private var place = Place.name
    private var matcher: MarkMatcher
    private var name: [UInt8] = []
    private var identity: [UInt8] = []
    private var extent = JSONValueExtent()

    /// A machine for calls whose identity and arguments come after these marks.
    init(identity: Mark, arguments: Mark) {
        matcher = MarkMatcher([identity, arguments])
    }

    mutating func take(_ symbol: AnswerSymbol, into output: inout AnswerOutput) -> CallStep {
        switch place {
        case .name, .identity: return takeHeader(symbol, into: &output)
        case .beforeArguments, .arguments: break
        }
        guard case .byte(let byte) = symbol else { return .ended(rest: [symbol]) }
        if case .beforeArguments = place {
            if byte.isJSONSpace { return .inside }
            place = .arguments
        }
        switch extent.take(byte) {
        case .inside:
            output.argument(byte)
            return .inside
        case .last:
            output.argument(byte)
            return .ended(rest: [])
        case .after: return .ended(rest: [symbol])
        }
    }

    private mutating func takeHeader(
        _ symbol: AnswerSymbol, into output: inout AnswerOutput
    ) -> CallStep {
        let finding = matcher.take(symbol)
        if case .identity = place {
            identity += finding.plain
        } else {
            name += finding.plain
        }
        let isTooLong = name.count + identity.count > Self.maxNameBytes
        switch finding.mark {
        case 0? where !isTooLong:
            place = .identity
            return .inside
        case 1? where !isTooLong:
            guard begin(into: &output) else { return .failed(text: name + identity, rest: []) }
            place = .beforeArguments
            return .inside
        default:
            if !isTooLong, finding.control == nil, finding.mark == nil { return .inside }
            let rest = finding.control.map { [AnswerSymbol.control($0)] } ?? []
            return .failed(text: name + identity + matcher.release(), rest: rest)
        }
    }

    private func begin(into output: inout AnswerOutput) -> Bool {
        let id = String(decoding: identity, as: UTF8.self)
        return output.beginCall(
            String(decoding: Self.trimmed(name), as: UTF8.self),
            id: CallIdentities.isWellFormed(id) ? id : nil)
    }

    private static func trimmed(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
        var bytes = bytes[...].drop(while: \.isJSONSpace)
        while bytes.last?.isJSONSpace == true { bytes.removeLast() }
        return bytes
    }

    mutating func finish(into output: inout AnswerOutput) -> [UInt8] {
        switch place {
        case .name, .identity: name + identity + matcher.release()
        case .beforeArguments, .arguments: []
        }
    }
}
