// SPDX-License-Identifier: Apache-2.0

import Access
import Serving
import Storage
import Telemetry

/// What stands behind all endpoints.
struct Backend: Sendable {
    /// Limits, keys and names.
    let configuration: APIServer.Configuration

    /// Whether a request needs a key.
    let needsKey: Bool

    /// Who may enter, and how much of it; nil where nothing but the configuration says so.
    let access: AccessControl?

    /// What answers.
    let models: ModelRegistry

    /// Where responses are kept that clients may come back to; nil where nothing is.
    let storage: RecordStore?

    /// What `/metrics` shows.
    let registry: MetricsRegistry

    /// What `/openapi.json` has shown.
    let documents = DocumentCache()

    /// The seconds since 1970.
    let unixTime: @Sendable () -> Int

    /// The most tokens that a prompt and its answer may have together.
    var longestContext: Int {
        models.slots.compactMap { $0.description?.contextLength }.max() ?? 0
    }

    /// The model of that name, or the default one where there is none.
    func model(named name: String? = nil) throws(APIError) -> ServedModel {
        do throws(ServingError) {
            return try models.model(named: name)
        } catch {
            throw APIError(error)
        }
    }
}
