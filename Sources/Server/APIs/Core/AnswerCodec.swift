// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import Serving

/// How a family writes the answer to one request, without any I/O.
protocol AnswerCodec: Sendable {
    associatedtype Stream: AnswerStream

    /// How the family calls its answers.
    static var kind: AnswerKind { get }

    /// Whether the client wants a stream.
    var streams: Bool { get }

    /// Whether the answer tells of each token, and so may be long.
    var tellsTokens: Bool { get }

    /// The answer as a stream.
    func stream(_ header: AnswerHeader) -> Stream

    /// The bytes of the answer as a whole.
    ///
    /// - Parameters:
    ///   - header: what it begins with.
    ///   - answer: what was generated.
    /// - Returns: a body of JSON.
    /// - Throws: `APIError` where the generation has failed.
    func whole(_ header: AnswerHeader, _ answer: CollectedAnswer) throws(APIError) -> [UInt8]
}

/// How a family calls its answers.
struct AnswerKind: Sendable {
    /// The `object` of a whole answer.
    let whole: String

    /// The `object` of a part of a stream.
    let chunk: String

    /// What an identity begins with, in dialects that tell.
    let idPrefix: String
}

/// Turns the events of a request into the events of a stream, without any I/O.
protocol AnswerStream: Sendable {
    /// How the stream is framed.
    static var framing: StreamFraming { get }

    /// Appends what is sent before anything is generated.
    mutating func open(_ bytes: inout [UInt8])

    /// Appends what an event adds; often nothing.
    ///
    /// - Parameters:
    ///   - event: the next event; never a failure.
    ///   - bytes: receives server-sent events.
    mutating func add(_ event: AnswerEvent, to bytes: inout [UInt8])

    /// Appends what breaks a silence.
    mutating func beat(_ bytes: inout [UInt8])

    /// Appends how the stream says that it failed; nothing follows.
    mutating func fail(_ error: APIError, to bytes: inout [UInt8])
}

extension AnswerStream {
    mutating func beat(_ bytes: inout [UInt8]) { bytes += Self.framing.heartbeat }
}

extension AnswerEvent.End {
    /// The reason as the dialect writes it.
    func name(in dialect: Dialect) -> String {
        switch self {
        case .stop: "stop"
        case .toolCalls: "tool_calls"
        // No SDK knows a word for the second; `stopReason` says it.
        case .length, .repetition: "length"
        case .contextLength: dialect.fullContextReason
        }
    }

    /// What `stop_reason` says besides, in vLLM's words; nil where there is nothing to add.
    var stopReason: String? { self == .repetition ? "repetition_detected" : nil }
}

extension AnswerPiece {
    /// The text, if it is a piece of the answer itself.
    var answerText: String {
        if case .text(let text) = self { text } else { "" }
    }
}
