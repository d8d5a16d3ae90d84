// SPDX-License-Identifier: Apache-2.0

import CKernels
internal import Parallelism

extension Compute {
    /// Passes queries, keys and values of the planned rows through the convolution over each
    /// sequence's last tokens and silu, and normalises the heads of queries and keys.
    ///
    /// - Parameters:
    ///   - x: `[T, channels]`: queries, keys and values as projected.
    ///   - plan: which rows belong to which state.
    ///   - pool: what the convolution saw before; remembers the last of the rows.
    ///   - layer: the layer of the pool.
    ///   - weights: `[taps, channels]`, the oldest token's first.
    ///   - y: receives `[T, channels]`; queries are divided by √Dk.
    package func convolve(
        _ x: FloatBuffer, plan: StatePlan, pool: StatePool, layer: Int, weights: [Float],
        into y: FloatBuffer
    ) {
        let net = pool.shape.net
        precondition(
            x.columnCount == net.channelCount && y.columnCount == x.columnCount
                && weights.count == net.tapCount * net.channelCount
                && plan.rowCount <= x.rowCount && plan.rowCount <= y.rowCount
                && layer < pool.shape.layerCount,
            "convolution of \(plan.rowCount) rows: buffers of other shapes")
        unsafe weights.withUnsafeBufferPointer { weights in
            guard let weights = weights.baseAddress else { return }
            unsafe forEachRow(
                plan.rowCount, cost: (net.tapCount + 2) * net.channelCount,
                Convolution(
                    isa: isa, x: x, plan: plan, pool: pool, layer: layer, weights: weights, y: y))
        }
        guard net.tapCount > 1 else { return }
        forEachRow(
            plan.runs.count, cost: net.tapCount * net.channelCount,
            Remembering(x: x, plan: plan, pool: pool, layer: layer))
    }

    @safe private struct Convolution: RowWork {
        let isa: ck_isa
        let x: FloatBuffer
        let plan: StatePlan
        let pool: StatePool
        let layer: Int
        let weights: UnsafePointer<Float>
        let y: FloatBuffer

        func run(row: Int) {
            let net = pool.shape.net
            let run = plan.runs[Int(plan.runOfRow[row])]
            let window = unsafe pool.window(slot: run.slot, layer: layer)
            let output = unsafe y.base + row * y.stride
            unsafe withUnsafeTemporaryAllocation(
                of: UnsafePointer<Float>?.self, capacity: net.tapCount
            ) { rows in
                for tap in 0..<net.tapCount {
                    // Rows before the run are in the window, whose last is the run's −1.
                    let index = row - run.firstRow + tap - (net.tapCount - 1)
                    unsafe rows[tap] =
                        if index >= 0 {
                            unsafe UnsafePointer(x.base + (run.firstRow + index) * x.stride)
                        } else if run.isFirst {
                            unsafe UnsafePointer(pool.zeros)
                        } else {
                            unsafe UnsafePointer(
                                window + (net.tapCount - 1 + index) * pool.shape.windowStride)
                        }
                }
                unsafe ck_convolve_silu(
                    isa, rows.baseAddress, weights, net.tapCount, output, net.channelCount)
            }
            let scale = 1 / Float(net.keyWidth).squareRoot()
            unsafe ck_l2_normalize(isa, output, net.keyHeadCount, net.keyWidth, 1e-6, scale)
            unsafe ck_l2_normalize(
                isa, output + net.keyHeadCount * net.keyWidth, net.keyHeadCount, net.keyWidth,
                1e-6, 1)
        }
    }

    /// Keeps the last rows of a run for those that follow.
    private struct Remembering: RowWork {
        let x: FloatBuffer
        let plan: StatePlan
        let pool: StatePool
        let layer: Int

