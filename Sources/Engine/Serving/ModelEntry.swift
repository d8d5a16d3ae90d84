// SPDX-License-Identifier: Apache-2.0

import Generation
import Inference
package import Logging
import ModelFiles
import Synchronization

/// A model that a server was told to serve.
package struct ModelEntry: Sendable {
    /// A manifest, a GGUF file, a packed file or a directory.
    package var path: String

    /// The name that the operator gave it; nil for its own.
    package var name: String?

    /// Further names, besides the model's own.
    package var aliases: [String] = []

    /// Whether it stays in memory.
    package var isPinned = false

    /// The temperature where a request says none; nil for what the model's makers advise.
    package var temperature: Double?

    /// The most tokens of an answer where a request says none; nil for as many as fit.
    package var maxTokens: Int?

    /// Its adapters: their names, and where they are.
    package var adapters: [(name: String, path: String)] = []

    /// What its engine gets of the machine.
    package var assembly = EngineAssembly()

    /// Whether a packed file may be older than what it was packed from.
    package var acceptsStale = false

    /// Whether all weights are checked each time that it is loaded.
    package var verifiesWeights = false

    /// A model with everything at its default.
    package init(path: String) { self.path = path }

    /// The file is no longer the one that requests were read for.
    package struct ChangedFile: Error, CustomStringConvertible {
        let path: String

        /// One line that says what to do.
        package var description: String {
            "\(path) is another model than when the server was started: restart the server"
        }
    }

    /// Opens the model with all that is needed to read requests for it, and gives it a place in
    /// memory, where it comes when it is asked for.
    ///
    /// - Parameters:
    ///   - residency: what keeps models in memory.
    ///   - build: the version of the program.
    ///   - keepsFile: whether the file stays open until it is loaded for the first time.
    ///   - logger: where the engine reports failures of steps.
    /// - Returns: the model as it was opened and as requests see it, and its place.
    /// - Throws: an error that names the file and what is wrong with it, or says that it can never
    ///   be in memory.
    package func open(
        in residency: ModelResidency, build: String, keepsFile: Bool = false,
        logger: Logger = Logger(label: "cierzo.engine")
    ) throws -> OpenedModel {
        let loaded = try LoadedModel(path: path, acceptsStale: acceptsStale)
        let plan = try assembly.plan(for: loaded.file)
        let limits = assembly.engineLimits(
            for: loaded.file, plan, tokenizer: loaded.tokenizer)
        let ownName = name ?? loaded.names.first ?? path
        var named = assembly
        named.modelName = ownName
        let (tokenizer, digest) = (loaded.tokenizer, loaded.file.weightsDigest())
        let first = FirstFile(keepsFile ? loaded.file : nil)
        let engine = try residency.add(
            name: ownName, byteCount: plan.memory.totalByteCount,
            isPinned: isPinned, maxWaiting: limits.maxOutstanding
        ) { resident in
            ResidentEngine(resident, limits: limits) { [self, named] whenIdle, progress in
                let file =
                    try first.take()
                    ?? LoadedModel.open(path: path, acceptsStale: acceptsStale).file
                guard file.weightsDigest() == digest else { throw ChangedFile(path: path) }
                if verifiesWeights {
                    try file.verify { progress("verifying the weights", $0) }
                }
                let preparation = file.preparation
                return try named.start(
                    file, tokenizer: tokenizer, logger: logger, whenIdle: whenIdle
                ) { progress(preparation, $0) }
            }
        }
        var model = loaded.served(by: engine, build: build, named: name) { engine.problem }
        model.description.aliases += aliases.filter { !model.description.isNamed($0) }
        if let temperature { model.description.defaultTemperature = temperature }
        model.description.defaultMaxTokens = maxTokens
        model.computation = assembly.computation(for: loaded.file)
        return OpenedModel(loaded: loaded, plan: plan, model: model, engine: engine)
    }
}

/// A model that requests can be read for, whether it is in memory or not.
package struct OpenedModel: Sendable {
    /// The model's file and what belongs to it.
    package let loaded: LoadedModel

    /// What it takes in memory.
    package let plan: EnginePlan

    /// What answers questions.
    package var model: ServedModel

    /// Its engine, in which requests wait until it is in memory.
    package let engine: ResidentEngine
}

/// A file that stays open until it is used for the first time.
private final class FirstFile: Sendable {
    private let file: Mutex<ModelFile?>

    init(_ file: ModelFile?) { self.file = Mutex(file) }

    func take() -> ModelFile? { file.withLock { $0.take() } }
}
