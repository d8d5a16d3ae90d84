// SPDX-License-Identifier: Apache-2.0

import Downloading
import Foundation
import Testing

/// What a hub says, and how it says no.
@Suite struct ModelHubTests {
    private let server: HubServer

    init() throws { server = try HubServer() }

    @Test func `a listing in pages is read to its end`() throws {
        let files = try server.repository("paged").files.map(\.text)
        #expect(files == ["a-Q4_0.gguf", "m-Q4_0.gguf"])
    }

    @Test(arguments: [
        "up", "absolute", "backslash", "control", "ours", "twice", "unnamed", "negative", "text",
        "astray", "endless", "prose",
    ])
    func `a listing that could do harm or makes no sense is refused`(_ name: String) throws {
        guard case .unusable(let address, let reason)? = server.failure(name) else {
            Issue.record("it was taken")
            return
        }
        #expect(address.contains("/o/\(name)") && !reason.isEmpty)
        #expect(!FileManager.default.fileExists(atPath: server.folder + "/weights"))
    }

    @Test(arguments: [
        ("locked", nil, "HF_TOKEN"), ("locked", "wrong", "does not open it"),
        ("gated", nil, "Ask its owner"), ("forbidden", nil, "403"), ("missing", nil, "spelling"),
    ])
    func `a no is one, with what to do about it`(
        _ name: String, _ token: String?, _ word: String
    ) throws {
        guard let error = server.failure(name, token: token), case .refused = error else {
            Issue.record("it was no refusal")
            return
        }
        #expect("\(error)".contains(word))
        #expect(!"\(error)".contains("wrong"))
        #expect(server.waits.all.isEmpty)
    }

    @Test func `a server that is busy or down is asked again when it says so`() throws {
        _ = try server.repository("busy")
        #expect(server.waits.all == [.seconds(8), .seconds(8)])
        _ = try server.repository("down")
        #expect(server.waits.all.dropFirst(2) == [.seconds(1), .seconds(2)])
    }

    @Test func `a wait of an hour is left to whoever asked`() {
        #expect(
            server.failure("busier").map { "\($0)" }?.contains("try again in 3600 s") == true)
        #expect(server.waits.all.isEmpty)
    }

    @Test func `a certificate that nobody vouches for is refused`() throws {
        let hub = try server.hub(token: "sesame", trusted: false)
        #expect {
            try hub.repository("o/plain", revision: "main", patience: server.patience())
        } throws: { error in
            guard case .refused(_, let reason)? = error as? DownloadError else { return false }
            return reason.contains("certificate")
        }
        #expect(!FileManager.default.fileExists(atPath: server.folder + "/log"))
    }

    @Test(arguments: [
        "plain", "o/", "/plain", "o/../plain", "o/..", "o/a/b", "-o/plain", "o/pl ain", "o/pl\u{0}",
        "ö/plain", ".o/plain", "https://x/y",
    ])
    func `what is no name of a repository is not asked for`(_ name: String) throws {
        #expect {
            try server.hub().repository(name, revision: "main", patience: server.patience())
        } throws: { error in
            guard case .invalid? = error as? DownloadError else { return false }
            return true
        }
    }

    @Test(arguments: [
        "http://127.0.0.1", "127.0.0.1", "https://", "https://u:p@host", "https://host?x=1",
        "file:///etc", "https://ho st",
    ])
    func `what is no address of HTTPS is no mirror`(_ address: String) {
        #expect(throws: DownloadError.self) { try ModelHub(address, .init()) }
    }

    @Test(arguments: ["a b", "a\r\nX: y", "", "ä"])
    func `a token that could be more than one is refused and not repeated`(_ token: String) {
        #expect {
            try server.hub(token: token)
        } throws: { error in
            token.isEmpty || !"\(error)".contains(token)
        }
    }
}
