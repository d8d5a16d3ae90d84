// SPDX-License-Identifier: Apache-2.0

import Serving

extension AnswerEvent.End {
    /// The reason as the dialect writes it.
    func name(in dialect: Dialect) -> String {
        switch self {
        case .stop: "stop"
        // No SDK knows a word for the second; `stopReason` says it.
        case .length, .repetition: "length"
        case .contextLength: dialect.fullContextReason
        }
    }

    /// What `stop_reason` says besides, in vLLM's words; nil where there is nothing to add.
    var stopReason: String? { self == .repetition ? "repetition_detected" : nil }
}

extension AnswerEvent.Piece {
    /// The text, if it is a piece of the answer itself.
    var answerText: String {
        if case .text(let text) = self { text } else { "" }
    }
}
