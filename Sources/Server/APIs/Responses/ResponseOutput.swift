// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import Generation
import Tokenization

/// The items of a response, put together from the pieces of an answer.
///
/// Streams and whole answers are both made by it, and so say the same.
struct ResponseOutput: Sendable {
    /// What a piece has changed, by the places of items.
    enum Change: Sendable {
        /// An item has begun.
        case began(Int)

        /// Its text has grown.
        case grew(Int, by: String, logprobs: [TokenProbability])

        /// It is complete, or will never be.
        case ended(Int)
    }

    /// The items so far.
    private(set) var items: [ResponseItem] = []

    private let name: String
    private let tools: ResponseTools
    private let style: ThinkingStyle
    private let formatter: LogprobFormatter?

    /// The item of thoughts or text that grows.
    private var open: Int?
    /// The items of calls that have not ended.
    private var openCalls: [Int: Int] = [:]
    /// Tokens whose text is not complete.
    private var held: [TokenOutput] = []

    /// Nothing yet.
    ///
    /// - Parameters:
    ///   - name: the letters and digits that no other response has.
    ///   - tools: how the client knows its tools.
    ///   - style: how thoughts are told.
    ///   - formatter: spells log probabilities out, if they are asked for.
    init(
        _ name: String, tools: ResponseTools, telling style: ThinkingStyle,
        logprobs formatter: LogprobFormatter?
    ) {
        self.name = name
        self.tools = tools
        self.style = style
        self.formatter = formatter
    }

    /// Adds a piece with its tokens.
    mutating func add(
        _ piece: AnswerPiece, _ tokens: some Sequence<TokenOutput>
    ) -> [Change] {
        var changes: [Change] = []
        switch piece {
        case .text(let text):
            if formatter != nil { held += tokens }
            if text.isEmpty { return [] }
            if !isOpen(.message) { held = ending(of: held, in: text) }
            grow(open(.message, &changes), by: text, &changes)
        case .thinking(let text):
            if text.isEmpty { return [] }
            grow(open(.reasoning, &changes), by: text, &changes)
        case .callBegun(let call, let id, let name):
            closeOpen(as: .completed, &changes)
            openCalls[call] = begin(tools.call(id: id, name: name), &changes)
        case .callArguments(let call, let text):
            if let index = openCalls[call], !text.isEmpty { grow(index, by: text, &changes) }
        case .callEnded(let call): endCall(call, as: .completed, &changes)
        case .callCut(let call): endCall(call, as: .incomplete, &changes)
        }
        return changes
    }

    /// Ends what has not ended.
    ///
    /// - Parameter isComplete: whether the model has said all that it had to say.
    /// - Returns: what has changed by it.
    mutating func finish(isComplete: Bool) -> [Change] {
        let status: ResponseItem.Status = isComplete ? .completed : .incomplete
        var changes = close(as: status)
        // Clients look for an answer, though it be empty.
        let saysNothing = items.allSatisfy { $0.kind == .reasoning }
        if saysNothing, isComplete || items.isEmpty {
            _ = open(.message, &changes)
            closeOpen(as: status, &changes)
        }
        return changes
    }

    /// Ends what has not ended, and adds nothing.
    mutating func close(as status: ResponseItem.Status) -> [Change] {
        var changes: [Change] = []
        closeOpen(as: status, &changes)
        for index in openCalls.values.sorted() { end(index, as: status, &changes) }
        openCalls = [:]
        return changes
    }

    // MARK: Items

    /// The place of the open item of that kind, which is begun if there is none.
    private mutating func open(_ kind: ResponseItem.Kind, _ changes: inout [Change]) -> Int {
        if let open, isOpen(kind) { return open }
        let tokens = kind == .message ? held : []
        closeOpen(as: .completed, &changes)
        held = tokens
        let index = begin(kind, &changes)
        open = index
        return index
    }

    private func isOpen(_ kind: ResponseItem.Kind) -> Bool {
        open.map { items[$0].kind == kind } ?? false
    }

    /// The tokens that a text at their end consists of; those before it were marks, or no text.
    private func ending(of tokens: [TokenOutput], in text: String) -> [TokenOutput] {
        guard let formatter else { return [] }
        var (start, byteCount) = (tokens.endIndex, 0)
        while start > tokens.startIndex, byteCount < text.utf8.count {
            start -= 1
            byteCount += formatter.tokenizer.bytes(of: tokens[start].id).count
        }
        return Array(tokens[start...])
    }

    private mutating func begin(_ kind: ResponseItem.Kind, _ changes: inout [Change]) -> Int {
        let index = items.count
        items.append(ResponseItem(kind, of: name, at: index, telling: style))
        changes.append(.began(index))
        return index
    }

    private mutating func grow(_ index: Int, by text: String, _ changes: inout [Change]) {
        items[index].text += text
        var logprobs: [TokenProbability] = []
        if items[index].kind == .message, let formatter {
            logprobs = formatter.chat(held)
            items[index].logprobs += logprobs
            held = []
        }
        changes.append(.grew(index, by: text, logprobs: logprobs))
    }

    private mutating func closeOpen(as status: ResponseItem.Status, _ changes: inout [Change]) {
        if let open { end(open, as: status, &changes) }
        open = nil
        held = []
    }

    private mutating func endCall(
        _ call: Int, as status: ResponseItem.Status, _ changes: inout [Change]
    ) {
        guard let index = openCalls.removeValue(forKey: call) else { return }
        end(index, as: status, &changes)
    }

    private mutating func end(
        _ index: Int, as status: ResponseItem.Status, _ changes: inout [Change]
    ) {
        items[index].status = status
        changes.append(.ended(index))
    }
}

/// How the client of a response knows the tools that the model calls.
struct ResponseTools: Sendable {
    private let custom: Set<String>
    private let members: [String: ToolFields.Member]

    /// The tools of a request.
    init(_ calls: ToolFields) {
        custom = Set(calls.tools.filter(\.isCustom).map(\.name))
        members = calls.members
    }

    /// A call by the name that the model knows.
    func call(id: String, name: String) -> ResponseItem.Kind {
        let member = members[name]
        return .call(
            id: id, name: member?.name ?? name, namespace: member?.namespace,
            isCustom: custom.contains(name))
    }
}
