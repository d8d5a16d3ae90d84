// SPDX-License-Identifier: Apache-2.0

import Generation
package import ModelFiles

/// A LoRA adapter in memory, under the name by which clients ask for it.
package struct LoadedAdapter: Sendable {
    /// Its name, which no model and no other adapter has.
    package let name: String

    /// What it adds to the model.
    package let adapter: Adapter

    /// When its file was written, in seconds since 1970.
    package let creationTime: Int

    /// SHA-256 of the file of its matrices; nil where nobody has asked for that.
    package let weightsHash: String?

    /// Puts an adapter together.
    package init(
        name: String, adapter: Adapter, creationTime: Int = 0, weightsHash: String? = nil
    ) {
        self.name = name
        self.adapter = adapter
        self.creationTime = creationTime
        self.weightsHash = weightsHash
    }

    /// What it takes in memory.
    package var byteCount: Int { adapter.byteCount }

    /// Sixteen hexadecimal digits that differ between adapters.
    package var fingerprint: String {
        let digits = String(adapter.digest, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The description of a model with it.
    func describe(_ base: ModelDescription) -> ModelDescription {
        var description = base
        description.name = name
        description.aliases = ([base.name] + base.aliases).map { "\($0):\(name)" }
        description.parent = base.name
        description.creationTime = creationTime
        description.summary = "\(base.name) with the adapter \(name)"
        return description
    }
}

/// The engine of a model, which adds an adapter to whatever it is asked.
struct AdaptedEngine: CompletionEngine {
    let base: any CompletionEngine
    let adapter: AppliedAdapter

    var contextLength: Int { base.contextLength }

    var vocabularyCount: Int { base.vocabularyCount }

    var statistics: EngineStatistics { base.statistics }

    func accept(
        _ request: GenerationRequest, to stream: GenerationStream
    ) throws(SubmissionError) -> QueuePlace {
        var request = request
        request.adapter = adapter
        return try base.accept(request, to: stream)
    }
}