        func run(row index: Int) {
            let (run, shape) = (plan.runs[index], pool.shape)
            let window = unsafe pool.window(slot: run.slot, layer: layer)
            let kept = shape.net.tapCount - 1
            for place in 0..<kept {
                let target = unsafe window + place * shape.windowStride
                let row = run.rowCount - kept + place
                let source: UnsafePointer<Float> =
                    if row >= 0 {
                        unsafe UnsafePointer(x.base + (run.firstRow + row) * x.stride)
                    } else if run.isFirst {
                        unsafe UnsafePointer(pool.zeros)
                    } else {
                        unsafe UnsafePointer(window + (kept + row) * shape.windowStride)
                    }
                unsafe target.update(from: source, count: shape.net.channelCount)
            }
        }
    }

    /// What each of the first `rowCount` rows does to the states of heads.
    ///
    /// - Parameters:
    ///   - decay: `[T, Hv]`; receives exp(rate · softplus(decay + bias)).
    ///   - beta: `[T, Hv]`; receives its sigmoid.
    ///   - rowCount: T.
    ///   - bias: `[Hv]`.
    ///   - rate: `[Hv]`, negative.
    package func deltaGates(
        decay: FloatBuffer, beta: FloatBuffer, rowCount: Int, bias: [Float], rate: [Float]
    ) {
        precondition(
            decay.columnCount == bias.count && beta.columnCount == bias.count
                && rate.count == bias.count && rowCount <= decay.rowCount
                && rowCount <= beta.rowCount,
            "gates of \(rowCount) rows: buffers of other shapes")
        unsafe bias.withUnsafeBufferPointer { bias in
            unsafe rate.withUnsafeBufferPointer { rate in
                guard let start = bias.baseAddress, let rate = rate.baseAddress else { return }
                // An exponential costs about as much as ten additions.
                unsafe forEachRow(
                    rowCount, cost: 40 * bias.count,
                    DeltaGates(isa: isa, decay: decay, beta: beta, bias: start, rate: rate))
            }
        }
    }

    @safe private struct DeltaGates: RowWork {
        let isa: ck_isa
        let decay: FloatBuffer
        let beta: FloatBuffer
        let bias: UnsafePointer<Float>
        let rate: UnsafePointer<Float>

        func run(row: Int) {
            unsafe ck_delta_gates(
                isa, decay.base + row * decay.stride, beta.base + row * beta.stride, bias, rate,
                decay.columnCount)
        }
    }

    /// Passes the planned rows through the states of their sequences, one after another.
    ///
    /// - Parameters:
    ///   - x: `[T, channels]`, convolved and normalised.
    ///   - decay: `[T, Hv]`: what is left of a state at each row.
    ///   - beta: `[T, Hv]`: how much of what is new to a state it takes.
    ///   - plan: which rows belong to which state.
    ///   - pool: the states.
    ///   - layer: the layer of the pool.
    ///   - output: receives `[T, Hv·Ds]`: what the states say of the queries.
    /// - Source: arXiv:2412.06464, equation 10, token by token for prompts too, so that bits do not
    ///   depend on how they are cut.
    package func passStates(
        _ x: FloatBuffer, decay: FloatBuffer, beta: FloatBuffer, plan: StatePlan, pool: StatePool,
        layer: Int, into output: FloatBuffer
    ) {
        let (shape, net) = (pool.shape, pool.shape.net)
        precondition(
            x.columnCount == net.channelCount && decay.columnCount == net.valueHeadCount
                && beta.columnCount == net.valueHeadCount
                && output.columnCount == net.valueHeadCount * net.valueWidth
                && plan.rowCount <= x.rowCount && plan.rowCount <= output.rowCount
                && layer < shape.layerCount,
            "states of \(plan.rowCount) rows: buffers of other shapes")
        // Heads are spread over the threads, and their columns where there are few heads.
        let headCount = plan.runs.count * net.valueHeadCount
        let partsPerTask = headCount >= 8 * self.pool.threadCount ? shape.partsPerHead : 1
        let tasksPerHead = (shape.partsPerHead + partsPerTask - 1) / partsPerTask
        forEachRow(
            headCount * tasksPerHead, cost: 4 * shape.partCount * partsPerTask,
            StatePassing(
                isa: isa, x: x, decay: decay, beta: beta, plan: plan, pool: pool, layer: layer,
                output: output, partsPerTask: partsPerTask, tasksPerHead: tasksPerHead))
    }

