// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Who may connect to a Unix socket.
package enum SocketAccess: String, CaseIterable, Sendable {
    /// The server's user.
    case owner
    /// Members of its group, too.
    case group
    /// Every user of the machine.
    case everyone

    /// The mode of the file: connecting takes the right to write.
    fileprivate var mode: mode_t {
        switch self {
        case .owner: 0o600
        case .group: 0o660
        case .everyone: 0o666
        }
    }
}

/// The file by which clients find a listening Unix socket.
struct UnixSocketFile: Sendable {
    private let path: String
    private let device: dev_t
    private let inode: ino_t

    /// Makes a socket listen under a path.
    ///
    /// The file of a server that has ended without removing it is replaced; one that somebody
    /// listens on, or that is no socket, never is.
    ///
    /// - Throws: `SocketError`.
    init(
        _ path: String, access: SocketAccess, descriptor: Int32, backlog: Int32
    ) throws(SocketError) {
        let address = try SocketAddress(path: path)
        // Two servers that start at the same time must not remove each other's file.
        let folder = unsafe open(Self.folder(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw .last("open the folder of the socket") }
        defer { Glibc.close(folder) }
        guard flock(folder, LOCK_EX | LOCK_NB) == 0 else {
            throw .unusable(path: path, reason: "another server is starting in its folder")
        }
        try Self.removeStale(path, address)
        // The mode that the file is made with, so that nobody connects before it is right.
        guard fchmod(descriptor, 0o600) == 0 else { throw .last("fchmod") }
        let bound = unsafe address.withPointer { unsafe bind(descriptor, $0, $1) }
        guard bound == 0 else { throw .last("bind") }
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { throw .last("lstat") }
        (self.path, device, inode) = (path, status.st_dev, status.st_ino)
        do throws(SocketError) {
            guard unsafe chmod(path, access.mode) == 0 else { throw .last("chmod") }
            guard listen(descriptor, backlog) == 0 else { throw .last("listen") }
        } catch {
            remove()
            throw error
        }
    }

    /// Removes the file, unless another server has put its own in its place.
    func remove() {
        var status = stat()
        guard unsafe lstat(path, &status) == 0, status.st_dev == device, status.st_ino == inode
        else { return }
        unsafe unlink(path)
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func removeStale(
        _ path: String, _ address: SocketAddress
    ) throws(SocketError) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw .last("lstat")
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw .unusable(path: path, reason: "there is a file that is no socket")
        }
        guard try !isListening(address) else { throw .system(call: "bind", code: EADDRINUSE) }
        guard unsafe unlink(path) == 0 else { throw .last("unlink") }
    }

    /// Whether somebody listens, or may do so: only a refusal says that nobody does.
    private static func isListening(_ address: SocketAddress) throws(SocketError) -> Bool {
        let probe = Glibc.socket(
            AF_UNIX,
            Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard probe >= 0 else { throw .last("socket") }
        defer { Glibc.close(probe) }
        let result = unsafe address.withPointer { unsafe connect(probe, $0, $1) }
        return result == 0 || errno != ECONNREFUSED
    }
}
