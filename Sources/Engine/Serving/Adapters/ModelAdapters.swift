// SPDX-License-Identifier: Apache-2.0

import Foundation
package import ModelFiles
import Synchronization

/// The adapters of one model: loaded at the start or while it is served, and given up again.
///
/// An adapter stays in memory whether its model does or not. Requests that have begun with one keep
/// it until they end, also if it is given up or another takes its name meanwhile.
package final class ModelAdapters: Sendable {
    private let base: AdapterBase
    private let residency: ModelResidency?
    private let hash: (@Sendable (_ path: String) throws -> String)?
    private let adapters = Mutex<[LoadedAdapter]>([])

    /// A model without adapters.
    ///
    /// - Parameters:
    ///   - base: what its adapters depend on.
    ///   - residency: what their memory is counted by; nil: nothing counts it.
    ///   - hash: computes the SHA-256 of a file; nil: nobody wants to know it.
    package init(
        of base: AdapterBase, in residency: ModelResidency? = nil,
        hash: (@Sendable (_ path: String) throws -> String)? = nil
    ) {
        self.base = base
        self.residency = residency
        self.hash = hash
    }

    /// All of them, in the order in which they came.
    package var all: [LoadedAdapter] { adapters.withLock { $0 } }

    /// The adapter of that name.
    package func adapter(named name: String) -> LoadedAdapter? {
        adapters.withLock { $0.first { $0.name == name } }
    }

    /// Brings an adapter into memory.
    ///
    /// - Parameters:
    ///   - path: its folder or file.
    ///   - name: the name that it gets, in place of the one that has it.
    /// - Throws: `ModelFileError`, or ``ResidencyError`` where there is no room for it.
    package func load(_ path: String, named name: String) throws {
        let unloaded = try AdapterFile.read(path: path, for: base)
        let reservation = try residency?.reserve(name: name, byteCount: unloaded.byteCount)
        let adapter = try unloaded.load(countedBy: reservation)
        let file = adapter.weightsPath
        let attributes = try? FileManager.default.attributesOfItem(atPath: file)
        let date = attributes?[.modificationDate] as? Date
        let loaded = LoadedAdapter(
            name: name, adapter: adapter,
            creationTime: date.map { Int($0.timeIntervalSince1970) } ?? 0,
            weightsHash: try hash?(file))
        put(loaded, inPlaceOf: name)
    }

    /// Gives an adapter up.
    ///
    /// - Returns: whether there was one of that name.
    @discardableResult package func unload(_ name: String) -> Bool {
        put(nil, inPlaceOf: name)
    }

    /// Puts an adapter where another was.
    ///
    /// That is freed after the lock: its memory is counted elsewhere.
    ///
    /// - Returns: whether there was one of that name.
    @discardableResult private func put(
        _ adapter: LoadedAdapter?, inPlaceOf name: String
    ) -> Bool {
        let previous = adapters.withLock { adapters in
            let previous = adapters.filter { $0.name == name }
            adapters.removeAll { $0.name == name }
            if let adapter { adapters.append(adapter) }
            return previous
        }
        return !previous.isEmpty
    }
}
