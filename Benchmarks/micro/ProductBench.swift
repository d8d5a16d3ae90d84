// SPDX-License-Identifier: Apache-2.0

import Computation
import Quantization

/// Multiplies matrices as large as one expert's that come from memory, as they do in a model.
struct ProductBench {
    /// One expert of Mixtral 8x7B: 14336 outputs of 4096 inputs.
    static let (outputs, inputs) = (14336, 4096)

    let compute: Compute
    let type: ElementType
    let layout: WeightMatrix.Layout
    private let experts: [WeightMatrix]

    /// Lays out as many experts as fit into some memory.
    ///
    /// - Parameters:
    ///   - compute: the threads and kernels.
    ///   - type: of the weights.
    ///   - layout: of the weights.
    ///   - memory: random bytes whose every two are a sound half-precision number.
    init(compute: Compute, type: ElementType, layout: WeightMatrix.Layout, memory: ByteStorage) {
        self.compute = compute
        self.type = type
        self.layout = layout
        let byteCount =
            WeightMatrix.byteCount(
                of: type, rowCount: Self.outputs, columnCount: Self.inputs, layout: layout) ?? 1
        experts = (0..<max(1, memory.byteCount / byteCount)).map { index in
            WeightMatrix(
                storage: memory, byteOffset: index * byteCount, type: type,
                rowCount: Self.outputs, columnCount: Self.inputs, layout: layout)
        }
    }

    /// One point: so many tokens through one expert after another.
    ///
    /// - Returns: GB of weights and 10⁹ operations per second.
    func measure(tokens: Int) -> (bandwidth: Double, operations: Double) {
        let x = FloatBuffer(rowCount: tokens, columnCount: Self.inputs)
        let y = FloatBuffer(rowCount: tokens, columnCount: Self.outputs)
        for row in 0..<tokens {
            x.setRow(row, to: (0..<Self.inputs).map { Float(($0 * 37 + row) % 61) / 61 - 0.5 })
        }
        let bytes = Double(experts[0].byteCount)
        var next = 0
        let bandwidth = bestRate(of: bytes, repeats: tokens > 32 ? 4 : 12) {
            compute.multiply(x, rows: 0..<tokens, experts[next % experts.count], into: y)
            next += 1
        }
        let operations = 2 * Double(tokens * Self.outputs * Self.inputs)
        return (bandwidth, bandwidth / bytes * operations)
    }
}
