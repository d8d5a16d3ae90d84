// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTP
package import Logging
package import Serving
import Synchronization

/// Tells the service manager how the server is doing, as systemd's `Type=notify` wants it
/// (sd_notify(3), sd_watchdog_enabled(3)).
///
/// It speaks only where `NOTIFY_SOCKET` says to whom. The watchdog is fed by progress: where an engine
/// has work and makes no step, nobody says that all is well, and the manager starts another server.
package final class ServiceNotifier: Sendable {
    /// What is looked at from time to time.
    package struct Observation: Sendable {
        /// How far loading has come.
        package var progress: ModelSlot.Progress?
        /// Whether an engine with work has made no step for longer than the watchdog waits.
        package var isStalled: Bool

        /// What was seen.
        package init(progress: ModelSlot.Progress? = nil, isStalled: Bool = false) {
            self.progress = progress
            self.isStalled = isStalled
        }
    }

    private enum Stage {
        case loading
        case ready
        case stopping
    }

    private struct State {
        var stage = Stage.loading
        /// What is told while the server is ready and well.
        var status = ""
        var progress: ModelSlot.Progress?
        var isStalled = false
    }

    /// How long loading may go on without news once it takes longer than the unit allows.
    private static let loadingPatience = Duration.seconds(300)
    /// What ending takes beyond the time that requests are given.
    private static let farewell = Duration.seconds(15)

    private let socket: NotifySocket?
    private let state = Mutex(State())

    /// How long the manager waits for a sign of life; nil where it waits for none.
    package let watchdog: Duration?

    /// A notifier that has said nothing yet.
    ///
    /// - Parameters:
    ///   - environment: the process's variables.
    ///   - processID: the process's own number: a watchdog may be meant for another.
    ///   - logger: is told of an address that cannot be used.
    package init(
        environment: [String: String], processID: Int32 = getpid(),
        logger: Logger = Logger(label: "cierzo")
    ) {
        var socket: NotifySocket?
        if let name = environment["NOTIFY_SOCKET"], !name.isEmpty {
            do throws(SocketError) {
                socket = try NotifySocket(name)
            } catch {
                logger.warning(
                    "the service manager is told nothing", metadata: ["reason": "\(error)"])
            }
        }
        self.socket = socket
        let isMeant = environment["WATCHDOG_PID"].map { $0 == String(processID) } ?? true
        let microseconds = environment["WATCHDOG_USEC"].flatMap { Int64($0) } ?? 0
        watchdog =
            socket != nil && isMeant && microseconds > 0 ? .microseconds(microseconds) : nil
    }

    // MARK: Stages

    /// Says that requests are answered from now on.
    ///
    /// - Parameter status: what is served, in a few words.
    package func ready(_ status: String) {
        state.withLock { state in
            guard state.stage == .loading else { return }
            state.stage = .ready
            state.status = status
            send(["READY=1", Self.line("STATUS", status)])
        }
    }

    /// Says that settings or files are being read again while requests go on, and then that they are.
    ///
    /// - Parameter body: reads them.
    package func reload(_ body: () -> Void) {
        state.withLock { state in
            guard state.stage == .ready else { return }
            send([
                "RELOADING=1", "MONOTONIC_USEC=\(Self.monotonicMicroseconds)",
                "STATUS=Reading files again",
            ])
        }
        body()
        state.withLock { state in
            // A server that loads still is not ready because it was asked to reload.
            guard state.stage == .ready else { return }
            send(["READY=1", Self.line("STATUS", state.status)])
        }
    }

    /// Says that the server ends.
    ///
    /// - Parameter grace: what running requests have to finish in.
    package func stopping(grace: Duration) {
        state.withLock { state in
            guard state.stage != .stopping else { return }
            state.stage = .stopping
            send([
                "STOPPING=1", "STATUS=Finishing the requests that run",
                Self.line("EXTEND_TIMEOUT_USEC", microseconds: grace + Self.farewell),
            ])
        }
    }

    // MARK: Watching

    /// Looks at the models until the process ends, as often as there may be something to say.
    ///
    /// On the pool that serves requests, so that a watchdog also notices where that is stuck.
    package func watch(_ models: ModelRegistry) async {
        while let interval {
            do { try await Task.sleep(for: interval) } catch { return }
            look(
                Observation(
                    progress: models.progress,
                    isStalled: watchdog.map { models.isStalled(limit: $0) } ?? false))
        }
    }

    /// How long to wait before the next look; nil where nothing is left to look for.
    package var interval: Duration? {
        guard socket != nil else { return nil }
        if state.withLock({ $0.stage }) == .loading { return .seconds(1) }
        return watchdog.map { $0 / 2 }
    }

    /// Says what follows from a look at the models.
    package func look(_ observation: Observation) {
        state.withLock { state in
            switch state.stage {
            case .loading: tell(observation.progress, &state)
            case .ready, .stopping: feed(isStalled: observation.isStalled, &state)
            }
        }
    }

    /// Says how far loading has come; as long as it goes on, it may take its time.
    private func tell(_ progress: ModelSlot.Progress?, _ state: inout State) {
        guard let progress, progress != state.progress else { return }
        state.progress = progress
        let percent = Int((min(max(progress.share, 0), 1) * 100).rounded(.down))
        send([
            Self.line("STATUS", "Loading: \(progress.stage), \(percent) %"),
            Self.line("EXTEND_TIMEOUT_USEC", microseconds: Self.loadingPatience),
        ])
    }

    private func feed(isStalled: Bool, _ state: inout State) {
        guard watchdog != nil else { return }
        if isStalled != state.isStalled, state.stage == .ready {
            send([
                isStalled
                    ? "STATUS=Stalled: there are requests, and no step ends"
                    : Self.line("STATUS", state.status)
            ])
        }
        state.isStalled = isStalled
        if !isStalled { send(["WATCHDOG=1"]) }
    }

    // MARK: Lines

    private func send(_ lines: [String]) { socket?.send(lines) }

    private static func line(_ name: String, _ text: String) -> String {
        // Whatever it says, it is one line.
        name + "=" + String(text.map { $0.isNewline ? " " : $0 })
    }

    private static func line(_ name: String, microseconds: Duration) -> String {
        "\(name)=\(Int64(microseconds / .microseconds(1)))"
    }

    private static var monotonicMicroseconds: Int64 {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}

extension ModelRegistry {
    /// How far the models that the server waits for have come.
    fileprivate var progress: ModelSlot.Progress? {
        slots.lazy.filter(\.isEssential).compactMap(\.progress).first
    }
}
