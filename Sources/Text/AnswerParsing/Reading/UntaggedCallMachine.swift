// SPDX-License-Identifier: Apache-2.0

import JSON
import Recognition

/// Reads a call that nothing marks: a JSON object that begins with the name of a tool and has
/// arguments that satisfy the tool's schema, alone or in a block of Markdown.
///
/// The constraint of an answer takes it for text. So it is read to its end before it is a call, and
/// what is not exactly one is text.
struct UntaggedCallMachine: CallMachine {
    private enum Place {
        case object
        /// The call has ended, what closes its block may follow.
        case closing
    }

    /// What the objects begin with, without white space, and whose calls they are.
    private let heads: [(bytes: [UInt8], tool: Tool)]
    /// Whether a call after another one is text.
    private let isSingle: Bool
    private var matcher: MarkMatcher?
    private var place = Place.object
    private var read: [UInt8] = []
    private var extent = JSONValueExtent()
    /// What was read without white space, until it is a head.
    private var head: [UInt8] = []
    private var tool: Tool?

    /// A machine for the calls of some tools.
    ///
    /// - Parameters:
    ///   - tools: grammars and expressions of custom tools cannot be judged afterwards: their calls
    ///     are text.
    ///   - isSingle: whether the answer may have one call only: nothing else holds it to that.
    ///   - closing: what closes the block; nil for an object alone.
    init(_ tools: [Tool], isSingle: Bool, closing: Mark?) {
        heads = tools.compactMap { tool in
            switch tool.input {
            case .arguments, .text:
                (Array("{\"name\":\"\(tool.escapedName)\"".utf8), tool)
            case .grammar, .expression: nil
            }
        }
        self.isSingle = isSingle
        matcher = closing.map { MarkMatcher([$0]) }
    }

    mutating func take(_ symbol: AnswerSymbol, into output: inout AnswerOutput) -> CallStep {
        if case .closing = place { return matcher?.close(symbol) ?? .ended(rest: [symbol]) }
        guard case .byte(let byte) = symbol else { return .failed(text: read, rest: [symbol]) }
        if tool == nil, !byte.isJSONSpace {
            head.append(byte)
            guard heads.contains(where: { $0.bytes.starts(with: head) }) else {
                return .failed(text: read, rest: [symbol])
            }
            tool = heads.first { $0.bytes == head }?.tool
        }
        // JSON has none between its strings: the object stays open, and a tag may begin here.
        if tool != nil, byte == UInt8(ascii: "<"), !extent.isInString {
            return .failed(text: read, rest: [symbol])
        }
        read.append(byte)
        guard !head.isEmpty, extent.take(byte) == .last else { return .inside }
        guard let tool, call(tool, into: &output) else { return .failed(text: read, rest: []) }
        place = .closing
        return matcher == nil ? .ended(rest: []) : .inside
    }

    /// Writes the call, if it is one.
    private func call(_ tool: Tool, into output: inout AnswerOutput) -> Bool {
        guard !isSingle || output.callCount == 0,
            let object = try? JSONParser.parse(read, limits: .init(keepsDigits: true)).objectValue,
            // The head was compared without the white space of its strings.
            object["name"]?.stringValue == tool.name, let arguments = object["arguments"],
            let schema = try? SchemaDocument(Tool.objects(of: tool.parameterSchema))
        else { return false }
        let text = arguments.serialized(.python)
        guard SchemaValidator(schema).accepts(text), output.beginCall(tool.name) else {
            return false
        }
        output.arguments(text.utf8)
        output.endCall(isComplete: true)
        return true
    }

    mutating func finish(into output: inout AnswerOutput) -> [UInt8] {
        if case .closing = place { return matcher?.release() ?? [] }
        return read
    }
}
