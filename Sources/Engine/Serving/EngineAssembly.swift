// SPDX-License-Identifier: Apache-2.0

package import Computation
import Console
package import Generation
import Glibc
package import Inference
package import JSON
package import Logging
package import ModelFiles
package import Parallelism
package import Quantization
package import Tokenization

/// How much of the machine an engine gets.
package struct EngineAssembly: Sendable {
    private static let modelDefaults = TransformerLimits(blockCount: 1)
    private static let engineDefaults = GenerationEngine.Configuration()

    /// Compute threads; nil for what affinity and the control group's quota allow.
    package var threads: Int?

    /// The name of a `KernelChoice`.
    package var kernels = "automatic"

    /// Whether threads keep to cores.
    package var pinning = ThreadPlacement.Pinning.automatic

    /// Tokens; nil: the model's own context, at most ``defaultContext``.
    package var context: Int?

    /// What happens where `context` is more than the model was made for.
    package var ropeScaling = ContextScaling.none

    /// Positions of a KV block (S).
    package var blockSize = Self.modelDefaults.positionsPerBlock

    /// How keys and values are stored.
    package var kvType = Self.modelDefaults.kvElementType

    /// Bytes; nil: room for ``defaultContextCount`` contexts, at most a quarter of memory.
    package var kvByteCount: Int?

    /// The most sequences that run at the same time.
    package var maxSequences = Self.engineDefaults.maxSequences

    /// The most sequences that wait besides.
    package var maxQueue = Self.engineDefaults.maxQueuedSequences

    /// The most tokens of a step.
    package var maxBatchTokens = Self.modelDefaults.maxBatchTokens

    /// The most prompt tokens of a step while nothing is being decoded.
    package var prefillChunk = Self.engineDefaults.prefillChunkTokens

    /// Whether next tokens are guessed where that saves time.
    package var drafts = true

    /// The bytes that all models together may take; nil: what the machine has.
    package var memoryByteCount: Int?

    /// The threads of several engines that compute by turns; nil: this one gets threads of its own.
    package var sharedPool: ThreadPool?

    /// Keeps the background of all engines that share it from disturbing the others; nil: it has one
    /// of its own.
    package var gate: ForegroundGate?

    /// How much of such threads' time it gets next to others that want it, too.
    package var share = 1

    /// What metrics call its model.
    package var modelName = ""

    /// Tells the program from others, whose KV blocks may have other bits.
    package var build = ""

    /// Where KV blocks of prefixes are kept on disk; nil for nowhere.
    package var prefixStore: PrefixStore?

    /// The context where none is asked for, if the model has as much.
    package static let defaultContext = 32_768

    /// The least context in which coding agents get something done.
    private static let agentContext = 16_384

    /// How many contexts the KV cache holds where nobody says how much memory it gets.
    package static let defaultContextCount = 4

    /// States of sequences, in models that keep some, take no more than this part of memory.
    private static let stateShareOfMemory = 8

    /// An engine with all that the machine gives.
    package init() {}

    /// What of the machine does not suffice.
    package enum Failure: Error, Equatable, CustomStringConvertible {
        /// The process may use too few bytes.
        case memory(needed: Int, available: Int)

        /// The KV cache is too small for one context.
        case context(kvPositions: Int, key: String)

        /// A longer context was asked of a model whose makers have stretched it already.
        case stretchedAlready(context: Int, own: Int)

        /// The number of threads is out of range.
        case threads(Int)

        /// There are no such kernels.
        case unknownKernels(String)

        /// The processor cannot run these kernels.
        case unavailableKernels(String)

        /// A packed file has no rows to multiply exactly.
        case packedFile(path: String)

        /// One line that says what to change.
        package var description: String {
            let available = KernelChoice.available.map(\.rawValue).joined(separator: ", ")
            return switch self {
            case .memory(let needed, let available):
                "packed weights, KV cache and scratch need \(byteText(needed)), this process may use "
                    + "\(byteText(available)): lower kv-memory, context or max-batch-tokens"
            case .context(let positions, let key):
                "\(key): the KV cache holds only \(positions) positions, fewer than one context"
            case .stretchedAlready(let context, let own):
                "rope-scaling: the model's makers have stretched its context to \(own) positions "
                    + "already, and \(context) are asked for: lower context"
            case .threads(let count): "threads: expected 1 to 1024, found \(count)"
            case .unknownKernels(let name): "kernels: '\(name)' is none of \(available)"
            case .unavailableKernels(let name):
                "kernels: this machine cannot run '\(name)', only \(available)"
            case .packedFile(let path):
                "kernels: 'exact' needs the file that \(path) was packed from"
            }
        }
    }

    /// Starts the compute threads, or takes part in those that several engines share.
    ///
    /// - Returns: the operations, with threads running.
    /// - Throws: ``Failure`` where the processor does not have what is asked of it.
    package func makeCompute() throws(Failure) -> Compute {
        guard let choice = KernelChoice(rawValue: kernels) else { throw .unknownKernels(kernels) }
        guard choice.isAvailable else { throw .unavailableKernels(kernels) }
        return Compute(pool: try makePool(), kernels: choice)
    }

    /// Starts threads, or takes part in those that several engines share.
    ///
    /// - Returns: the threads, running.
    /// - Throws: ``Failure`` where their number is out of range.
    package func makePool() throws(Failure) -> ThreadPool {
        if let sharedPool { return ThreadPool(sharing: sharedPool, share: share) }
        return ThreadPool(threadCount: try threadCount, pinning: pinning)
    }

    private var threadCount: Int {
        get throws(Failure) {
            if let sharedPool { return sharedPool.threadCount }
            let count = threads ?? ProcessorTopology.current().availableThreadCount
            guard (1...1024).contains(count) else { throw .threads(count) }
            return count
        }
    }

    /// What an engine needs, before any of it is allocated.
    ///
    /// - Parameters:
    ///   - file: the model.
    ///   - packedTypes: its tensors' `packedTypes`; nil for what they are likely to be, which takes
    ///     no reading.
    /// - Returns: the plan.
    /// - Throws: where the machine has too little memory, or a limit is unusable.
    package func plan(
        for file: ModelFile, packedAs packedTypes: [ElementType?]? = nil
    ) throws -> EnginePlan {
        guard let choice = KernelChoice(rawValue: kernels) else {
            throw Failure.unknownKernels(kernels)
        }
        if file.schema.isEncoder { return try encoderPlan(for: file) }
        let threadCount = try threadCount
        let memory = min(memoryByteCount ?? .max, MachineMemory.byteCount())
        let own = file.configuration.contextLength
        let configuration = configuration(for: file)
        if let context, context > own, ropeScaling != .none, configuration.contextLength == own {
            throw Failure.stretchedAlready(context: context, own: own)
        }
        let contextLength = self.contextLength(for: file)
        // The weights of a packed file are mapped as they are.
        let packs = choice.packsWeights && file.packed == nil
        let types = packs ? packedTypes ?? file.tensors.likelyPackedTypes : []
        let weightByteCount =
            packs ? file.tensors.packedByteCount(as: types) : file.tensors.byteCount
        var stateCount = 1
        func limits(blockCount: Int) -> TransformerLimits {
            TransformerLimits(
                maxBatchTokens: maxBatchTokens, blockCount: blockCount,
                positionsPerBlock: blockSize,
                maxLogitsRows: max(maxSequences, Self.modelDefaults.maxLogitsRows),
                kvElementType: kvType, stateCount: stateCount)
        }
        func plan(blockCount: Int) throws -> MemoryPlan {
            try MemoryPlan(
                configuration: configuration, weightByteCount: weightByteCount,
                limits: limits(blockCount: blockCount), threadCount: threadCount)
        }
        let least = try plan(blockCount: 1)
        let perBlock = max(1, least.kvByteCount)
        if least.stateByteCount > 0 {
            // One for each sequence and as many to go on from.
            stateCount = max(
                2,
                min(
                    2 * maxSequences,
                    memory / Self.stateShareOfMemory / least.stateByteCount))
        }
        let perContext = (contextLength + blockSize - 1) / blockSize
        let blockCount =
            if let kvByteCount {
                max(1, kvByteCount / perBlock)
            } else {
                max(
                    perContext,
                    min(perContext * Self.defaultContextCount, memory / 4 / perBlock))
            }
        guard blockCount * blockSize >= contextLength else {
            throw Failure.context(kvPositions: blockCount * blockSize, key: "kv-memory")
        }
        let whole = try plan(blockCount: blockCount)
        let owned =
            whole.kvByteCount + whole.stateByteCount + whole.activationByteCount
            + (packs ? file.tensors.bytesToPack(as: types) : 0)
        guard owned < memory else { throw Failure.memory(needed: owned, available: memory) }
        return EnginePlan(
            limits: limits(blockCount: blockCount), memory: whole,
            packedTypes: packs ? types : nil)
    }

    /// Packs or maps the weights and allocates all that the model needs to run.
    ///
    /// - Parameters:
    ///   - file: the model.
    ///   - progress: told the share of the weights that is prepared, on any thread.
    /// - Returns: the model, ready to run.
    /// - Throws: where the machine has too little memory, or a limit is unusable.
    package func makeTransformer(
        for file: ModelFile, progress: @Sendable (Double) -> Void = { _ in }
    ) throws -> sending Transformer {
        let compute = try makeCompute()
        let packs = compute.kernels.packsWeights && file.packed == nil
        let plan = try plan(for: file, packedAs: packs ? file.tensors.packedTypes : nil)
        return try Transformer(
            configuration: configuration(for: file),
            tensors: file.preparedTensors(
                for: compute, packedAs: plan.packedTypes, progress: progress),
            compute: compute, limits: plan.limits)
    }

    /// Prepares a model's weights and starts an engine for it.
    ///
    /// - Parameters:
    ///   - loaded: the model.
    ///   - name: the name that the operator gave it; nil for its own.
    ///   - build: the version of the program.
    ///   - logger: where the engine reports failures of steps.
    ///   - progress: told the share of the weights that is prepared, on any thread.
    /// - Returns: the model, which answers at once.
    /// - Throws: where the machine has too little memory, or a limit is unusable.
    package func start(
        _ loaded: LoadedModel, named name: String? = nil, build: String,
        logger: Logger = Logger(label: "cierzo.engine"),
        progress: @Sendable (Double) -> Void = { _ in }
    ) throws -> RunningModel {
        let started = try start(
            loaded.file, tokenizer: loaded.tokenizer, logger: logger, progress: progress)
        let model = loaded.served(by: started.engine, build: build, named: name) {
            started.problem
        }
        if model.description.generates { model.constraints.prepareInBackground() }
        return RunningModel(
            model: model, engine: started.engine, memoryPlan: started.memoryPlan,
            watch: started.watch)
    }

    /// Prepares a model's weights and starts an engine for it, whose vocabulary is known.
    ///
    /// - Parameters:
    ///   - file: the model.
    ///   - tokenizer: its vocabulary.
    ///   - logger: where the engine reports failures of steps.
    ///   - whenIdle: is told, on any thread, each time that the last request has ended.
    ///   - progress: told the share of the weights that is prepared, on any thread.
    /// - Returns: the engine, which answers at once.
    /// - Throws: where the machine has too little memory, or a limit is unusable.
    package func start(
        _ file: ModelFile, tokenizer: any Tokenizer, logger: Logger,
        whenIdle: @escaping @Sendable () -> Void = {}, progress: @Sendable (Double) -> Void
    ) throws -> StartedEngine {
        if file.schema.isEncoder {
            return try startEncoder(
                file, tokenizer: tokenizer, whenIdle: whenIdle, progress: progress)
        }
        if prefixStore != nil, file.configuration.deltaNet != nil {
            let reason = "its delta nets keep states, which only memory holds"
            logger.warning("prefixes of this model are not kept on disk: \(reason)")
        }
        let transformer = try makeTransformer(for: file, progress: progress)
        let memoryPlan = transformer.memoryPlan
        let watch = WeightsWatch(file, files: transformer.weights.files)
        let engine = GenerationEngine(
            model: transformer, tokenizer: tokenizer,
            configuration: engineConfiguration(for: file), prefixes: prefixes(of: file),
            gate: gate ?? ForegroundGate(),
            logger: logger, whenIdle: whenIdle)
        return StartedEngine(engine: engine, memoryPlan: memoryPlan, watch: watch)
    }

    /// What requests may ask of the engine that a plan is made for.
    package func engineLimits(
        for file: ModelFile, _ plan: EnginePlan, tokenizer: any Tokenizer
    ) -> GenerationEngine.Limits {
        if file.schema.isEncoder {
            return GenerationEngine.Limits(
                encoder: engineConfiguration(for: file), tokenizer: tokenizer,
                vocabularyCount: file.configuration.vocabularySize,
                maxTokenCount: contextLength(for: file))
        }
        return GenerationEngine.Limits(
            engineConfiguration(for: file), tokenizer: tokenizer,
            vocabularyCount: file.configuration.vocabularySize,
            contextLength: configuration(for: file).contextLength,
            positionCount: plan.limits.blockCount * plan.limits.positionsPerBlock,
            maxLogitsRows: plan.limits.maxLogitsRows, maxBatchTokens: plan.limits.maxBatchTokens,
            stateCount: plan.memory.stateCount)
    }

    /// Prepares the weights of an encoder and starts an engine for it.
    private func startEncoder(
        _ file: ModelFile, tokenizer: any Tokenizer, whenIdle: @escaping @Sendable () -> Void,
        progress: @Sendable (Double) -> Void
    ) throws -> StartedEngine {
        let plan = try encoderPlan(for: file)
        let encoder = try Encoder(
            configuration: file.configuration, tensors: file.tensors, pool: makePool(),
            maxTokenCount: contextLength(for: file))
        try file.checkIntact()
        progress(1)
        let engine = GenerationEngine(
            encoder: encoder, tokenizer: tokenizer, configuration: engineConfiguration(for: file),
            gate: gate ?? ForegroundGate(),
            whenIdle: whenIdle)
        return StartedEngine(
            engine: engine, memoryPlan: plan.memory,
            watch: WeightsWatch(file, files: file.tensors.files))
    }

    /// What the engine of an encoder needs.
    private func encoderPlan(for file: ModelFile) throws -> EnginePlan {
        let contextLength = contextLength(for: file)
        let plan = MemoryPlan(
            encoder: file.configuration, weightByteCount: file.tensors.byteCount,
            maxTokenCount: contextLength, threadCount: try threadCount)
        let memory = min(memoryByteCount ?? .max, MachineMemory.byteCount())
        guard plan.totalByteCount < memory else {
            throw Failure.memory(needed: plan.totalByteCount, available: memory)
        }
        return EnginePlan(
            limits: TransformerLimits(blockCount: (contextLength + blockSize - 1) / blockSize),
            memory: plan, packedTypes: nil)
    }

    /// Where the model's prefixes are kept on disk, if they are.
    private func prefixes(of file: ModelFile) -> PrefixSpace? {
        // BLAS may be another one tomorrow, with other last bits.
        guard let prefixStore, kernels != KernelChoice.blas.rawValue else { return nil }
        // Blocks are of no use without states, which are kept in memory alone.
        guard file.configuration.deltaNet == nil else { return nil }
        var configuration = configuration(for: file)
        // In no order of their own.
        let numbers = configuration.numbers.map { "\($0.key): \($0.value)" }.sorted()
        configuration.numbers = [:]
        let layers = [
            configuration.fullLayers, configuration.mixture.denseLayers, configuration.deltaLayers,
        ].map { $0.sorted() }
        configuration.fullLayers = []
        configuration.mixture.denseLayers = []
        configuration.deltaLayers = []
        // The digest is of samples; whoever edits weights in place changes the time of their file.
        let files = file.tensors.files.map { "\($0.fileName): \($0.version)" }.sorted()
        return PrefixSpace(
            prefixStore,
            computation: [
                build, Self.libraryVersion, products,
                "\(file.weightsDigest())", "\(files)", "\(configuration)", "\(numbers)",
                "\(layers)",
                kvType.rawValue, "\(blockSize)",
            ].joined(separator: "\n"))
    }

    /// The version of the C library, whose sines and cosines are in the keys.
    private static var libraryVersion: String {
        var text = [CChar](repeating: 0, count: 64)
        _ = unsafe confstr(CInt(_CS_GNU_LIBC_VERSION), &text, text.count)
        return String(decoding: text.map(UInt8.init(bitPattern:)).prefix { $0 != 0 }, as: UTF8.self)
    }

    /// All instruction sets give the same bits, but not all ways to multiply.
    private var products: String {
        KernelChoice(rawValue: kernels)?.packsWeights == true ? Self.packedProducts : kernels
    }

    private static let packedProducts = "packed"

    /// What decides the bits of an answer besides the weights and the program, by the names of the
    /// settings.
    package func computation(for file: ModelFile) -> JSONObject {
        [
            "kernels": .string(products), "kv-type": .string(kvType.rawValue),
            "context": .integer(contextLength(for: file)),
            "rope-scaling": .string(ropeScaling.rawValue),
        ]
    }

    /// An engine whose answers have the bits of another one's; nil where a member is none that this
    /// version knows.
    ///
    /// - Parameter computation: the other's ``computation(for:)``.
    package init?(computing computation: JSONObject) {
        guard let products = computation["kernels"]?.stringValue,
            let kvType = computation["kv-type"]?.stringValue.flatMap(KVElementType.init(rawValue:)),
            let context = computation["context"]?.intValue,
            let scaling = computation["rope-scaling"]?.stringValue
                .flatMap(ContextScaling.init(rawValue:))
        else { return nil }
        if products != Self.packedProducts { kernels = products }
        self.kvType = kvType
        self.context = context
        ropeScaling = scaling
    }

    /// A model's numbers, its context stretched if that is wanted.
    private func configuration(for file: ModelFile) -> ModelConfiguration {
        let own = file.configuration
        guard let context, context > own.contextLength, !file.schema.isEncoder else { return own }
        return own.stretched(to: context, by: ropeScaling) ?? own
    }

    /// The most positions of one sequence.
    package func contextLength(for file: ModelFile) -> Int {
        let most = configuration(for: file).contextLength
        return min(context ?? min(most, Self.defaultContext), most)
    }

    /// What to say of a model's context at the start, if anything.
    ///
    /// It may be less than was asked for, or less than coding agents need.
    package func contextAdvice(for file: ModelFile) -> String? {
        guard !file.schema.isEncoder else { return nil }
        let own = file.configuration.contextLength
        let length = contextLength(for: file)
        let enough = max(4 * own, Self.agentContext)
        let isElastic = file.configuration.stretched(to: enough, by: .yarn) != nil
        if let context, context > length {
            return "the context is \(length) tokens, not \(context): the model has no more"
                + (isElastic ? ", unless rope-scaling: yarn stretches it" : "")
        }
        guard length < Self.agentContext else { return nil }
        let remedy =
            own > length
            ? "raise context, the model has \(own)"
            : "serve a model with more"
                + (isElastic
                    ? ", or stretch this one with context: \(enough) and rope-scaling: yarn" : "")
        return "a context of \(length) tokens is too small for most coding agents, whose "
            + "instructions and tools alone are ten thousand and more: \(remedy)"
    }

    /// The limits that the engine keeps.
    package func engineConfiguration(for file: ModelFile) -> GenerationEngine.Configuration {
        // Texts are short and many: sixteen may run or wait where one answer may.
        let factor = file.schema.isEncoder ? 16 : 1
        var configuration = GenerationEngine.Configuration(
            maxSequences: factor * maxSequences, maxQueuedSequences: factor * maxQueue,
            contextLength: contextLength(for: file), prefillChunkTokens: prefillChunk,
            prefillChunkTokensWhileDecoding: min(
                Self.engineDefaults.prefillChunkTokensWhileDecoding, prefillChunk))
        configuration.modelName = modelName
        configuration.drafts = drafts
        return configuration
    }
}

