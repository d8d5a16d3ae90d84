// SPDX-License-Identifier: Apache-2.0

import ModelFiles
import Synchronization

/// Why an adapter is not there.
package enum AdapterFailure: Error, Hashable, CustomStringConvertible {
    /// No model has that name.
    case unknownModel(String)

    /// The model can have no adapters, or is not known yet.
    case takesNone(model: String)

    /// The name is unusable, or somebody else's.
    case unusableName(reason: String)

    /// Its files do not do, or there is no room for it.
    case unusable(reason: String)

    /// One line that says what to change.
    package var description: String {
        switch self {
        case .unknownModel(let name): "no model is called '\(name)'"
        case .takesNone(let model): "the model '\(model)' takes no adapters"
        case .unusableName(let reason), .unusable(let reason): reason
        }
    }
}

extension ModelRegistry {
    private static let maxNameByteCount = 256

    /// Brings an adapter of a model into memory; requests may name it then.
    ///
    /// One that was loaded under that name from that path stays as it is, unless it may be replaced.
    ///
    /// - Parameters:
    ///   - path: its folder or file.
    ///   - name: the name that it gets.
    ///   - model: the model that it is for; nil for the default one.
    ///   - replaces: whether it may take the place of the model's adapter of that name.
    /// - Throws: ``AdapterFailure``.
    package func loadAdapter(
        _ path: String, named name: String, for model: String? = nil, replaces: Bool = false
    ) throws(AdapterFailure) {
        // One after the other: what loading takes is bounded, and nobody else takes the name meanwhile.
        try adapterLoading.withLock { _ throws(AdapterFailure) in
            try load(path, named: name, for: model ?? Self.defaultName, replaces: replaces)
        }
    }

    private func load(
        _ path: String, named name: String, for model: String, replaces: Bool
    ) throws(AdapterFailure) {
        guard let slot = slot(named: model) else { throw .unknownModel(model) }
        guard let adapters = slot.adapters else { throw .takesNone(model: model) }
        guard !name.isEmpty, name.utf8.count <= Self.maxNameByteCount,
            !name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else {
            throw .unusableName(
                reason: "the name of an adapter has 1 to \(Self.maxNameByteCount) bytes and no "
                    + "control characters")
        }
        let known = adapters.adapter(named: name)
        // Whoever asks twice for the same gets it.
        if !replaces, let known, known.adapter.path == path { return }
        let isOwn = known != nil
        if isOwn ? !replaces : self.slot(named: name) != nil {
            throw .unusableName(
                reason: isOwn
                    ? "an adapter of that name has been loaded already"
                    : "a model or an adapter of another model has that name")
        }
        do { try adapters.load(path, named: name) } catch {
            throw .unusable(reason: "\(error)")
        }
    }

    /// Gives an adapter up: no request finds it any more, and those that have it keep it.
    ///
    /// - Returns: whether there was one of that name.
    package func unloadAdapter(named name: String) -> Bool {
        slots.contains { $0.adapters?.unload(name) ?? false }
    }
}
