// SPDX-License-Identifier: Apache-2.0

import JSON
import Serving

/// A response as the API writes it, at any stage.
struct ResponseObject: Sendable {
    /// How far it has come.
    enum Stage: Sendable {
        /// It is being generated.
        case inProgress

        /// It has ended, at that time.
        case ended(AnswerEvent.End, UsageReport, at: Int)

        /// It will never be complete.
        case failed(APIError)
    }

    private let header: AnswerHeader
    private let settings: ResponseSettings

    /// A response to a request of those settings.
    init(_ header: AnswerHeader, _ settings: ResponseSettings) {
        self.header = header
        self.settings = settings
    }

    /// The letters and digits that no other response has.
    ///
    /// Its identity is prefixed in every dialect, for this API has one form of it.
    var name: String { String(header.id.suffix(32)) }

    /// The object, with all members that the SDKs require.
    func json(_ stage: Stage, _ items: [ResponseItem]) -> JSONValue {
        var object: JSONObject = [
            "id": .string("resp_" + name), "object": "response",
            "created_at": .integer(header.created), "status": .string(stage.status),
            "completed_at": .null, "error": .null, "incomplete_details": .null,
            "model": .string(header.model), "output": .array(items.map(\.json)), "usage": .null,
        ]
        for (key, value) in settings.members { object[key] = value }
        object["system_fingerprint"] = .string(header.systemFingerprint)
        switch stage {
        case .inProgress: break
        case .ended(let end, let usage, let time):
            object["usage"] = usage.responseJSON
            if let diagnosis = usage.diagnosis {
                object["prompt_cache_diagnostics"] = diagnosis.json
            }
            if end.isComplete {
                object["completed_at"] = .integer(time)
            } else {
                object["incomplete_details"] = end.incompleteDetails
            }
        case .failed(let error): object["error"] = error.responseError
        }
        return .object(object)
    }
}

extension ResponseObject.Stage {
    /// What the API calls it.
    var status: String {
        switch self {
        case .inProgress: "in_progress"
        case .ended(let end, _, _): end.isComplete ? "completed" : "incomplete"
        case .failed: "failed"
        }
    }
}

extension AnswerEvent.End {
    /// Whether the model has said all that it had to say.
    var isComplete: Bool {
        switch self {
        case .stop, .toolCalls: true
        case .length, .contextLength, .repetition: false
        }
    }

    /// Why an answer is not complete; the API has one word for all limits of length.
    fileprivate var incompleteDetails: JSONValue {
        var details: JSONObject = ["reason": "max_output_tokens"]
        if let stopReason { details["stop_reason"] = .string(stopReason) }
        return .object(details)
    }
}

extension APIError {
    /// A response's `error`; the API has one code for what the server could not do.
    fileprivate var responseError: JSONValue {
        ["code": "server_error", "message": .string(description)]
    }
}

extension UsageReport {
    /// The counts under this API's names.
    fileprivate var responseJSON: JSONValue {
        [
            "input_tokens": .integer(promptTokens),
            "input_tokens_details": [
                "cached_tokens": .integer(cachedTokens),
                "cache_write_tokens": .integer(cacheWriteTokens),
            ],
            "output_tokens": .integer(completionTokens),
            "output_tokens_details": ["reasoning_tokens": .integer(thinkingTokens)],
            "total_tokens": .integer(promptTokens + completionTokens),
        ]
    }
}
