// SPDX-License-Identifier: Apache-2.0

import Access
import Jobs
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

    /// Where files are kept; nil where none are.
    let files: FileStore?

    /// The batches of clients; nil where none are taken.
    let batches: BatchStore?

    /// Where it is waited for the disk that files are on.
    let disk = DiskQueue()

    /// What `/metrics` shows.
    let registry: MetricsRegistry

    /// What `/openapi.json` has shown.
    let documents = DocumentCache()

    /// Where what operators ask for is done.
    let operatorWork = OperatorWork()

    /// The requests that are under way.
    let roster: RequestRoster

    /// What tells whoever watches how the server is doing.
    let machine: MachineWatch

    /// The seconds since 1970.
    let unixTime: @Sendable () -> Int

    init(
        configuration: APIServer.Configuration, needsKey: Bool, access: AccessControl?,
        models: ModelRegistry, storage: RecordStore?, files: FileStore?, batches: BatchStore? = nil,
        registry: MetricsRegistry,
        unixTime: @escaping @Sendable () -> Int
    ) {
        self.configuration = configuration
        self.needsKey = needsKey
        self.access = access
        self.models = models
        self.storage = storage
        self.files = files
        self.batches = batches
        self.registry = registry
        self.unixTime = unixTime
        roster = RequestRoster()
        machine = MachineWatch(
            models, registry: registry, roster: roster, interval: configuration.watchInterval,
            unixTime: unixTime)
    }

    /// Whether the server has something that it need not have.
    func has(_ part: EndpointContract.Part) -> Bool {
        switch part {
        case .storage: storage != nil
        case .usage: access?.usage != nil
        case .keys: configuration.keyFile != nil
        case .audit: access?.audit != nil
        case .page: configuration.page != nil
        case .files: files != nil
        case .batches: batches != nil
        }
    }

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
