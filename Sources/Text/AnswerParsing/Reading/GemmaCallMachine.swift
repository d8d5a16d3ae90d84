// SPDX-License-Identifier: Apache-2.0

import JSON

/// Reads calls of Gemma 4, `call:f{k:<|"|>v<|"|>,n:[1,true]}`, and writes their arguments as JSON.
struct GemmaCallMachine: CallMachine {
    private enum Place {
        case name
        case beforeKey, key, quotedKey
        case beforeValue, scalar, string, afterValue
        case closing
    }

    private enum Container {
        case object, array
    }

    private let quote: Mark
    private let closing: Mark
    private var matcher: MarkMatcher
    private var place = Place.name
    private var containers: [Container] = []
    private var isFirst = true
    /// All of the call before it has begun.
    private var read: [UInt8] = []
    /// The name, the key or the scalar that is being read.
    private var word: [UInt8] = []
    private var hasBegun = false

    private static let maxWordBytes = 4096
    private static let maxDepth = 128

    init(quote: Mark, closing: Mark) {
        self.quote = quote
        self.closing = closing
        matcher = MarkMatcher([quote, closing])
    }

    mutating func take(_ symbol: AnswerSymbol, into output: inout AnswerOutput) -> CallStep {
        if !hasBegun, case .byte(let byte) = symbol { read.append(byte) }
        let finding = matcher.take(symbol)
        for (offset, byte) in finding.plain.enumerated() where !take(byte, into: &output) {
            if !hasBegun { return .failed(text: read, rest: []) }
            let rest = finding.plain[offset...].map { AnswerSymbol.byte($0) }
            return .ended(rest: rest + again(finding))
        }
        switch finding.mark {
        case 0?: return takeQuote(into: &output)
        case 1?:
            guard hasBegun else { return .failed(text: read, rest: []) }
            if case .string = place {
                writeText(closing.bytes, into: &output)
                return .inside
            }
            return .ended(rest: [])
        default: break
        }
        guard let control = finding.control else { return .inside }
        return hasBegun
            ? .ended(rest: [.control(control)]) : .failed(text: read, rest: [.control(control)])
    }

    private func again(_ finding: MarkMatcher.Finding) -> [AnswerSymbol] {
        if let control = finding.control { return [.control(control)] }
        return finding.mark.map { $0 == 0 ? quote.symbols : closing.symbols } ?? []
    }

    private mutating func takeQuote(into output: inout AnswerOutput) -> CallStep {
        switch place {
        case .beforeKey where containers.last == .object:
            word = []
            place = .quotedKey
        case .quotedKey: place = .key
        case .beforeValue:
            separateElement(into: &output)
            output.argument(UInt8(ascii: "\""))
            place = .string
        case .string:
            output.argument(UInt8(ascii: "\""))
            place = .afterValue
        default:
            return hasBegun ? .ended(rest: []) : .failed(text: read, rest: [])
        }
        return .inside
    }

    /// Takes a byte; false where it cannot be part of a call.
    private mutating func take(_ byte: UInt8, into output: inout AnswerOutput) -> Bool {
        switch place {
        case .name: return takeName(byte, into: &output)
        case .quotedKey: return append(byte)
        case .key:
            guard byte == UInt8(ascii: ":") else { return append(byte) }
            endKey(into: &output)
            return true
        case .string:
            writeText([byte], into: &output)
            return true
        case .scalar:
            guard [UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]")].contains(byte) else {
                return append(byte)
            }
            endScalar(into: &output)
            return take(byte, into: &output)
        case .closing: return byte.isJSONSpace
        case .beforeKey, .beforeValue, .afterValue: break
        }
        if byte.isJSONSpace { return true }
        switch (place, byte) {
        case (.afterValue, UInt8(ascii: ",")):
            place = containers.last == .object ? .beforeKey : .beforeValue
        case (.beforeKey, UInt8(ascii: "}")) where isFirst, (.afterValue, UInt8(ascii: "}")),
            (.beforeValue, UInt8(ascii: "]")) where isFirst, (.afterValue, UInt8(ascii: "]")):
            return close(byte, into: &output)
        case (.beforeKey, _):
            word = [byte]
            place = .key
        case (.beforeValue, UInt8(ascii: "{")), (.beforeValue, UInt8(ascii: "[")):
            separateElement(into: &output)
            return open(byte, into: &output)
        case (.beforeValue, _):
            separateElement(into: &output)
            word = [byte]
            place = .scalar
        default: return false
        }
        return true
    }

    private mutating func append(_ byte: UInt8) -> Bool {
        word.append(byte)
        return word.count <= Self.maxWordBytes
    }

    private mutating func takeName(_ byte: UInt8, into output: inout AnswerOutput) -> Bool {
        guard byte == UInt8(ascii: "{") else { return append(byte) }
        let text = String(decoding: word.drop(while: \.isJSONSpace), as: UTF8.self)
        guard text.hasPrefix("call:"), output.beginCall(String(text.dropFirst(5))) else {
            return false
        }
        hasBegun = true
        read = []
        return open(byte, into: &output)
    }

    private mutating func open(_ byte: UInt8, into output: inout AnswerOutput) -> Bool {
        guard containers.count < Self.maxDepth else { return false }
        output.argument(byte)
        let container = byte == UInt8(ascii: "{") ? Container.object : .array
        containers.append(container)
        isFirst = true
        place = container == .object ? .beforeKey : .beforeValue
        return true
    }

    private mutating func close(_ byte: UInt8, into output: inout AnswerOutput) -> Bool {
        let container = byte == UInt8(ascii: "}") ? Container.object : .array
        guard containers.last == container else { return false }
        containers.removeLast()
        output.argument(byte)
        isFirst = false
        place = .afterValue
        if containers.isEmpty {
            output.endCall(isComplete: true)
            place = .closing
        }
        return true
    }

    private mutating func endKey(into output: inout AnswerOutput) {
        if !isFirst { output.arguments(", ".utf8) }
        isFirst = false
        let key = String(decoding: word, as: UTF8.self)
        output.arguments((JSONValue.string(key).serialized(.python) + ": ").utf8)
        word = []
        place = .beforeValue
    }

    /// Writes what parts the elements of an array.
    private mutating func separateElement(into output: inout AnswerOutput) {
        guard containers.last == .array else { return }
        if !isFirst { output.arguments(", ".utf8) }
        isFirst = false
    }

    /// A number or a constant as it is, and anything else as a string.
    private mutating func endScalar(into output: inout AnswerOutput) {
        while word.last?.isJSONSpace == true { word.removeLast() }
        // Prompts have Python's name of it.
        if word.elementsEqual("None".utf8) { word = Array("null".utf8) }
        if (try? JSONParser.parse(word)) != nil {
            output.arguments(word)
        } else {
            let text = String(decoding: word, as: UTF8.self)
            output.arguments(JSONValue.string(text).serializedBytes(.python))
        }
        word = []
        place = .afterValue
    }

    private func writeText(_ bytes: [UInt8], into output: inout AnswerOutput) {
        for byte in bytes {
            if byte < 0x80, let escape = JSONStyle.python.escape(Unicode.Scalar(byte)) {
                output.arguments(escape.utf8)
            } else {
                output.argument(byte)
            }
        }
    }

    mutating func finish(into output: inout AnswerOutput) -> [UInt8] {
        if !hasBegun { return read }
        if case .closing = place { return matcher.release() }
        return []
    }
}
