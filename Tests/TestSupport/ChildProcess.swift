// SPDX-License-Identifier: Apache-2.0

import Foundation
package import Glibc
import Synchronization

/// A program that runs beside the tests.
///
/// Foundation's `Process` reads the list of open descriptors beyond its end, which crashes where some
/// thousand are open, as while connections are tested.
package final class ChildProcess: Sendable {
    /// Why a program does not run.
    package struct Failure: Error {
        /// The number of the error.
        package let code: Int32
    }

    private struct State {
        var status: Int32?
        var waiting: [CheckedContinuation<Int32, Never>] = []
    }

    /// Its number.
    package let id: pid_t
    private let state = Mutex(State())

    /// Starts a program, which is looked for where commands are.
    ///
    /// - Parameters:
    ///   - arguments: its name, then what it is told.
    ///   - input: what it reads; nil: nothing.
    ///   - output: where it writes; nil: nowhere. What it says of errors goes nowhere.
    /// - Throws: ``Failure``.
    package init(_ arguments: [String], input: Int32? = nil, output: Int32? = nil) throws {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        let own: [(number: Int32, descriptor: Int32?)] = [(0, input), (1, output), (2, nil)]
        for (number, descriptor) in own {
            if let descriptor {
                unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, number)
            } else {
                unsafe posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_RDWR, 0)
            }
        }
        try unsafe Self.closeOthers(&actions)
        // Threads of queues block signals, and a child has the signals of the thread that starts it.
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &signals)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

        var texts = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { unsafe texts.forEach { unsafe free($0) } }
        var started: pid_t = 0
        let code = unsafe posix_spawnp(
            &started, arguments[0], &actions, &attributes, &texts, environ)
        guard code == 0 else { throw Failure(code: code) }
        let id = started
        self.id = id
        Thread.detachNewThread { [self] in
            var status: Int32 = 0
            while unsafe waitpid(id, &status, 0) < 0, errno == EINTR {}
            let waiting = state.withLock { state in
                state.status = status
                defer { state.waiting = [] }
                return state.waiting
            }
            for continuation in waiting { continuation.resume(returning: status) }
        }
    }

    /// Has a program get no other descriptors: it would keep others' connections open.
    private static func closeOthers(
        _ actions: UnsafeMutablePointer<posix_spawn_file_actions_t>
    ) throws {
        // The library has it, and its headers hide it.
        typealias CloseFrom =
            @convention(c) (
                UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32
            ) -> Int32
        guard
            let function = unsafe dlsym(nil, "posix_spawn_file_actions_addclosefrom_np")
        else { throw Failure(code: ENOSYS) }
        _ = unsafe unsafeBitCast(function, to: CloseFrom.self)(actions, 3)
    }

    /// Waits for its end.
    ///
    /// - Returns: the status as `waitpid` gives it: 0 if it is content.
    package func end() async -> Int32 {
        await withCheckedContinuation { continuation in
            let status = state.withLock { state in
                if state.status == nil { state.waiting.append(continuation) }
                return state.status
            }
            if let status { continuation.resume(returning: status) }
        }
    }

    /// Sends it a signal, unless it has ended.
    package func send(_ signal: Int32) {
        let isRunning = state.withLock { $0.status == nil }
        if isRunning { kill(id, signal) }
    }
}
