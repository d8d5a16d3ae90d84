// SPDX-License-Identifier: Apache-2.0

import HTTP
import HTTPTypes
import JSON
import Serving

/// Whether a request could be answered, and how far loading is until then.
struct Health: Sendable {
    private let readiness: ModelRegistry.Readiness

    /// Looks at the models of a server.
    init(_ backend: Backend) {
        readiness = backend.models.readiness(stallLimit: backend.configuration.stallLimit)
    }

    /// Whether a request could be answered.
    var isReady: Bool { readiness == .ready }

    /// `GET /health`.
    var response: ServerResponse {
        var body: JSONObject = ["status": .string(name)]
        switch readiness {
        case .loading(let progress?):
            body["stage"] = .string(progress.stage)
            body["progress"] = .number((progress.share * 100).rounded() / 100)
        case .failed(let reason): body["reason"] = .string(reason)
        default: break
        }
        return ServerResponse(json: .object(body), status: isReady ? .ok : .serviceUnavailable)
    }

    private var name: String {
        switch readiness {
        case .ready: "ok"
        case .stalled: "stalled"
        case .loading: "loading"
        case .stopping: "stopping"
        case .failed: "failed"
        }
    }
}
