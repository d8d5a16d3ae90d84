// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTP
import Testing
import cierzo

@Suite struct SocketActivationTests {
    /// Sockets that listen under consecutive numbers, which end with this value.
    private final class Sockets {
        let first: Int32
        let count: Int32

        /// The numbers end below this, near the most that the process may have: other tests, which run
        /// at the same time, have hundreds of sockets.
        static let end: Int32 = {
            var limit = rlimit()
            guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
                return 1_024
            }
            return Int32(min(limit.rlim_cur, 60_000))
        }()

        init(first: Int32, count: Int32) throws {
            (self.first, self.count) = (first, count)
            for index in 0..<count {
                let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
                try #require(listen(descriptor, 1) == 0)
                try #require(dup2(descriptor, first + index) == first + index)
                Glibc.close(descriptor)
            }
        }

        deinit { for index in 0..<count { Glibc.close(first + index) } }
    }

    private func sockets(
        _ environment: [String: String], first: Int32 = 3
    ) throws -> [InheritedSocket] {
        try SocketActivation.sockets(environment: environment, processID: 1_234, first: first)
    }

    @Test func `the sockets that a service manager has opened are taken in their order`() throws {
        let given = try Sockets(first: Sockets.end - 4, count: 2)
        let found = try sockets(
            ["LISTEN_PID": "1234", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b"],
            first: given.first)
        #expect(found.map(\.descriptor) == [given.first, given.first + 1])
        for socket in found {
            #expect(fcntl(socket.descriptor, F_GETFD) & FD_CLOEXEC != 0)
            #expect(!socket.isLocal, "without an address it listens on all of them")
        }
    }

    @Test(arguments: [
        [:], ["LISTEN_FDS": "1"], ["LISTEN_PID": "1234"],
        ["LISTEN_FDS": "1", "LISTEN_PID": "1235"], ["LISTEN_FDS": "0", "LISTEN_PID": "1234"],
    ])
    func `there are none unless they are meant for this process`(
        environment: [String: String]
    ) throws {
        #expect(try sockets(environment).isEmpty)
    }

    @Test(arguments: ["", "-1", "many", "1025", "99999999999999999999"])
    func `a number of sockets that is none is an error`(count: String) {
        #expect(throws: SettingsError.self) {
            try sockets(["LISTEN_FDS": count, "LISTEN_PID": "1234"])
        }
    }

    @Test func `a number of sockets that are not all there is an error`() throws {
        let given = try Sockets(first: Sockets.end - 1, count: 1)
        let missing = HTTPServerError.unusable(
            descriptor: Sockets.end, reason: "it is not open")
        #expect(throws: missing) {
            try sockets(
                ["LISTEN_FDS": "2", "LISTEN_PID": "1234"], first: given.first)
        }
    }
}
