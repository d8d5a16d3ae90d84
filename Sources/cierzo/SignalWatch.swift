// SPDX-License-Identifier: Apache-2.0

import Console
import Foundation
import ModelFiles
import Synchronization

/// A thread that waits for the signals which ask a process to end, whatever the other threads do.
///
/// Unless a command takes them, a signal ends the process as it always does, but only after the files
/// that it had begun to write are gone.
final class SignalWatch: Sendable {
    static let shared = SignalWatch()

    private let handler = Mutex<@Sendable (Int32) -> Void>(SignalWatch.end)

    /// Begins to wait.
    ///
    /// The caller must be the only thread: those that come later inherit that signals pass them by.
    func start() {
        // What was ignored at the start stays ignored: nohup, and jobs in the background.
        let signals = [SIGTERM, SIGINT, SIGHUP].filter { !Self.isIgnored($0) }
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in signals { unsafe sigaddset(&set, signal) }
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        let waited = set
        let thread = Thread { [self] in
            var set = waited
            while true {
                var signal: Int32 = 0
                guard unsafe sigwait(&set, &signal) == 0 else { continue }
                let handle = handler.withLock { $0 }
                handle(signal)
            }
        }
        thread.name = "cierzo-signals"
        thread.stackSize = 1 << 18
        thread.start()
    }

    /// Gives all further signals to a command.
    func take(_ handle: @escaping @Sendable (Int32) -> Void) {
        handler.withLock { $0 = handle }
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard unsafe sigaction(number, nil, &action) == 0 else { return false }
        let (found, ignoring) = unsafe (
            unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self),
            unsafeBitCast(SIG_IGN, to: Int.self)
        )
        return found == ignoring
    }

    /// Ends the process by the signal that asked for it.
    static func end(_ number: Int32) {
        OutputFile.removeUnfinished()
        DiagnosticWriter.standardError.flush(within: .milliseconds(200))
        _ = signal(number, SIG_DFL)
        var set = sigset_t()
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, number)
        unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
        raise(number)
        _exit(128 + number)
    }
}
