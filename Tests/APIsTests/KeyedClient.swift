// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import Generation
import HTTP
import HTTPTypes
import ServingSupport
import Storage
import Synchronization
import TestSupport
import Testing

/// A client of a server with a file of keys.
struct KeyedClient {
    /// A clock that stands still until a test moves it.
    final class Clock: Sendable {
        private let time = Mutex(1_800_000_000_000)

        /// In seconds since 1970.
        var seconds: Int { time.withLock { $0 / 1000 } }

        /// In milliseconds since some time.
        var milliseconds: Int { time.withLock { $0 } }

        func pass(seconds: Double) { time.withLock { $0 += Int(seconds * 1000) } }
    }

    let client: TestClient
    let control: AccessControl
    let clock: Clock
    private let secrets: [String: String]
    private let folder: TemporaryFolder

    /// A server with a key for each of these names.
    init(
        _ limits: [String: AccessLimits], configuration: APIServer.Configuration = .init(),
        engine: ScriptedEngine = ScriptedEngine(), storage: RecordStore? = nil
    ) throws {
        let cheap = try #require(ScryptCost(n: 16, r: 1, p: 1))
        let clock = Clock()
        var keys = KeyFile()
        secrets = try limits.reduce(into: [:]) { secrets, pair in
            secrets[pair.key] = try keys.add(
                pair.key, pair.value, expires: nil, at: clock.seconds, cost: cheap)
        }
        folder = try TemporaryFolder()
        let file = PrivateFile("\(folder.path)/keys")
        try file.write(keys.bytes)
        control = AccessControl(
            keys: try KeyRing(path: file.path, unixTime: { clock.seconds }),
            clock: AccessClock(
                milliseconds: { clock.milliseconds }, unixTime: { clock.seconds }))
        client = TestClient(
            configuration, engine: engine, access: control, storage: storage)
        self.clock = clock
    }

    /// The fields that a key is sent in.
    func fields(_ name: String) -> [String: String] {
        ["authorization": "Bearer \(secrets[name] ?? name)"]
    }

    func get(_ path: String, as name: String) async throws -> Reply {
        try await client.get(path, fields(name))
    }

    func post(_ path: String, _ body: String, as name: String) async throws -> Reply {
        try await client.post(path, body, fields(name))
    }

    /// A completion of `ab` with these members besides.
    func complete(
        _ members: String = "", as name: String, path: String = "/v1/completions"
    ) async throws -> Reply {
        let more = members.isEmpty ? "" : "," + members
        return try await post(path, #"{"model":"default","prompt":"ab"\#(more)}"#, as: name)
    }
}

extension AccessLimits {
    /// Limits, of which some are set.
    static func with(_ set: (inout AccessLimits) -> Void) -> AccessLimits {
        var limits = AccessLimits()
        set(&limits)
        return limits
    }
}
