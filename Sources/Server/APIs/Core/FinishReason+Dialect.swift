// SPDX-License-Identifier: Apache-2.0

import Generation

extension FinishReason {
    /// The reason as the dialect writes it.
    ///
    /// - Throws: `APIError` where the choice has no answer to give.
    func name(in dialect: Dialect) throws(APIError) -> String {
        switch self {
        case .stop: return "stop"
        // No SDK knows a word for the second; `stopReason` says it.
        case .length, .repetition: return "length"
        case .contextLength: return dialect.fullContextReason
        case .cancelled: throw .unavailable(reason: "The server is shutting down.")
        case .expired: throw .expired
        case .error(let reason): throw .failed(reason: reason)
        }
    }

    /// What `stop_reason` says besides, in vLLM's words; nil where there is nothing to add.
    var stopReason: String? { self == .repetition ? "repetition_detected" : nil }
}
