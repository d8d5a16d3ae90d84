// SPDX-License-Identifier: Apache-2.0

package import Computation
package import ModelFiles
import Parallelism

/// What a buffer of a step holds.
package struct ScratchRole: Hashable, Sendable {
    /// The name for people.
    package let name: String

    /// A buffer of this name.
    package init(_ name: String) {
        self.name = name
    }
}

/// A buffer that the building blocks of an architecture need in each step.
package struct ScratchDeclaration: Sendable {
    /// How many rows a buffer has.
    package enum Rows: Sendable {
        /// One for each token of a step.
        case tokens
        /// One for each visit of a token to an expert; row t·A + a is token t's a-th best expert.
        case visits
        /// One for each head of each token; row t·H + h is token t's head h.
        case heads
        /// One for each token that gets logits.
        case logits
    }

    /// What it holds.
    package let role: ScratchRole
    /// How many rows it has.
    package let rows: Rows
    /// How long they are.
    package let columns: Extent

    /// Declares a buffer.
    package init(_ role: ScratchRole, _ rows: Rows, _ columns: Extent) {
        self.role = role
        self.rows = rows
        self.columns = columns
    }

    /// How many rows it has in steps of some size.
    package func rowCount(
        in configuration: ModelConfiguration, maxTokenCount: Int, maxLogitsRowCount: Int
    ) -> Int {
        switch rows {
        case .tokens: maxTokenCount
        case .visits: maxTokenCount * (configuration.expertsPerToken ?? 1)
        case .heads: maxTokenCount * configuration.headCount
        case .logits: maxLogitsRowCount
        }
    }

    /// How long its rows are, each length once where layers differ: there is a buffer for each.
    package func columnCounts(in configuration: ModelConfiguration) -> [Int] {
        Set(configuration.kinds.map { columns($0) }).sorted()
    }
}

