// SPDX-License-Identifier: Apache-2.0

import Downloading
import Foundation
import JSON
import Synchronization
import TestSupport
import Testing

/// The hub of hub.py, with what it was asked, and a folder that models go to.
///
/// It ends with this value.
final class HubServer {
    /// What was asked of it.
    struct Request {
        let isSecond: Bool
        let path: String
        let authorization: String?
        let range: String?
        let ifRange: String?
    }

    let folder: String
    let waits = Waits()
    private let process: ChildProcess
    private let input = Pipe()
    private let port: String

    /// The waits that were asked for, none of which happens.
    final class Waits: Sendable {
        private let durations = Mutex<[Duration]>([])
        var all: [Duration] { durations.withLock { $0 } }
        func add(_ duration: Duration) { durations.withLock { $0.append(duration) } }
    }

    init() throws {
        let scratch = FileManager.default.temporaryDirectory
            .appendingPathComponent("cierzo-hub-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        folder = scratch.path
        let output = Pipe()
        process = try ChildProcess(
            ["python3", try Self.resource("hub.py"), folder + "/log"],
            input: input.fileHandleForReading.fileDescriptor,
            output: output.fileHandleForWriting.fileDescriptor)
        // Else its end would not be seen.
        try output.fileHandleForWriting.close()
        var line: [UInt8] = []
        while !line.contains(UInt8(ascii: "\n")) {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw Problem.noServer }
            line += more
        }
        port = String(decoding: line.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self)
    }

    enum Problem: Error {
        case noServer
        case noResource(String)
    }

    deinit {
        process.send(SIGTERM)
        try? FileManager.default.removeItem(atPath: folder)
    }

    static func resource(_ name: String) throws -> String {
        guard let path = Bundle.module.path(forResource: "Server/\(name)", ofType: nil) else {
            throw Problem.noResource(name)
        }
        return path
    }

    /// A hub that a client with a token, or without, reaches.
    func hub(token: String? = nil, trusted: Bool = true) throws -> ModelHub {
        var configuration = HTTPSClient.Configuration()
        configuration.token = token
        configuration.authorities = trusted ? try Self.resource("certificate.pem") : nil
        return try ModelHub("https://127.0.0.1:\(port)", configuration)
    }

    func patience(limit: Int = 6) -> Patience {
        Patience(limit: limit, wait: { [waits] in waits.add($0) }, say: { _ in })
    }

    func repository(
        _ name: String, token: String? = nil, limit: Int = 6
    ) throws -> ModelRepository {
        try hub(token: token).repository(
            "o/" + name, revision: "main", patience: patience(limit: limit))
    }

    /// Fetches the only model of a repository.
    @discardableResult
    func pull(
        _ name: String, token: String? = nil, limit: Int = 6, replaces: Bool = false,
        progress: @escaping (ModelPull.Progress) -> Void = { _ in }
    ) throws -> ModelPull.Result {
        let hub = try hub(token: token)
        let repository = try hub.repository(
            "o/" + name, revision: "main", patience: patience(limit: limit))
        return try ModelPull(from: hub, into: folder, replaces: replaces).run(
            repository.variant(file: nil, type: nil), of: repository,
            patience: patience(limit: limit), progress: progress)
    }

    /// Why fetching fails.
    func failure(_ name: String, token: String? = nil, limit: Int = 6) -> DownloadError? {
        do {
            try pull(name, token: token, limit: limit)
            return nil
        } catch {
            return error as? DownloadError
        }
    }

    func requests() throws -> [Request] {
        try String(contentsOfFile: folder + "/log", encoding: .utf8).split(separator: "\n")
            .map { line in
                let value = try JSONParser.parse(String(line))
                return Request(
                    isSecond: value["second"]?.boolValue ?? false,
                    path: value["path"]?.stringValue ?? "",
                    authorization: value["authorization"]?.stringValue,
                    range: value["range"]?.stringValue, ifRange: value["if_range"]?.stringValue)
            }
    }

    /// The files below `weights/`, by name.
    func weights() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: folder + "/weights").sorted()
    }

    func bytes(_ name: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: URL(fileURLWithPath: "\(folder)/weights/\(name)")))
    }

    /// What the server's large file holds.
    static let body = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 * 7 + $0 >> 8) }
}
