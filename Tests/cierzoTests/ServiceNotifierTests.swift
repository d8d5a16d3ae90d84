// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import HTTP
import Serving
import Testing
import cierzo

@Suite struct ServiceNotifierTests {
    /// A service manager's end of the protocol.
    private final class Manager {
        let name: String
        private let descriptor: Int32

        /// Listens at a path of its own, or at an abstract name.
        init(isAbstract: Bool = false) throws {
            let unique = "cierzo-\(UUID().uuidString)"
            name = isAbstract ? "@\(unique)" : NSTemporaryDirectory() + "/" + unique
            descriptor = Glibc.socket(
                AF_UNIX,
                Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
            let bound = unsafe try SocketAddress(path: name).withPointer {
                unsafe bind(descriptor, $0, $1)
            }
            try #require(bound == 0)
        }

        deinit {
            Glibc.close(descriptor)
            unsafe unlink(name)
        }

        /// The messages that have come since the last call, each as its lines.
        func messages() -> [[String]] {
            var messages: [[String]] = []
            while true {
                var bytes = [UInt8](repeating: 0, count: 4_096)
                let count = unsafe recv(descriptor, &bytes, bytes.count, 0)
                guard count >= 0 else { return messages }
                messages.append(
                    String(decoding: bytes.prefix(count), as: UTF8.self)
                        .split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
            }
        }

        func notifier(
            watchdog: String? = nil, meant: Int32? = nil, processID: Int32 = 1_234
        ) -> ServiceNotifier {
            var environment = ["NOTIFY_SOCKET": name]
            environment["WATCHDOG_USEC"] = watchdog
            environment["WATCHDOG_PID"] = meant.map { String($0) }
            return ServiceNotifier(environment: environment, processID: processID)
        }
    }

    private func progress(_ share: Double) -> ServiceNotifier.Observation {
        .init(progress: ModelSlot.Progress(stage: "reading\nweights", share: share))
    }

    @Test(arguments: [false, true])
    func `a manager hears of the stages in their order`(isAbstract: Bool) throws {
        let manager = try Manager(isAbstract: isAbstract)
        let notifier = manager.notifier()
        #expect(manager.messages().isEmpty)
        notifier.ready("Serving\nsomething")
        #expect(manager.messages() == [["READY=1", "STATUS=Serving something"]])
        notifier.stopping(grace: .seconds(30))
        #expect(
            manager.messages() == [
                [
                    "STOPPING=1", "STATUS=Finishing the requests that run",
                    "EXTEND_TIMEOUT_USEC=45000000",
                ]
            ])
    }

    @Test func `nothing follows the end but signs of life`() throws {
        let manager = try Manager()
        let notifier = manager.notifier(watchdog: "1000000")
        notifier.stopping(grace: .zero)
        #expect(manager.messages().count == 1)
        notifier.ready("Serving")
        notifier.stopping(grace: .zero)
        notifier.reload {}
        notifier.look(progress(0.5))
        #expect(manager.messages() == [["WATCHDOG=1"]])
    }

    @Test func `loading takes its time as long as it goes on`() throws {
        let manager = try Manager()
        let notifier = manager.notifier(watchdog: "60000000")
        #expect(notifier.interval == .seconds(1))
        notifier.look(.init())
        notifier.look(progress(0.256))
        notifier.look(progress(0.256))
        #expect(
            manager.messages() == [
                ["STATUS=Loading: reading weights, 25 %", "EXTEND_TIMEOUT_USEC=300000000"]
            ])
        notifier.look(progress(.infinity))
        #expect(manager.messages().first?.first == "STATUS=Loading: reading weights, 100 %")
    }

    @Test func `the watchdog is fed at half its interval while engines make progress`() throws {
        let manager = try Manager()
        let notifier = manager.notifier(watchdog: "60000000", meant: 1_234)
        #expect(notifier.watchdog == .seconds(60))
        notifier.look(.init())
        #expect(manager.messages().isEmpty, "it waits for the first sign only once READY was said")
        notifier.ready("Serving it")
        #expect(notifier.interval == .seconds(30))
        _ = manager.messages()
        notifier.look(.init())
        #expect(manager.messages() == [["WATCHDOG=1"]])
        notifier.look(.init(isStalled: true))
        notifier.look(.init(isStalled: true))
        #expect(
            manager.messages() == [["STATUS=Stalled: there are requests, and no step ends"]])
        notifier.look(.init())
        #expect(manager.messages() == [["STATUS=Serving it"], ["WATCHDOG=1"]])
    }

    @Test func `a stalled server that ends is not kept alive either`() throws {
        let manager = try Manager()
        let notifier = manager.notifier(watchdog: "60000000")
        notifier.ready("Serving")
        notifier.stopping(grace: .zero)
        _ = manager.messages()
        notifier.look(.init(isStalled: true))
        #expect(manager.messages().isEmpty)
        notifier.look(.init())
        #expect(manager.messages() == [["WATCHDOG=1"]])
    }

    @Test func `a reload says when it began, and that it is over`() throws {
        let manager = try Manager()
        let notifier = manager.notifier()
        notifier.ready("Serving")
        _ = manager.messages()
        var during: [[String]] = []
        notifier.reload { during = manager.messages() }
        let began = try #require(during.first)
        #expect(began.count == 3 && during.count == 1)
        #expect(began[0] == "RELOADING=1")
        let time = try #require(Int64(began[1].dropFirst("MONOTONIC_USEC=".count)))
        #expect(began[1].hasPrefix("MONOTONIC_USEC=") && time > 0)
        #expect(manager.messages() == [["READY=1", "STATUS=Serving"]])
    }

    @Test func `a reload while loading makes nothing ready`() throws {
        let manager = try Manager()
        let notifier = manager.notifier()
        var isDone = false
        notifier.reload { isDone = true }
        #expect(isDone)
        #expect(manager.messages().isEmpty)
    }

    @Test(arguments: [nil, "", "0", "-1", "soon", "99999999999999999999"] as [String?])
    func `without a watchdog nothing is looked for once the server is ready`(
        interval: String?
    ) throws {
        let manager = try Manager()
        let notifier = manager.notifier(watchdog: interval)
        notifier.ready("Serving")
        _ = manager.messages()
        #expect(notifier.watchdog == nil && notifier.interval == nil)
        notifier.look(.init())
        #expect(manager.messages().isEmpty)
    }

    @Test func `a watchdog that is meant for another process is none`() throws {
        #expect(try Manager().notifier(watchdog: "60000000", meant: 1).watchdog == nil)
    }

    @Test(arguments: [
        [:], ["NOTIFY_SOCKET": ""], ["NOTIFY_SOCKET": "@"],
        ["NOTIFY_SOCKET": String(repeating: "x", count: 108), "WATCHDOG_USEC": "1"],
        ["NOTIFY_SOCKET": "/nowhere/at/all"],
    ])
    func `without somebody who listens nothing happens`(environment: [String: String]) {
        let notifier = ServiceNotifier(environment: environment)
        notifier.look(progress(0.5))
        notifier.ready("Serving")
        notifier.reload {}
        notifier.stopping(grace: .zero)
        #expect(notifier.interval == nil)
    }
}
