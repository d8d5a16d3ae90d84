// SPDX-License-Identifier: Apache-2.0

import CKernels
internal import Parallelism

extension Compute {
    /// Stores keys and values of the planned rows.
    ///
    /// - Parameters:
    ///   - keys: `[T, K·Dh]`, rotated.
    ///   - values: `[T, K·Dh]`; nil: the cache has them in the keys.
    ///   - cache: where row t goes to: its position's place in its block.
    ///   - layer: the layer of the cache.
    ///   - plan: the positions and blocks of the rows.
    package func store(
        keys: FloatBuffer, values: FloatBuffer?, in cache: KVCache, layer: Int,
        plan: AttentionPlan
    ) {
        let shape = cache.shape.layers[layer]
        precondition(
            plan.positionsPerBlock == cache.shape.positionsPerBlock
                && keys.columnCount == shape.kvHeadCount * shape.headDimension
                && plan.rowCount <= keys.rowCount
                && (values == nil) == (shape.valuesInKeys != nil)
                && values.map {
                    $0.columnCount == keys.columnCount && plan.rowCount <= $0.rowCount
                } ?? true,
            "storing \(plan.rowCount) rows: buffers or cache of other shapes")
        checkBlocks(of: plan, in: cache)
        forEachRow(
            plan.rowCount, cost: 4 * keys.columnCount,
            Storing(keys: keys, values: values, cache: cache, layer: layer, plan: plan))
    }

    private struct Storing: RowWork {
        let keys: FloatBuffer
        let values: FloatBuffer?
        let cache: KVCache
        let layer: Int
        let plan: AttentionPlan

        func run(row: Int) {
            let shape = cache.shape.layers[layer]
            let positionsPerBlock = cache.shape.positionsPerBlock
            unsafe ck_kv_append(
                keys.base + row * keys.stride, values.map { unsafe $0.base + row * $0.stride },
                cache.keys(layer: layer), cache.values(layer: layer),
                cache.shape.elementType.kernelType, shape.kvHeadCount,
                shape.headDimension, positionsPerBlock, Int(plan.blocks[row]),
                Int(plan.positions[row]) % positionsPerBlock)
        }
    }

    /// Attention of the planned rows to the cached positions they see.
    ///
    /// - Parameters:
    ///   - queries: `[T, H·Dh]`, rotated.
    ///   - cache: keys and values, the rows' own included.
    ///   - layer: the layer of the cache.
    ///   - plan: what each row sees.
    ///   - scratch: memory for this and nothing else, made for layers of this shape.
    ///   - sinks: H logits that join the softmax of each head's scores and whose share is dropped;
    ///     empty: there are none.
    ///   - scale: what scores are multiplied with; nil: 1/√Dh.
    ///   - output: receives `[T, H·Dh]`; where the cache has values in keys, `[T·H, width of values]`.
    package func attend(
        queries: FloatBuffer, cache: KVCache, layer: Int, plan: AttentionPlan,
        scratch: AttentionScratch, sinks: [Float] = [], scale: Float? = nil,
        into output: FloatBuffer
    ) {
        let shape = cache.shape.layers[layer]
        let headCount = scratch.headCount
        let rowsEach = shape.valuesInKeys == nil ? 1 : headCount
        precondition(
            headCount % (shape.kvHeadCount * scratch.group) == 0
                && queries.columnCount == headCount * shape.headDimension
                && output.columnCount == headCount / rowsEach * shape.valueDimension
                && queries.rowCount >= plan.rowCount
                && output.rowCount >= plan.rowCount * rowsEach
                && (sinks.isEmpty || sinks.count == scratch.headCount)
                && scratch.threadCount >= pool.threadCount,
            "attention of \(plan.rowCount) rows: buffers of other shapes")
        checkBlocks(of: plan, in: cache)
        var attention = unsafe ck_attention()
        unsafe attention.queries = UnsafePointer(queries.base)
        unsafe attention.query_stride = queries.stride
        unsafe attention.output = output.base
        unsafe attention.output_stride = rowsEach * output.stride
        unsafe attention.output_head_stride =
            shape.valuesInKeys == nil ? shape.valueDimension : output.stride
        unsafe attention.keys = UnsafeRawPointer(cache.keys(layer: layer))
        unsafe attention.values =
            shape.valuesInKeys == nil ? UnsafeRawPointer(cache.values(layer: layer)) : nil
        unsafe attention.type = cache.shape.elementType.kernelType
        unsafe attention.kv_head_count = shape.kvHeadCount
        unsafe attention.group = scratch.group
        unsafe attention.groups_per_kv_head = headCount / shape.kvHeadCount / scratch.group
        unsafe attention.head_dimension = shape.headDimension
        unsafe attention.value_dimension = shape.valueDimension
        unsafe attention.positions_per_block = cache.shape.positionsPerBlock
        unsafe attention.scale = scale ?? 1 / Float(shape.headDimension).squareRoot()
        unsafe attention.window = Int64(plan.window ?? Int.max)
        unsafe plan.blockTables.withUnsafeBufferPointer { tables in
            unsafe sinks.withUnsafeBufferPointer { sinks in
                unsafe attention.sinks = sinks.isEmpty ? nil : sinks.baseAddress
                unsafe scratch.tasks.layOut(
                    attention, plan: plan, tables: tables.baseAddress, isa: isa)
                pool.runRegion(count: scratch.tasks.count, by: scratch.runTask)
                pool.runRegion(count: scratch.tasks.mergeCount, by: scratch.runMerge)
            }
        }
    }

    private func checkBlocks(of plan: AttentionPlan, in cache: KVCache) {
        precondition(
            plan.blockEnd <= cache.shape.blockCount,
            "block \(plan.blockEnd - 1) of \(cache.shape.blockCount)")
    }
}
