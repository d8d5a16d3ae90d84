// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// A client of TLS 1.3 that sends nothing but wishes for new keys, by the system's libssl.
struct KeyUpdateFlood {
    private typealias Make = @convention(c) (OpaquePointer?) -> OpaquePointer?
    private typealias Method = @convention(c) () -> OpaquePointer?
    private typealias Step = @convention(c) (OpaquePointer?) -> Int32
    private typealias Set = @convention(c) (OpaquePointer?, Int32) -> Int32

    let port: Int
    /// Whether the server is to answer each with new keys of its own.
    let asksForAnswers: Bool

    /// Sends them until the server breaks off.
    ///
    /// - Parameter limit: the most that are sent.
    /// - Returns: how many the connection took, or nil without a connection.
    func run(atMost limit: Int) async -> Int? {
        await withCheckedContinuation { continuation in
            // On a thread of its own, for libssl waits.
            let thread = Thread {
                // A connection that is closed is an error, not the end of the tests.
                var pipe = sigset_t()
                _ = unsafe sigemptyset(&pipe)
                _ = unsafe sigaddset(&pipe, SIGPIPE)
                _ = unsafe pthread_sigmask(SIG_BLOCK, &pipe, nil)
                continuation.resume(returning: send(atMost: limit))
            }
            thread.start()
        }
    }

    private func send(atMost limit: Int) -> Int? {
        guard let library = unsafe dlopen("libssl.so.3", RTLD_NOW) else { return nil }
        func find<Function>(_ name: String, _: Function.Type) -> Function {
            guard let symbol = unsafe dlsym(library, name) else { fatalError("no \(name)") }
            return unsafe unsafeBitCast(symbol, to: Function.self)
        }
        let context = unsafe find("SSL_CTX_new", Make.self)(
            find("TLS_client_method", Method.self)())
        let session = unsafe find("SSL_new", Make.self)(context)
        let descriptor = connected()
        defer {
            _ = unsafe find("SSL_free", Step.self)(session)
            _ = unsafe find("SSL_CTX_free", Step.self)(context)
            _ = Glibc.close(descriptor)
        }
        guard unsafe find("SSL_set_fd", Set.self)(session, descriptor) == 1,
            unsafe find("SSL_connect", Step.self)(session) == 1
        else { return nil }
        let update = unsafe find("SSL_key_update", Set.self)
        let flush = unsafe find("SSL_do_handshake", Step.self)
        for count in 0..<limit {
            guard unsafe update(session, asksForAnswers ? 1 : 0) == 1, unsafe flush(session) == 1
            else { return count }
        }
        return limit
    }

    private func connected() -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        _ = unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return descriptor
    }
}