    private struct StatePassing: RowWork {
        let isa: ck_isa
        let x: FloatBuffer
        let decay: FloatBuffer
        let beta: FloatBuffer
        let plan: StatePlan
        let pool: StatePool
        let layer: Int
        let output: FloatBuffer
        let partsPerTask: Int
        let tasksPerHead: Int

        func run(row task: Int) {
            let (shape, net) = (pool.shape, pool.shape.net)
            let head = task / tasksPerHead % net.valueHeadCount
            // Prompts come last in a step and take longest: they begin.
            let run = plan.runs[
                plan.runs.count - 1 - task / tasksPerHead / net.valueHeadCount]
            let first = task % tasksPerHead * partsPerTask
            let keyHead = net.keyHead(of: head)
            let row = unsafe x.base + run.firstRow * x.stride
            for part in first..<min(first + partsPerTask, shape.partsPerHead) {
                let state =
                    unsafe pool.heads(slot: run.slot, layer: layer)
                    + (head * shape.partsPerHead + part) * shape.partCount
                if run.isFirst { unsafe state.update(repeating: 0, count: shape.partCount) }
                let column = part * StatePoolShape.columnsPerPart
                let value = head * net.valueWidth + column
                var tokens = unsafe ck_delta_tokens()
                unsafe tokens.queries = UnsafePointer(row + keyHead * net.keyWidth)
                unsafe tokens.keys = UnsafePointer(
                    row + (net.keyHeadCount + keyHead) * net.keyWidth)
                unsafe tokens.values = UnsafePointer(
                    row + 2 * net.keyHeadCount * net.keyWidth + value)
                unsafe tokens.stride = x.stride
                unsafe tokens.decays = UnsafePointer(
                    decay.base + run.firstRow * decay.stride + head)
                unsafe tokens.betas = UnsafePointer(beta.base + run.firstRow * beta.stride + head)
                unsafe tokens.gate_stride = decay.stride
                unsafe tokens.output = output.base + run.firstRow * output.stride + value
                unsafe tokens.output_stride = output.stride
                unsafe tokens.key_width = net.keyWidth
                unsafe ck_delta_run(
                    isa, &tokens, run.rowCount, state,
                    min(StatePoolShape.columnsPerPart, net.valueWidth - column))
            }
        }
    }

    /// y[t] = rmsNorm of each head of y[t] · weight ⊙ silu(z[t]), for the first `rowCount` rows.
    ///
    /// - Parameters:
    ///   - y: `[T, heads·Ds]`, in place.
    ///   - z: `[T, heads·Ds]`.
    ///   - rowCount: T.
    ///   - weight: `[Ds]`, the same for every head.
    ///   - epsilon: added to the mean square.
    package func rmsNormGated(
        _ y: FloatBuffer, by z: FloatBuffer, rowCount: Int, weight: [Float], epsilon: Float
    ) {
        precondition(
            y.columnCount == z.columnCount && rowCount <= y.rowCount && rowCount <= z.rowCount,
            "gating \(rowCount) rows: buffers of other shapes")
        rmsNormHeads(y, rowCount: rowCount, weight: weight, epsilon: epsilon)
        forEachRow(rowCount, cost: 4 * y.columnCount, SiluGating(isa: isa, y: y, z: z))
    }

    private struct SiluGating: RowWork {
        let isa: ck_isa
        let y: FloatBuffer
        let z: FloatBuffer

        func run(row: Int) {
            let target = unsafe y.base + row * y.stride
            unsafe ck_silu_multiply(isa, z.base + row * z.stride, target, target, y.columnCount)
        }
    }
}
