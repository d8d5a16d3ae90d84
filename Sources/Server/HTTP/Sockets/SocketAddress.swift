// SPDX-License-Identifier: Apache-2.0

package import Glibc

/// An IPv4 or IPv6 address with its port, or one of a Unix socket, as the kernel wants it.
package struct SocketAddress: Sendable, Equatable {
    /// The `sockaddr` of the family.
    let bytes: [UInt8]

    /// The addresses of a host.
    ///
    /// - Parameters:
    ///   - host: a name or numeric address; `*` or an empty one is every address of this machine.
    ///   - port: the port, 0 for any.
    /// - Returns: at least one address, in the resolver's order.
    /// - Throws: `SocketError.unresolved`.
    package static func resolve(
        host: String, port: UInt16
    ) throws(SocketError) -> [SocketAddress] {
        if host.isEmpty || host == "*" { return try resolve(host: "::", port: port) }
        var hints = unsafe addrinfo()
        unsafe hints.ai_flags = AI_NUMERICSERV
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let name =
            host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        let code = unsafe getaddrinfo(name, String(port), &hints, &list)
        guard code == 0 else {
            throw .unresolved(host: host, reason: unsafe String(cString: gai_strerror(code)))
        }
        defer { unsafe freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next {
            if let address = unsafe entry.pointee.ai_addr {
                let bytes = unsafe UnsafeRawBufferPointer(
                    start: address, count: Int(entry.pointee.ai_addrlen))
                let value = SocketAddress(bytes: unsafe Array(bytes))
                if !addresses.contains(value) { addresses.append(value) }
            }
            unsafe next = entry.pointee.ai_next
        }
        guard !addresses.isEmpty else {
            throw .unresolved(host: host, reason: "it has no address")
        }
        return addresses
    }

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// The address of a Unix socket.
    ///
    /// - Parameter path: of a file, or `@` and a name that no file has (unix(7), "abstract").
    /// - Throws: `SocketError.unusable` for one that the kernel does not take.
    package init(path: String) throws(SocketError) {
        var name = Array(path.utf8)
        let isAbstract = name.first == UInt8(ascii: "@")
        if isAbstract { name[0] = 0 }
        // A path ends with a zero; the other kind of name is as long as it is.
        let longest = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - (isAbstract ? 0 : 1)
        guard (isAbstract ? 2 : 1)...longest ~= name.count, !path.utf8.contains(0) else {
            throw .unusable(
                path: path, reason: "a socket's path has up to \(longest) bytes, none of them zero")
        }
        bytes =
            [UInt8(truncatingIfNeeded: AF_UNIX), UInt8(truncatingIfNeeded: AF_UNIX >> 8)] + name
            + (isAbstract ? [] : [0])
    }

    /// What a call such as `getsockname` or `accept` writes.
    init(
        filledBy call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe call(address, &length)
            }
        }
        let size = min(Int(length), MemoryLayout<sockaddr_storage>.size)
        bytes =
            result < 0 ? [] : unsafe withUnsafeBytes(of: storage) { unsafe Array($0.prefix(size)) }
    }

    /// `AF_INET`, `AF_INET6` or `AF_UNIX`.
    package var family: Int32 {
        bytes.count < 2 ? AF_UNSPEC : Int32(bytes[0]) | Int32(bytes[1]) << 8
    }

    /// The same address with another port; both families keep it at byte 2, big-endian.
    func with(port: UInt16) -> SocketAddress {
        guard bytes.count >= 4 else { return self }
        var copy = bytes
        (copy[2], copy[3]) = (UInt8(port >> 8), UInt8(port & 0xFF))
        return SocketAddress(bytes: copy)
    }

    /// The port; 0 for a Unix socket.
    package var port: UInt16 {
        bytes.count < 4 || family == AF_UNIX ? 0 : UInt16(bytes[2]) << 8 | UInt16(bytes[3])
    }

    /// The address as a URL has it, or `unix:` and the path.
    package var name: String {
        if family == AF_UNIX {
            let path = bytes.dropFirst(2)
            let isAbstract = path.first == 0
            return "unix:" + (isAbstract ? "@" : "")
                + String(
                    decoding: isAbstract ? path.dropFirst() : path.prefix { $0 != 0 },
                    as: UTF8.self)
        }
        let host = host
        return (host.contains(":") ? "[\(host)]" : host) + ":\(port)"
    }

    /// The numeric address without its port; an IPv4 address mapped into IPv6 is shown as IPv4.
    package var host: String {
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let code = unsafe withPointer { address, length in
            unsafe getnameinfo(
                address, length, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
        }
        guard code == 0 else { return "" }
        let host = String(
            decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return host.hasPrefix("::ffff:") && host.contains(".") ? String(host.dropFirst(7)) : host
    }

    /// Gives the address to a system call such as `bind`.
    package func withPointer<Result>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        // A copy with the alignment that the kernel's headers promise.
        var storage = sockaddr_storage()
        unsafe withUnsafeMutableBytes(of: &storage) { unsafe $0.copyBytes(from: bytes) }
        return unsafe withUnsafePointer(to: storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe body(address, socklen_t(bytes.count))
            }
        }
    }
}
