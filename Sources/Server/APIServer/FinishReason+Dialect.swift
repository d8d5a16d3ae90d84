// SPDX-License-Identifier: Apache-2.0

import APITypes
import Generation

extension FinishReason {
    /// The reason as the dialect writes it.
    ///
    /// - Throws: `APIError` where the choice has no answer to give.
    func name(in dialect: Dialect) throws(APIError) -> String {
        switch self {
        case .stop: return "stop"
        case .length: return "length"
        case .contextLength: return dialect == .mistral ? "model_length" : "length"
        case .cancelled: throw .unavailable(reason: "The server is shutting down.")
        case .expired: throw .expired
        case .error(let reason): throw .failed(reason: reason)
        }
    }
}
