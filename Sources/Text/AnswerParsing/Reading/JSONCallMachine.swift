// SPDX-License-Identifier: Apache-2.0

/// Reads calls that are JSON objects of a name and of arguments, one or a list of them.
///
/// The members may come in any order and with any white space. Arguments stream as soon as the name
/// is known; an object without the name of a tool is no call.
struct JSONCallMachine: CallMachine {
    /// How the objects are written.
    struct Syntax: Sendable {
        var nameKeys: Set<String> = ["name"]
        var argumentKeys: Set<String> = ["arguments", "parameters"]
        /// What stands after the object or the list.
        var closing: Mark?
        /// Whether several objects may follow each other without a list, after this byte.
        var separator: UInt8?
        /// Whether an object with other members may still be a call.
        var allowsOtherKeys = true
    }

    private enum Place {
        /// Before an object; `isFirst` also before a list.
        case before(isFirst: Bool)
        case beforeKey, inKey, afterKey
        case beforeValue, inName, inArguments, inText, inOther
        case afterValue, afterObject, afterSeparator, closing
    }

    private let syntax: Syntax
    private var place = Place.before(isFirst: true)
    private var isList = false
    /// Whether a call has ended.
    private var hasEnded = false
    private var matcher: MarkMatcher?

    // MARK: Of the object that is being read

    /// Its bytes, until its call has begun.
    private var read: [UInt8] = []
    private var key: [UInt8] = []
    private var name: [UInt8] = []
    private var hasName = false
    private var hasBegun = false
    private var hasArguments = false
    /// Arguments that came before the name.
    private var early: [UInt8] = []
    private var earlyIsText = false
    private var decoder = JSONStringDecoder()
    private var extent = JSONValueExtent()

    private static let maxNameBytes = 256

    init(_ syntax: Syntax) {
        self.syntax = syntax
        matcher = syntax.closing.map { MarkMatcher([$0]) }
    }

    mutating func take(_ symbol: AnswerSymbol, into output: inout AnswerOutput) -> CallStep {
        if case .closing = place { return matcher?.close(symbol) ?? .ended(rest: [symbol]) }
        guard case .byte(let byte) = symbol else {
            // The mark that ends a call may come too early.
            guard !hasBegun, case .control(let id) = symbol else { return .ended(rest: [symbol]) }
            let isClosing = syntax.closing?.control == id
            return .failed(text: read, rest: isClosing ? [] : [symbol])
        }
        if !hasBegun, isInObject || !hasEnded { read.append(byte) }
        var move = step(byte, into: &output)
        while move == .again { move = step(byte, into: &output) }
        switch move {
        case .inside, .again: return .inside
        case .complete: return .ended(rest: [])
        case .stop:
            if hasBegun || hasEnded && !isInObject { return .ended(rest: [symbol]) }
            return .failed(text: Array(read.dropLast()), rest: [symbol])
        }
    }

    private var isInObject: Bool {
        switch place {
        case .before, .afterObject, .afterSeparator, .closing: false
        default: true
        }
    }

    private enum Move {
        case inside, stop, complete
        /// The byte is to be read at the new place.
        case again
    }

    private mutating func step(_ byte: UInt8, into output: inout AnswerOutput) -> Move {
        switch place {
        case .inKey, .inName, .inText: return string(byte, into: &output)
        case .inArguments, .inOther: return value(byte, into: &output)
        default: break
        }
        if byte.isJSONSpace { return .inside }
        switch (place, byte) {
        case (.before(isFirst: true), UInt8(ascii: "[")):
            isList = true
            place = .before(isFirst: false)
        case (.before, UInt8(ascii: "{")), (.afterSeparator, UInt8(ascii: "{")):
            beginObject(byte)
        case (.before(isFirst: false), UInt8(ascii: "]")) where isList:
            return finishList()
        case (.beforeKey, UInt8(ascii: "\"")):
            key = []
            decoder = JSONStringDecoder()
            place = .inKey
        case (.beforeKey, UInt8(ascii: "}")), (.afterValue, UInt8(ascii: "}")):
            return endObject(into: &output)
        case (.afterKey, UInt8(ascii: ":")): place = .beforeValue
        case (.beforeValue, _): return beginValue(byte)
        case (.afterValue, UInt8(ascii: ",")): place = .beforeKey
        case (.afterObject, UInt8(ascii: ",")) where isList: place = .before(isFirst: false)
        case (.afterObject, UInt8(ascii: "]")) where isList: return finishList()
        case (.afterObject, _) where !isList && byte == syntax.separator: place = .afterSeparator
        default: return .stop
        }
        return .inside
    }

