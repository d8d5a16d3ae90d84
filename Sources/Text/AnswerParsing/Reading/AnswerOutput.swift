// SPDX-License-Identifier: Apache-2.0

/// Gathers the pieces of an answer, and knows the tools that it may call.
struct AnswerOutput: Sendable {
    private enum Kind: Hashable {
        case text, thinking, arguments
    }

    private var pieces: [AnswerPiece] = []
    private var kind = Kind.text
    /// The bytes of the piece that is being written.
    private var bytes: [UInt8] = []

    private let inputs: [String: Tool.Input]
    private let identities: CallIdentities

    /// How many calls have begun.
    private(set) var callCount = 0

    /// Whether the last call is still open.
    private(set) var isInCall = false

    /// What a call that is open carries.
    private(set) var input: Tool.Input?

    /// Takes a custom tool's input out of its arguments.
    private var unwrapping: InputUnwrapper?
    private var hasArguments = false

    init(_ plan: AnswerPlan) {
        inputs = Dictionary(
            plan.callableTools.map { ($0.name, $0.input) }, uniquingKeysWith: { first, _ in first })
        identities = CallIdentities(seed: plan.seed ?? .random(in: .min ... .max))
    }

    /// Everything that was written since the last time.
    mutating func takePieces() -> [AnswerPiece] {
        flush()
        defer { pieces = [] }
        return pieces
    }

    mutating func text(_ byte: UInt8) { write(byte, as: .text) }

    mutating func text(_ bytes: some Sequence<UInt8>) { for byte in bytes { text(byte) } }

    mutating func thinking(_ byte: UInt8) { write(byte, as: .thinking) }

    /// What the tool of a name takes; nil where the answer may not call it.
    func input(of name: String) -> Tool.Input? { inputs[name] }

    /// Begins a call.
    ///
    /// - Parameters:
    ///   - name: the tool's name.
    ///   - id: the call's identity, where the model gave one of nine letters and digits.
    /// - Returns: whether there is such a tool; if not, nothing was done.
    mutating func beginCall(_ name: String, id: String? = nil) -> Bool {
        guard let input = inputs[name] else { return false }
        endCall()
        flush()
        let id = id ?? identities.identity(ofCall: callCount)
        pieces.append(.callBegun(callCount, id: id, name: name))
        callCount += 1
        isInCall = true
        hasArguments = false
        self.input = input
        unwrapping = nil
        if case .arguments = input {} else { unwrapping = InputUnwrapper() }
        return true
    }

    /// More of a call's arguments, as JSON text.
    mutating func argument(_ byte: UInt8) {
        hasArguments = true
        guard unwrapping != nil else { return write(byte, as: .arguments) }
        var input: [UInt8] = []
        unwrapping?.take(byte, into: &input)
        for byte in input { write(byte, as: .arguments) }
    }

    mutating func arguments(_ bytes: some Sequence<UInt8>) { for byte in bytes { argument(byte) } }

    /// More of a call's arguments, or of a custom tool's input, as the text that a string stands
    /// for.
    mutating func rawArgument(_ byte: UInt8) {
        hasArguments = true
        write(byte, as: .arguments)
    }

    /// Ends the call that is open, if one is.
    ///
    /// - Parameter isComplete: whether a call without arguments is one of none; one that was cut
    ///   off stays as it is.
    mutating func endCall(isComplete: Bool = false) {
        guard isInCall else { return }
        if isComplete, !hasArguments, unwrapping == nil { arguments("{}".utf8) }
        flush()
        pieces.append(.callEnded(callCount - 1))
        isInCall = false
        input = nil
        unwrapping = nil
    }

    private mutating func write(_ byte: UInt8, as kind: Kind) {
        if kind != self.kind {
            flush()
            self.kind = kind
        }
        bytes.append(byte)
    }

    private mutating func flush() {
        if bytes.isEmpty { return }
        let text = String(decoding: bytes, as: UTF8.self)
        bytes.removeAll(keepingCapacity: true)
        switch kind {
        case .text: pieces.append(.text(text))
        case .thinking: pieces.append(.thinking(text))
        case .arguments: pieces.append(.callArguments(callCount - 1, text))
        }
    }
}
