// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import Generation
import HTTP
import HTTPTypes
import JSON
import Jobs
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
    private let configuration: APIServer.Configuration

    /// A server with a key for each of these names, which counts and records if it is accounted.
    ///
    /// - Parameters:
    ///   - limits: what each key may do.
    ///   - spans: the seconds after which some of them end.
    ///   - configuration: limits and names.
    ///   - managesKeys: whether operators may change the keys by the API.
    ///   - engine: what answers.
    ///   - storage: where responses are kept.
    ///   - files: where files are kept.
    ///   - batches: where batches are kept.
    ///   - isAccounted: whether it counts and records.
    /// - Throws: where a file cannot be written.
    init(
        _ limits: [String: AccessLimits], ending spans: [String: Int] = [:],
        configuration: APIServer.Configuration = .init(), managesKeys: Bool = false,
        engine: ScriptedEngine = ScriptedEngine(), storage: RecordStore? = nil,
        files: FileStore? = nil, batches: BatchStore? = nil, isAccounted: Bool = false
    ) throws {
        let cheap = try #require(ScryptCost(n: 16, r: 1, p: 1))
        let clock = Clock()
        var keys = KeyFile()
        secrets = try limits.reduce(into: [:]) { secrets, pair in
            secrets[pair.key] = try keys.add(
                pair.key, pair.value, expires: spans[pair.key].map { clock.seconds + $0 },
                at: clock.seconds, cost: cheap)
        }
        folder = try TemporaryFolder()
        let file = PrivateFile("\(folder.path)/keys")
        try file.write(keys.bytes)
        self.clock = clock
        var configuration = configuration
        if managesKeys { configuration.keyFile = file }
        self.configuration = configuration
        (control, client) = try Self.start(
            folder, clock, configuration, engine, storage, files, batches, isAccounted: isAccounted)
    }

    /// A server whose process has ended and begun again, with its files and the same time.
    func restarted() throws -> KeyedClient { try KeyedClient(after: self) }

    private init(after other: KeyedClient) throws {
        other.control.flush()
        secrets = other.secrets
        folder = other.folder
        clock = other.clock
        configuration = other.configuration
        (control, client) = try Self.start(
            folder, clock, configuration, ScriptedEngine(), nil, nil, nil, isAccounted: true,
            isRecorded: false)
    }

    private static func start(
        _ folder: TemporaryFolder, _ clock: Clock, _ configuration: APIServer.Configuration,
        _ engine: ScriptedEngine, _ storage: RecordStore?, _ files: FileStore?,
        _ batches: BatchStore?, isAccounted: Bool,
        isRecorded: Bool = true
    ) throws -> (AccessControl, TestClient) {
        var usage: UsageLedger?
        var audit: AuditLog?
        if isAccounted {
            usage = try UsageLedger(path: "\(folder.path)/usage", unixTime: { clock.seconds })
        }
        // Its folder is one process's.
        if isAccounted, isRecorded {
            audit = try AuditLog(folder: "\(folder.path)/audit", unixTime: { clock.seconds })
        }
        let control = try AccessControl(
            keys: try KeyRing(path: "\(folder.path)/keys", unixTime: { clock.seconds }),
            usage: usage, audit: audit,
            clock: AccessClock(
                milliseconds: { clock.milliseconds }, unixTime: { clock.seconds }))
        let client = TestClient(
            configuration, engine: engine, access: control, storage: storage, files: files,
            batches: batches, unixTime: { clock.seconds })
        return (control, client)
    }

    /// What was counted and recorded, once nobody writes any more.
    func usage() throws -> [UsageRow] {
        control.flush()
        return try files.usage()
    }

    /// What was recorded, once nobody writes any more.
    func records() throws -> [JSONValue] {
        control.flush()
        return try files.records()
    }

    /// The files as they are at this moment.
    var files: Files { Files(folder: folder.path) }

    /// What is in the files of a server.
    struct Files: Sendable {
        let folder: String

        func usage() throws -> [UsageRow] {
            try UsageLedger.rows(UsageSelection(), inFile: "\(folder)/usage")
        }

        func records() throws -> [JSONValue] {
            try String(
                decoding: contents("\(folder)/audit/audit-00000001.jsonl"), as: UTF8.self
            ).split(separator: "\n").map { try JSONParser.parse(String($0)) }
        }
    }

    /// Whether the records hang together.
    func areRecordsSound() throws -> Bool {
        try AuditVerification(folder: "\(folder.path)/audit").problem == nil
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

    /// What writes a stream of completions of a prompt, which has begun.
    func stream(
        _ prompt: String, as name: String
    ) async throws -> @Sendable (ResponseWriter) async throws -> Void {
        let request = TestClient.request(
            .post, "/v1/completions",
            #"{"model":"default","prompt":"\#(prompt)","stream":true}"#, fields(name))
        let response = await client.server.handle(request)
        guard case .stream(let produce) = response.body else { throw NoStream() }
        return produce
    }

    private struct NoStream: Error {}
}

extension AccessLimits {
    /// Limits, of which some are set.
    static func with(_ set: (inout AccessLimits) -> Void) -> AccessLimits {
        var limits = AccessLimits()
        set(&limits)
        return limits
    }
}