    private mutating func beginObject(_ byte: UInt8) {
        // What came before the first object goes with it.
        if hasEnded { read = [byte] }
        name = []
        early = []
        (hasName, hasBegun, hasArguments) = (false, false, false)
        place = .beforeKey
    }

    private mutating func beginValue(_ byte: UInt8) -> Move {
        let isString = byte == UInt8(ascii: "\"")
        let key = String(decoding: self.key, as: UTF8.self)
        decoder = JSONStringDecoder()
        extent = JSONValueExtent()
        if syntax.nameKeys.contains(key), !hasName {
            guard isString else { return .stop }
            place = .inName
        } else if syntax.argumentKeys.contains(key), !hasArguments {
            hasArguments = true
            earlyIsText = isString
            place = isString ? .inText : .inArguments
            if !isString { return .again }
        } else {
            place = .inOther
            return .again
        }
        return .inside
    }

    /// A byte of a string that is decoded.
    private mutating func string(_ byte: UInt8, into output: inout AnswerOutput) -> Move {
        var text: [UInt8] = []
        let step = decoder.take(byte, into: &text)
        if step == .invalid, !hasBegun { return .stop }
        switch place {
        case .inKey:
            if key.count < Self.maxNameBytes { key += text }
            if step == .ended {
                place = .afterKey
                let isKnown = syntax.allowsOtherKeys || Self.isKnown(key, syntax)
                if !isKnown, !hasBegun { return .stop }
            }
        case .inName:
            name += text
            if name.count > Self.maxNameBytes { return .stop }
            if step == .ended {
                place = .afterValue
                return begin(into: &output)
            }
        default:
            if hasBegun { for byte in text { output.rawArgument(byte) } } else { early += text }
            if step == .ended { place = .afterValue }
        }
        return .inside
    }

    /// Members that objects of a call have beside its name and its arguments.
    private static let otherKeys: Set<String> = ["type", "id"]

    private static func isKnown(_ key: [UInt8], _ syntax: Syntax) -> Bool {
        let key = String(decoding: key, as: UTF8.self)
        return syntax.nameKeys.contains(key) || syntax.argumentKeys.contains(key)
            || otherKeys.contains(key)
    }

    /// The name is known.
    private mutating func begin(into output: inout AnswerOutput) -> Move {
        hasName = true
        guard output.beginCall(String(decoding: name, as: UTF8.self)) else {
            // All that was read is text, this byte too.
            return .stop
        }
        hasBegun = true
        read = []
        if earlyIsText {
            for byte in early { output.rawArgument(byte) }
        } else {
            output.arguments(early)
        }
        early = []
        return .inside
    }

    /// A byte of a value that is passed on or passed over.
    private mutating func value(_ byte: UInt8, into output: inout AnswerOutput) -> Move {
        let step = extent.take(byte)
        if step == .after {
            place = .afterValue
            return .again
        }
        if case .inArguments = place {
            if hasBegun { output.argument(byte) } else { early.append(byte) }
        }
        if step == .last { place = .afterValue }
        return .inside
    }

    private mutating func endObject(into output: inout AnswerOutput) -> Move {
        guard hasBegun else { return .stop }
        output.endCall(isComplete: true)
        (hasBegun, hasEnded) = (false, true)
        read = []
        if isList || syntax.separator != nil {
            place = .afterObject
            return .inside
        }
        return finishList()
    }

    private mutating func finishList() -> Move {
        place = .closing
        return matcher == nil ? .complete : .inside
    }

    mutating func finish(into output: inout AnswerOutput) -> [UInt8] {
        if case .closing = place { return matcher?.release() ?? [] }
        return hasBegun ? [] : read
    }
}
