// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The `openssl` command as a client of TLS and as a maker of certificates, in a folder that goes with
/// this value.
final class OpenSSLTool {
    /// A command that runs.
    final class Run {
        let process: ChildProcess
        private let output: String

        fileprivate init(_ arguments: [String], input: String, folder: String) throws {
            let name = folder + "/" + UUID().uuidString
            output = name + ".out"
            let (source, target) = (URL(fileURLWithPath: name), URL(fileURLWithPath: output))
            try Data(input.utf8).write(to: source)
            try Data().write(to: target)
            let reading = try FileHandle(forReadingFrom: source)
            let writing = try FileHandle(forWritingTo: target)
            process = try ChildProcess(
                ["openssl"] + arguments, input: reading.fileDescriptor,
                output: writing.fileDescriptor)
            try reading.close()
            try writing.close()
        }

        /// Waits for its end; whether it was content, and what it wrote.
        func result() async throws -> (isContent: Bool, text: String) {
            let status = await process.end()
            let text = FileManager.default.contents(atPath: output) ?? Data()
            return (status == 0, String(decoding: text, as: UTF8.self))
        }
    }

    let folder = NSTemporaryDirectory() + "/cierzo-tls-\(UUID().uuidString)"

    init() throws {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Begins a command.
    func start(_ arguments: [String], input: String = "") throws -> Run {
        try Run(arguments, input: input, folder: folder)
    }

    /// Makes a certificate that only trusts itself, in `NAME.pem` and `NAME.key`.
    func makeCertificate(_ name: String, days: Int = 2) async throws {
        let made = try await start([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "\(days)", "-keyout", path(name + ".key"), "-out", path(name + ".pem"),
            "-subj",
            "/CN=\(name)", "-addext", "subjectAltName=IP:127.0.0.1",
        ]).result()
        try #require(made.isContent)
    }

    func path(_ name: String) -> String { folder + "/" + name }

    /// Begins a client that trusts one certificate, and shows what it is answered alone.
    func connect(
        to server: LoopbackServer, trusting name: String, _ more: [String] = [],
        sending request: String
    ) throws -> Run {
        try start(
            [
                "s_client", "-connect", "127.0.0.1:\(server.port)", "-CAfile",
                path(name + ".pem"), "-verify_return_error",
            ] + (more.isEmpty ? ["-quiet"] : more), input: request)
    }

    /// What a client is answered.
    func ask(
        _ server: LoopbackServer, trusting name: String, _ more: [String] = [],
        sending request: String = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    ) async throws -> (isContent: Bool, text: String) {
        try await connect(
            to: server, trusting: name, ["-quiet"] + more, sending: request
        ).result()
    }
}
