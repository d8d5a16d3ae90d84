// SPDX-License-Identifier: Apache-2.0

import Downloading
import Foundation
import JSON
import Testing

/// Models that come over HTTPS from a server of this machine.
@Suite struct ModelPullTests {
    private let server: HubServer

    init() throws { server = try HubServer() }

    private let name = "m-Q4_0.gguf"

    @Test func `a model arrives with its manifest, and the second time nothing is fetched`() throws
    {
        let result = try server.pull("plain")
        #expect(try server.weights() == [name])
        #expect(try server.bytes(name) == HubServer.body)
        #expect(result.isNew && result.manifest == "\(server.folder)/m-q4_0.json")
        let manifest = try JSONParser.parse(
            String(contentsOfFile: result.manifest, encoding: .utf8))
        #expect(manifest["weights"]?.stringValue == "weights/\(name)")
        #expect(manifest["prompt_format"]?.stringValue == "auto")
        #expect(manifest["source"]?["repository"]?.stringValue == "o/plain")
        #expect(manifest["source"]?["license"]?.stringValue == "mit")
        #expect(manifest["source"]?["revision"]?.stringValue?.count == 40)
        #expect(manifest["source"]?["sha256"]?.stringValue?.count == 64)
        let count = try server.requests().count
        #expect(try server.pull("plain").keptByteCount == HubServer.body.count)
        #expect(try server.requests().count == count + 2)
    }

    @Test func `a folder comes with what belongs to its weights, and with one set of them`() throws
    {
        try server.pull("folder")
        #expect(
            try server.weights() == [
                "folder", "folder/config.json", "folder/model.safetensors",
            ])
        #expect(try server.bytes("folder/model.safetensors") == HubServer.body)
    }

    @Test func `breaks in the middle cost no byte twice`() throws {
        var last = 0
        try server.pull("broken") { progress in
            if !progress.isChecking { last = progress.doneByteCount }
        }
        #expect(last == HubServer.body.count)
        #expect(try server.bytes(name) == HubServer.body)
        let files = try server.requests().filter { $0.path.contains("/resolve/") }
        #expect(files.map(\.range) == [nil, "bytes=100000-", "bytes=200000-"])
        #expect(files.map(\.ifRange) == [nil, "\"one\"", "\"one\""])
        #expect(server.waits.all == [.seconds(1), .seconds(1)])
    }

    @Test func `what an earlier process left is gone on with`() throws {
        guard case .broken? = server.failure("broken", limit: 1) else {
            Issue.record("it did not break")
            return
        }
        #expect(try server.weights() == [name + ".part", name + ".part.json"])
        try server.pull("broken")
        #expect(try server.bytes(name) == HubServer.body)
        #expect(try server.weights() == [name])
    }

    @Test func `a part whose note is gone is not trusted`() throws {
        _ = server.failure("broken", limit: 1)
        try FileManager.default.removeItem(atPath: "\(server.folder)/weights/\(name).part.json")
        try server.pull("broken")
        let ranges = try server.requests().filter { $0.path.contains("/resolve/") }.map(\.range)
        #expect(ranges.prefix(2) == [nil, nil])
        #expect(try server.bytes(name) == HubServer.body)
    }

    @Test(arguments: ["changed", "ignoring", "satisfied"])
    func `a server that will not go on sends all of it again`(_ repository: String) throws {
        try server.pull(repository)
        #expect(try server.bytes(name) == HubServer.body)
        #expect(try server.requests().contains { $0.range == "bytes=100000-" })
    }

    @Test func `a server that never sends a byte is given up after some attempts`() throws {
        guard case .broken(_, let reason)? = server.failure("hopeless", limit: 4) else {
            Issue.record("it did not fail")
            return
        }
        #expect(!reason.isEmpty)
        #expect(server.waits.all == [.seconds(1), .seconds(2), .seconds(4)])
    }

    @Test func `bytes with the wrong digest never get the name`() throws {
        guard case .damaged(let path, let expected, let found)? = server.failure("wrong") else {
            Issue.record("it was not noticed")
            return
        }
        #expect(path.hasSuffix(name) && expected != found && expected.hasPrefix("sha256:"))
        #expect(try server.weights().isEmpty)
    }

    @Test func `a part that was wrong is fetched once more from its beginning`() throws {
        try server.pull("damaged")
        #expect(try server.bytes(name) == HubServer.body)
        let ranges = try server.requests().filter { $0.path.contains("/resolve/") }.map(\.range)
        #expect(ranges == [nil, "bytes=100000-", nil])
    }

    @Test(arguments: [
        ("longer", "longer"), ("shorter", "299999"), ("packed", "gzip"), ("shifted", "bytes 5-"),
        ("plaintext", "HTTPS"), ("circular", "redirections"),
    ])
    func `answers that are not the file are refused`(
        _ repository: String, _ word: String
    ) throws {
        guard case .unusable(_, let reason)? = server.failure(repository) else {
            Issue.record("it was taken")
            return
        }
        #expect(reason.contains(word))
        #expect(try !server.weights().contains(name))
    }

    @Test func `another file of that name stays unless it shall be replaced`() throws {
        let path = "\(server.folder)/weights/\(name)"
        try FileManager.default.createDirectory(
            atPath: server.folder + "/weights", withIntermediateDirectories: true)
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: path))
        guard case .unwritable? = server.failure("plain") else {
            Issue.record("it was overwritten")
            return
        }
        #expect(try server.bytes(name) == [1, 2, 3])
        try server.pull("plain", replaces: true)
        #expect(try server.bytes(name) == HubServer.body)
    }

    @Test func `a manifest that people wrote for the same weights stays`() throws {
        let path = server.folder + "/mine.json"
        let text = #"{"name": "mine", "weights": "weights/m-Q4_0.gguf", "prompt_format": "auto"}"#
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let result = try server.pull("plain")
        #expect(!result.isNew && result.manifest == path)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
    }

    @Test func `a disk that is too small is noticed before anything is fetched`() throws {
        guard case .noSpace(_, let needed, let free)? = server.failure("enormous") else {
            Issue.record("it was not noticed")
            return
        }
        #expect(needed == 1 << 44 && free < needed)
        #expect(try !server.requests().contains { $0.path.contains("/resolve/") })
    }

    @Test func `a token goes to the hub and never to where it redirects`() throws {
        try server.pull("locked", token: "sesame")
        #expect(try server.bytes(name) == HubServer.body)
        let requests = try server.requests()
        #expect(requests.filter { !$0.isSecond }.allSatisfy { $0.authorization == "Bearer sesame" })
        #expect(requests.filter(\.isSecond).map(\.authorization) == [nil])
    }

    @Test func `redirections within the hub keep the token`() throws {
        try server.pull("relative", token: "sesame")
        #expect(try server.requests().allSatisfy { $0.authorization == "Bearer sesame" })
    }

    @Test func `a redirected file goes on where it was`() throws {
        try server.pull("redirected")
        #expect(try server.bytes(name) == HubServer.body)
    }
}