/// The step at hand: its rows, what they see of the cache, and the buffers that it works with, all
/// allocated once.
///
/// Used by one thread at a time.
package final class ForwardStep {
    /// What computes.
    package let compute: Compute
    /// The keys and values of all sequences.
    package let cache: KVCache
    /// Their states in layers that keep one; nil: no layer does.
    package let states: StatePool?
    /// Which rows pass which of them.
    let statePlan: StatePlan
    /// `[T, D]`: the residual stream.
    let residual: FloatBuffer
    /// `[T, D]`: its normalisation, what attention and feed-forward networks read; after a step the
    /// states that its logits were made of.
    package let normed: FloatBuffer
    /// `[logits rows, V]`.
    package let logits: FloatBuffer
    /// What attention works with, for layers of each shape.
    private let attentions: [KVLayerShape: AttentionScratch]
    /// Which experts each row visits; of no account in a dense model.
    var routing: ExpertRouting
    /// How many tokens each expert has computed; nil in a dense model.
    package let expertUsage: ExpertUsage?
    /// How many bytes of experts the step has read, those of each expert once a layer.
    package private(set) var expertReadByteCount = 0
    /// The most rows of a step.
    let maxTokenCount: Int
    private let configuration: ModelConfiguration
    /// How many rows are being computed.
    private(set) var rowCount = 0
    /// What they attend to.
    private(set) var plan: AttentionPlan
    /// The rows that get logits.
    package private(set) var logitsRows: [Int32] = []
    /// The adapters of the rows being computed.
    private var adapters = RowAdapters()

    private let allRows: AttentionPlan
    private let keptRows: AttentionPlan
    private let buffers: [ScratchRole: Buffers]
    /// Buffers whose rows are those of the step in all layers.
    private var carried: [FloatBuffer] = []
    private var readings: [Reading]?

    /// Allocates the memory of steps.
    ///
    /// - Parameters:
    ///   - architecture: whose steps.
    ///   - configuration: the model's numbers.
    ///   - cache: keys and values, of the architecture's layout.
    ///   - states: of the layers that keep one; nil where none does.
    ///   - compute: what computes.
    ///   - maxTokenCount: the most tokens of a step.
    ///   - maxLogitsRowCount: the most logits rows of a step.
    package init(
        _ architecture: Architecture, _ configuration: ModelConfiguration, cache: KVCache,
        states: StatePool? = nil, compute: Compute, maxTokenCount: Int, maxLogitsRowCount: Int
    ) {
        var buffers: [ScratchRole: Buffers] = [:]
        for declaration in architecture.scratch(configuration) {
            let rowCount = declaration.rowCount(
                in: configuration, maxTokenCount: maxTokenCount,
                maxLogitsRowCount: maxLogitsRowCount)
            let each = declaration.columnCounts(in: configuration).map {
                FloatBuffer(rowCount: rowCount, columnCount: $0)
            }
            buffers[declaration.role] = Buffers(columns: declaration.columns, each: each)
        }
        self.configuration = configuration
        self.compute = compute
        self.cache = cache
        self.states = states
        statePlan = StatePlan(maxRowCount: states == nil ? 0 : maxTokenCount)
        self.buffers = buffers
        self.maxTokenCount = maxTokenCount
        residual = Self.buffer(.residual, of: configuration, among: buffers)
        normed = Self.buffer(.normed, of: configuration, among: buffers)
        logits = Self.buffer(.logits, of: configuration, among: buffers)
        var attentions: [KVLayerShape: AttentionScratch] = [:]
        for (index, layer) in cache.shape.layers.enumerated() where attentions[layer] == nil {
            attentions[layer] = AttentionScratch(
                shape: cache.shape, layer: index, headCount: configuration.headCount,
                threadCount: compute.pool.threadCount)
        }
        self.attentions = attentions
        let window = architecture.kv(configuration, 0).window
        allRows = AttentionPlan(
            positionsPerBlock: cache.shape.positionsPerBlock, window: window,
            maxRowCount: maxTokenCount)
        keptRows = AttentionPlan(
            positionsPerBlock: cache.shape.positionsPerBlock, window: window,
            maxRowCount: maxLogitsRowCount)
        plan = allRows
        routing = ExpertRouting(
            expertCount: configuration.expertCount ?? 1,
            expertsPerToken: configuration.expertsPerToken ?? 1, maxTokenCount: maxTokenCount)
        expertUsage = configuration.expertCount.map {
            ExpertUsage(
                layerCount: configuration.layerCount, expertCount: $0,
                expertsPerToken: configuration.expertsPerToken ?? 1)
        }
        logitsRows.reserveCapacity(maxLogitsRowCount)
    }

    /// A buffer, for a building block to keep.
    ///
    /// - Parameters:
    ///   - role: what it holds.
    ///   - numbers: those of the block's layer, where layers differ in them.
    /// - Returns: the buffer.
    /// - Precondition: the architecture declares it.
    func buffer(_ role: ScratchRole, of numbers: ModelConfiguration? = nil) -> FloatBuffer {
        Self.buffer(role, of: numbers ?? configuration, among: buffers)
    }

    private static func buffer(
        _ role: ScratchRole, of numbers: ModelConfiguration, among buffers: [ScratchRole: Buffers]
    ) -> FloatBuffer {
        let all = buffers[role]
        let width = all?.columns(numbers)
        guard let buffer = all?.each.first(where: { $0.columnCount == width }) else {
            preconditionFailure("the architecture declares no buffer of \(role.name)")
        }
        return buffer
    }

    /// Buffers that hold the same in layers of different sizes.
    private struct Buffers {
        let columns: Extent
        /// Of different lengths.
        let each: [FloatBuffer]
    }

    /// What attention to a layer of the cache works with.
    func attention(cacheLayer: Int) -> AttentionScratch {
        let shape = cache.shape.layers[cacheLayer]
        guard let scratch = attentions[shape] else {
            preconditionFailure("no layer of the cache is of the shape \(shape)")
        }
        return scratch
    }

    /// Has the rows of a buffer go on with those of the residual stream where rows are left out.
    func carry(_ buffer: FloatBuffer) { carried.append(buffer) }

    // MARK: Rows

    /// Begins a step without rows.
    package func begin() {
        allRows.removeAll()
        keptRows.removeAll()
        statePlan.removeAll()
        logitsRows.removeAll(keepingCapacity: true)
        adapters.removeAll()
        plan = allRows
        rowCount = 0
        expertReadByteCount = 0
    }

    /// Adds consecutive tokens of a sequence, the last of which get logits.
    ///
    /// - Parameters:
    ///   - startPosition: of the first of them.
    ///   - count: how many they are.
    ///   - logitsCount: how many of them get logits.
    ///   - blockTable: where the sequence's keys and values are.
    ///   - adapter: what is added to the model for them; nil: nothing.
    ///   - state: where its state is, in models that keep some.
    package func append(
        startPosition: Int, count: Int, logitsCount: Int, blockTable: [Int32],
        adapter: AppliedAdapter? = nil, state: Int = 0
    ) {
        adapters.append(adapter, count: count)
        if states != nil {
            statePlan.append(startPosition: startPosition, count: count, slot: state)
        }
        allRows.append(startPosition: startPosition, count: count, blockTable: blockTable)
        if logitsCount > 0 {
            let skipped = count - logitsCount
            keptRows.append(
                startPosition: startPosition + skipped, count: logitsCount,
                blockTable: blockTable)
            for row in rowCount + skipped..<rowCount + count { logitsRows.append(Int32(row)) }
        }
        rowCount += count
    }

    /// Goes on with the rows that get logits: after the last layer that keeps keys and values nobody
    /// reads the others.
    ///
    /// - Parameters:
    ///   - buffer: what else of each row is still needed.
    ///   - other: and what besides.
    func keepLogitsRows(of buffer: FloatBuffer, _ other: FloatBuffer? = nil) {
        compute.gather(residual, rows: logitsRows, into: residual)  // [logits rows, D]
        compute.gather(buffer, rows: logitsRows, into: buffer)
        if let other { compute.gather(other, rows: logitsRows, into: other) }
        for buffer in carried { compute.gather(buffer, rows: logitsRows, into: buffer) }
        rowCount = logitsRows.count
        plan = keptRows
        adapters.keep(logitsRows)
    }

    // MARK: Adapters

    /// What adapters add to the products of the rows with some matrices of a layer, all of which read
    /// the same; nil: nothing.
    ///
    /// - Parameters:
    ///   - roles: the matrices, in the order of the products.
    ///   - layer: their layer; nil: they are after the layers.
    ///   - x: what they read, already computed.
    /// - Returns: what the products take as `adding`.
    func sums(
        for roles: @autoclosure () -> [TensorRole], inLayer layer: Int?, of x: FloatBuffer
    ) -> LowRankSums? {
        // Mostly there are no adapters, and nothing is to be made for them.
        if readings == nil, adapters.areNone { return nil }
        let roles = roles()
        if readings != nil { adapters.note(roles, inLayer: layer) }
        return adapters.sums(for: roles, inLayer: layer, rowCount: rowCount, of: x, by: compute)
    }

    /// The same for the matrices of the experts that the rows visit.
    ///
    /// - Parameters:
    ///   - roles: the matrices, in the order of the products.
    ///   - layer: their layer.
    ///   - source: whether a visit reads its token's row of `x` or its own.
    ///   - x: what they read, already computed.
    /// - Returns: what the products take as `adding`.
    func expertSums(
        for roles: @autoclosure () -> [TensorRole], inLayer layer: Int,
        reading source: RowGroups.Source, of x: FloatBuffer
    ) -> LowRankSums? {
        if readings == nil, adapters.areNone { return nil }
        let roles = roles()
        if readings != nil { adapters.note(roles, inLayer: layer) }
        return adapters.sums(
            for: roles, inLayer: layer, visiting: routing.groups, reading: source, of: x,
            by: compute)
    }

    /// Whether the forward pass asks what adapters add to a matrix.
    package func isAdaptable(_ role: TensorRole, layer: Int?) -> Bool {
        adapters.isNoted(role, inLayer: layer)
    }

    // MARK: Experts

    /// Counts what the routing of a layer has its experts do.
    ///
    /// - Parameters:
    ///   - layer: the layer.
    ///   - byteCount: what an expert of it has in weights.
    func noteExperts(inLayer layer: Int, expertByteCount byteCount: Int) {
        expertUsage?.add(routing.groups, inLayer: layer)
        expertUsage?.trace.note(
            routing.selection, rowCount: rowCount, tokens: plan === keptRows ? logitsRows : nil,
            inLayer: layer)
        expertReadByteCount += routing.groups.visitedCount * byteCount
    }

    // MARK: Reading order

    /// What is read after some weights, for the threads that wait meanwhile.
    func read(_ reading: Reading) -> WeightsAhead? {
        readings?.append(reading)
        return reading.next
    }

    /// Finds out in which order a network reads its weights, by a step without rows, which computes
    /// nothing.
    func findReadingOrder(of network: any Network) {
        begin()
        readings = []
        let tokens: [Int32] = []
        _ = network.forward(tokens.span, self, isUnwanted: nil)
        Reading.order(readings ?? [])
        readings = nil
        begin()
    }
}
