// SPDX-License-Identifier: Apache-2.0

import JSON
import Synchronization

/// The keys of a file as requests meet them, read again when the file changes.
///
/// A secret costs scrypt once: afterwards it is found by a MAC of it, whose key nobody knows. What
/// somebody has made up costs a MAC, too; what once was a secret and is none any more is kept in mind.
package final class KeyRing: Sendable {
    /// What is known of a text at once.
    package enum Sighting: Sendable {
        /// It opens a key.
        case known(Caller)

        /// It opens nothing.
        case unknown

        /// It may be a secret; ``KeyRing/verify(_:)`` says so, and takes long.
        case unverified(Unverified)
    }

    /// A text that looks like a secret of the file.
    package struct Unverified: Sendable {
        fileprivate let secret: KeySecret
        fileprivate let mark: [UInt8]
    }

    /// What came of looking at the file.
    package enum Change: Equatable, Sendable {
        /// It is as it was.
        case none

        /// It was read.
        case loaded(keyCount: Int)

        /// It cannot be read, and the keys are those of before.
        case kept(AccessError)
    }

    private struct Entry {
        let key: AccessKey
        let caller: Caller
    }

    /// A secret that was seen, by the id of its key and the salt of what is kept of it.
    private struct Seen {
        let id: String
        let salt: [UInt8]
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var checkKey: [UInt8] = []
        var tenants: [Tenant] = []
        var version: PrivateFile.Version?
        var seen: [[UInt8]: Seen] = [:]
        var refused: Set<[UInt8]> = []
        /// How often the file was taken over.
        var generation = 0
    }

    /// Beyond that, those that were secrets once are forgotten, and cost scrypt once more.
    private static let maxRefused = 4096

    private let file: PrivateFile
    private let unixTime: @Sendable () -> Int
    private let markKey = Cryptography.randomBytes(32)
    private let state = Mutex(State())
    /// One reader of the file at a time, so that an older version never replaces a newer one.
    private let reading = Mutex(())

    /// Reads the file.
    ///
    /// - Parameters:
    ///   - path: where it is.
    ///   - unixTime: the seconds since 1970.
    /// - Throws: ``AccessError`` where it cannot be used.
    package init(
        path: String, unixTime: @escaping @Sendable () -> Int
    ) throws(AccessError) {
        try Cryptography.require()
        file = PrivateFile(path)
        self.unixTime = unixTime
        if case .kept(let error) = reload(always: true) { throw error }
    }

    /// How many keys there are.
    package var count: Int { state.withLock { $0.entries.count } }

    /// Reads the file again if it has changed.
    ///
    /// - Parameter always: whether also if it seems to be as it was.
    /// - Returns: what came of it. A file that cannot be used is told once.
    package func reload(always: Bool = false) -> Change {
        reading.withLock { _ in
            let version = file.version
            let isNew = state.withLock { state in
                guard always || version != state.version else { return false }
                state.version = version
                return true
            }
            guard isNew else { return .none }
            do throws(AccessError) {
                let keys = try KeyFile(try file.read(), path: file.path)
                return .loaded(keyCount: try take(keys))
            } catch {
                return .kept(error)
            }
        }
    }

    private func take(_ file: KeyFile) throws(AccessError) -> Int {
        var entries: [String: Entry] = [:]
        for key in file.keys {
            entries[key.id] = Entry(
                key: key,
                caller: try Caller(
                    id: key.id, name: key.name, limits: key.limits, expires: key.expires))
        }
        let fresh = entries
        state.withLock { state in
            state.entries = fresh
            state.generation += 1
            state.checkKey = file.checkKey
            state.tenants = file.tenants
            state.refused = []
            state.seen = state.seen.filter { _, seen in
                fresh[seen.id]?.key.secrets.contains { $0.salt == seen.salt } ?? false
            }
        }
        return fresh.count
    }

    /// The first tenant that claims are of, if there is one.
    func tenant(of claims: JSONObject) -> Tenant? {
        state.withLock { $0.tenants }.first { $0.matches(claims) }
    }

    /// The tenant of that name, if there is one.
    func tenant(named name: String) -> Tenant? {
        state.withLock { $0.tenants }.first { $0.name == name }
    }

    /// Whose key has that id, if it still opens anything.
    func caller(id: String) -> Caller? {
        let time = unixTime()
        return state.withLock { state in
            state.entries[id].flatMap { $0.key.liveSecrets(at: time).isEmpty ? nil : $0.caller }
        }
    }

    /// Says what is known of a text that a request came with.
    package func sight(_ text: String) throws(AccessError) -> Sighting {
        guard let secret = KeySecret(text) else { return .unknown }
        let mark = try Cryptography.tag(of: Array(text.utf8), key: markKey)
        let time = unixTime()
        let (known, checkKey): (Sighting?, [UInt8]) = state.withLock { state in
            guard let entry = state.entries[secret.id] else { return (.unknown, []) }
            let live = entry.key.liveSecrets(at: time)
            if let seen = state.seen[mark] {
                let isLive = seen.id == secret.id && live.contains { $0.salt == seen.salt }
                return (isLive ? .known(entry.caller) : .unknown, [])
            }
            if live.isEmpty || state.refused.contains(mark) { return (.unknown, []) }
            return (nil, state.checkKey)
        }
        if let known { return known }
        guard try secret.isPlausible(checkKey: checkKey) else { return .unknown }
        return .unverified(Unverified(secret: secret, mark: mark))
    }

    /// Finds out whether it is a secret, unless somebody else just has.
    ///
    /// Takes as long as scrypt, once or twice: never where others wait for the thread.
    ///
    /// - Parameter candidate: what ``sight(_:)`` gave.
    /// - Returns: whose secret it is, if it is one.
    /// - Throws: ``AccessError`` where there is no libcrypto.
    package func verify(_ candidate: Unverified) throws(AccessError) -> Caller? {
        switch try sight(candidate.secret.text) {
        case .known(let caller): return caller
        case .unknown: return nil
        case .unverified: break
        }
        let time = unixTime()
        let id = candidate.secret.id
        let (found, generation) = state.withLock { ($0.entries[id], $0.generation) }
        guard let entry = found else { return nil }
        for stored in entry.key.liveSecrets(at: time).reversed() {
            guard try stored.matches(candidate.secret) else { continue }
            return state.withLock { state in
                // The file may have changed meanwhile.
                guard let entry = state.entries[id],
                    entry.key.liveSecrets(at: time).contains(where: { $0.salt == stored.salt })
                else { return nil }
                state.seen[candidate.mark] = Seen(id: id, salt: stored.salt)
                return entry.caller
            }
        }
        state.withLock { state in
            // A newer file may know it.
            guard state.generation == generation else { return }
            if state.refused.count >= Self.maxRefused { state.refused = [] }
            state.refused.insert(candidate.mark)
        }
        return nil
    }
}
