// SPDX-License-Identifier: Apache-2.0

import HTTP
import Testing

@Suite struct ListeningHostTests {
    @Test(arguments: [
        "127.0.0.1", "127.255.0.3", "::1", "[::1]", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1",
        "[::ffff:127.9.9.9]", "localhost", "LocalHost", "unix:/run/cierzo.sock", "unix:@cierzo",
    ])
    func `an address of this machine alone is loopback`(host: String) {
        #expect(ListeningHost(host).isLoopback)
    }

    @Test(arguments: [
        "127.evil.example", "127.0.0.1.evil.example", "127.1", "127.0.0", "127.0.0.256",
        "0127.0.0.1",
        "127.0.0.1 ", "2130706433", "0x7f.0.0.1", "1.127.0.0", "0.0.0.0", "::", "[::]", "", "*",
        "[]",
        "::1.evil.example", "[::1", "::ffff:128.0.0.1", "::127.0.0.1", "localhost.evil.example",
        "10.0.0.1", "fe80::1",
    ])
    func `no other spelling passes as loopback`(host: String) {
        #expect(!ListeningHost(host).isLoopback)
    }

    @Test(
        arguments: [
            ("unix:/run/x", "/run/x"), ("unix:@x", "@x"), ("unix:", ""), ("unix", nil),
            ("/run/x", nil),
            ("127.0.0.1", nil), ("UNIX:/x", nil),
        ] as [(String, String?)])
    func `the path of a Unix socket follows its prefix`(host: String, path: String?) {
        #expect(ListeningHost(host).socketPath == path)
    }

    @Test func `an address is shown as a URL has it, or as a path`() throws {
        #expect(try SocketAddress(path: "/run/x").name == "unix:/run/x")
        #expect(try SocketAddress(path: "@x").name == "unix:@x")
        #expect(try SocketAddress(path: "@x").port == 0)
        for (host, shown) in [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80")] {
            #expect(try SocketAddress.resolve(host: host, port: 80).first?.name == shown)
        }
    }

    @Test(arguments: ["", "@", String(repeating: "x", count: 108), "a\0b"])
    func `a path that the kernel would not take is an error`(path: String) {
        #expect(throws: SocketError.self) { try SocketAddress(path: path) }
    }

    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"), ("0.0.0.0", "127.0.0.1"),
        ("*", "127.0.0.1"), ("", "127.0.0.1"), ("::", "[::1]"), ("[::]", "[::1]"),
        ("[0:0::0]", "[::1]"), ("::1", "[::1]"), ("[::1]", "[::1]"),
        ("2001:db8::7", "[2001:db8::7]"),
        ("fe80::1%eth0", "[fe80::1%25eth0]"), ("my-machine", "my-machine"),
    ])
    func `a URL has a host that works`(host: String, shown: String) {
        #expect(ListeningHost(host).urlHost == shown)
    }
}