extension ModelFile {
    /// What happens to the weights before they can be used, as people call it.
    package var preparation: String {
        packed == nil ? "packing the weights" : "mapping the weights"
    }

    /// The weights as the products want them, in memory.
    ///
    /// They are packed, unless f32 products were asked for; those of a packed file are mapped.
    ///
    /// - Parameters:
    ///   - compute: what multiplies.
    ///   - packedTypes: the tensors' `packedTypes`, if they are known already.
    ///   - progress: told the share that is done, on any thread.
    /// - Returns: the weights.
    /// - Throws: where there is no memory for packed weights, or none but packed ones in the file.
    package func preparedTensors(
        for compute: Compute, packedAs packedTypes: [ElementType?]? = nil,
        progress: @Sendable (Double) -> Void = { _ in }
    ) throws -> ModelTensors {
        if compute.kernels == .exact, tensors.matrices.contains(where: { $0.layout == .panels }) {
            throw EngineAssembly.Failure.packedFile(path: path)
        }
        if packed != nil {
            if byteCount < MachineMemory.byteCount() {
                populate(using: compute.pool, progress: progress)
            }
            try checkIntact()
        } else if compute.kernels.packsWeights {
            let packer = WeightPacker(pool: compute.pool)
            let packed = try tensors.packed(by: packer, as: packedTypes) { done, all in
                progress(Double(done) / Double(all))
            }
            try checkIntact()
            return packed
        }
        return tensors
    }
}
