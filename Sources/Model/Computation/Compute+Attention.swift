// SPDX-License-Identifier: Apache-2.0

import CKernels
internal import Parallelism

extension Compute {
    /// Stores keys and values of the planned rows.
    ///
    /// - Parameters:
    ///   - keys: `[T, K·Dh]`, rotated.
    ///   - values: `[T, K·Dh]`.
    ///   - cache: where row t goes to: its position's place in its block.
    ///   - layer: the layer of the cache.
    ///   - plan: the positions and blocks of the rows.
    package func store(
        keys: FloatBuffer, values: FloatBuffer, in cache: KVCache, layer: Int, plan: AttentionPlan
    ) {
        let shape = cache.shape
        precondition(
            plan.positionsPerBlock == shape.positionsPerBlock
                && keys.columnCount == shape.kvHeadCount * shape.headDimension
                && values.columnCount == keys.columnCount && plan.rowCount <= keys.rowCount
                && plan.rowCount <= values.rowCount,
            "storing \(plan.rowCount) rows: buffers or cache of other shapes")
        checkBlocks(of: plan, in: cache)
        forEachRow(
            plan.rowCount, cost: 4 * keys.columnCount,
            Storing(keys: keys, values: values, cache: cache, layer: layer, plan: plan))
    }

    private struct Storing: RowWork {
        let keys: FloatBuffer
        let values: FloatBuffer
        let cache: KVCache
        let layer: Int
        let plan: AttentionPlan

        func run(row: Int) {
            let shape = cache.shape
            unsafe ck_kv_append(
                keys.base + row * keys.stride, values.base + row * values.stride,
                cache.keys(layer: layer), cache.values(layer: layer),
                shape.elementType.kernelType, shape.kvHeadCount,
                shape.headDimension, shape.positionsPerBlock, Int(plan.blocks[row]),
                Int(plan.positions[row]) % shape.positionsPerBlock)
        }
    }

    /// Attention of the planned rows to the cached positions they see.
    ///
    /// - Parameters:
    ///   - queries: `[T, H·Dh]`, rotated.
    ///   - cache: keys and values, the rows' own included.
    ///   - layer: the layer of the cache.
    ///   - plan: what each row sees.
    ///   - scratch: memory for this and nothing else.
    ///   - sinks: H logits that join the softmax of each head's scores and whose share is dropped;
    ///     empty: there are none.
    ///   - output: receives `[T, H·Dh]`.
    package func attend(
        queries: FloatBuffer, cache: KVCache, layer: Int, plan: AttentionPlan,
        scratch: AttentionScratch, sinks: [Float] = [], into output: FloatBuffer
    ) {
        let shape = cache.shape
        let group = scratch.headCount / shape.kvHeadCount
        precondition(
            scratch.headCount % shape.kvHeadCount == 0
                && queries.columnCount == scratch.headCount * shape.headDimension
                && output.columnCount == queries.columnCount
                && queries.rowCount >= plan.rowCount && output.rowCount >= plan.rowCount
                && (sinks.isEmpty || sinks.count == scratch.headCount)
                && scratch.threadCount >= pool.threadCount,
            "attention of \(plan.rowCount) rows: buffers of other shapes")
        checkBlocks(of: plan, in: cache)
        var attention = unsafe ck_attention()
        unsafe attention.queries = UnsafePointer(queries.base)
        unsafe attention.query_stride = queries.stride
        unsafe attention.output = output.base
        unsafe attention.output_stride = output.stride
        unsafe attention.keys = UnsafeRawPointer(cache.keys(layer: layer))
        unsafe attention.values = UnsafeRawPointer(cache.values(layer: layer))
        unsafe attention.type = shape.elementType.kernelType
        unsafe attention.kv_head_count = shape.kvHeadCount
        unsafe attention.group = group
        unsafe attention.head_dimension = shape.headDimension
        unsafe attention.positions_per_block = shape.positionsPerBlock
        unsafe attention.scale = 1 / Float(shape.headDimension).squareRoot()
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
