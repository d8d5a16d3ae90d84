// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
package import ModelFiles
import Parallelism
import Quantization
import Synchronization

/// Writes a model as a GGUF file of smaller types.
///
/// Norms and routers stay F32. Memory is bounded by some slices of rows per thread; the result is
/// the same for every number of threads.
package struct Quantizing: Sendable {
    /// Which tensor gets which type.
    package let mix: QuantizationMix
    /// Whether the source may be quantised already, which adds its errors to the new ones.
    package let allowsRequantizing: Bool
    /// How many threads encode.
    package let threadCount: Int

    /// Describes how to quantise.
    ///
    /// - Precondition: `threadCount` is at least 1.
    package init(mix: QuantizationMix, allowsRequantizing: Bool = false, threadCount: Int) {
        precondition(threadCount >= 1, "\(threadCount) threads")
        self.mix = mix
        self.allowsRequantizing = allowsRequantizing
        self.threadCount = threadCount
    }

    /// Writes the quantised model.
    ///
    /// - Parameters:
    ///   - model: the model to read, of any format.
    ///   - destination: the file to write.
    ///   - replaces: whether an older one is replaced, once the new one is complete.
    ///   - vocabulary: GGUF's `tokenizer.*` keys, for a folder; a GGUF file has its own.
    ///   - progress: told the share that is done, from 0 to 1, and the tensor at hand.
    /// - Returns: how much the weights changed.
    /// - Throws: an error of one line, before anything is written where that is possible.
    package func run(
        _ model: ModelFile, to destination: String, replaces: Bool = false,
        vocabulary: GGUFMetadata = [:], progress: (Double, String) -> Void = { _, _ in }
    ) throws(ModelFileError) -> QuantizationReport {
        let sources =
            try model.storedTensors.map(\.file.path) + [model.path] + model.partPaths()
        let target = OutputPath(destination, replaces: replaces, sources: sources)
        try check(model, target)
        let plan = QuantizingPlan(model, mix: mix)
        let metadata = try model.ggufMetadata(mix: mix, vocabulary: vocabulary)
        try OutputFile.checkSpace(for: plan.byteCount, at: target)
        var writer = try GGUFWriter(
            target, metadata: metadata, tensors: plan.steps.map(\.tensor))
        let pool = ThreadPool(threadCount: threadCount)
        let total = Double(writer.byteCount)
        var done = 0
        var report = QuantizationReport()
        for step in plan.steps {
            var difference = QuantizationReport.Difference()
            for slices in batches(step) {
                for slice in try encode(slices, of: step, pool) {
                    difference.add(slice.difference)
                    try writer.write(slice.bytes)
                    done += slice.bytes.count
                }
                progress(Double(done) / total, step.tensor.name)
            }
            report.add(step.tensor, difference)
            for matrix in step.matrices {
                matrix.storage.release(matrix.byteOffset..<matrix.byteOffset + matrix.byteCount)
            }
        }
        try model.checkIntact()
        try writer.finish()
        return report
    }

    // MARK: Checks

    private func check(_ model: ModelFile, _ target: OutputPath) throws(ModelFileError) {
        guard model.packed == nil else {
            throw .unsupported(
                path: model.path, problem: "it is a packed file; start from what it was packed from"
            )
        }
        try target.validate()
        guard !allowsRequantizing else { return }
        if let tensor = model.storedTensors.first(where: { $0.type.elementsPerBlock > 1 }) {
            throw .refused(
                path: model.path,
                reason: "tensor \(tensor.name) is quantised already (\(tensor.type.name)), and "
                    + "quantising it again adds up the errors; start from F32, F16 or BF16 weights",
                unless: .requantizing)
        }
    }

    // MARK: Slices

    private static let elementsPerSlice = 1 << 15
    private static let slicesPerThread = 8

    /// Ranges of the tensor's rows, some for every thread at a time.
    private func batches(_ step: QuantizingPlan.Step) -> [[Range<Int>]] {
        let rows = step.matrices.reduce(0) { $0 + $1.rowCount }
        let size = max(1, Self.elementsPerSlice / step.matrices[0].columnCount)
        let batch = size * Self.slicesPerThread * threadCount
        return stride(from: 0, to: rows, by: batch).map { first in
            stride(from: first, to: min(first + batch, rows), by: size).map {
                $0..<min($0 + size, first + batch, rows)
            }
        }
    }

    /// Some rows of a tensor, encoded.
    private struct Slice: Sendable {
        var bytes: [UInt8] = []
        var difference = QuantizationReport.Difference()
    }

    private func encode(
        _ ranges: [Range<Int>], of step: QuantizingPlan.Step, _ pool: ThreadPool
    ) throws(ModelFileError) -> [Slice] {
        let slices = Mutex([Result<Slice, ModelFileError>?](repeating: nil, count: ranges.count))
        pool.parallel(count: ranges.count) { task, _ in
            let result = Result { () throws(ModelFileError) in
                try Self.encode(ranges[task], of: step)
            }
            slices.withLock { $0[task] = result }
        }
        var encoded: [Slice] = []
        for case let result? in slices.withLock({ $0 }) { encoded.append(try result.get()) }
        return encoded
    }

    private static func encode(
        _ rows: Range<Int>, of step: QuantizingPlan.Step
    ) throws(ModelFileError) -> Slice {
        var values: [Float] = []
        values.reserveCapacity(rows.count * step.matrices[0].columnCount)
        for row in rows {
            let (matrix, place) = step.source(row: row)
            let start = matrix.byteOffset + place * matrix.bytesPerRow
            var reader = ByteReader(matrix.storage, range: start..<start + matrix.bytesPerRow)
            values += try reader.readFloats(
                matrix.type, count: matrix.columnCount, what: "a row")
        }
        var slice = Slice()
        let type = step.tensor.type
        slice.bytes.reserveCapacity(type.byteCount(elements: values.count) ?? 0)
        type.encode(values.span, into: &slice.bytes)
        if let index = slice.difference.add(values, type.decoded(slice.bytes)) {
            let (matrix, _) = step.source(row: rows.lowerBound)
            let value = values[index]
            let place = rows.lowerBound * matrix.columnCount + index
            throw .tensor(
                path: matrix.storage.path, name: step.tensor.name,
                problem: value.isFinite
                    ? "element \(place) is \(value), too large for \(type.name)"
                    : "element \(place) is \(value)")
        }
        return slice
    }
}
