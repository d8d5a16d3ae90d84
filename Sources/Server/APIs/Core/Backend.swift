// SPDX-License-Identifier: Apache-2.0

import Serving
import Storage
import Telemetry

/// What stands behind all endpoints.
struct Backend: Sendable {
    /// Limits, keys and names.
    let configuration: APIServer.Configuration

    /// What answers.
    let models: ModelRegistry

    /// Where responses are kept that clients may come back to; nil where nothing is.
    let storage: RecordStore?

    /// What `/metrics` shows.
    let registry: MetricsRegistry

    /// The seconds since 1970.
    let unixTime: @Sendable () -> Int

    /// The model of that name, or the default one where there is none.
    func model(named name: String? = nil) throws(APIError) -> ServedModel {
        do throws(ServingError) {
            return try models.model(named: name)
        } catch {
            throw APIError(error)
        }
    }
}
