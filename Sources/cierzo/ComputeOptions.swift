// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Computation
import Inference
import ModelFiles
import Parallelism

/// The options of every command that runs a model.
struct ComputeOptions: ParsableArguments {
    @Option(help: "Compute threads. Default: what affinity and the cgroup quota allow.")
    var threads: Int?

    @Option(help: "Kernels: automatic, scalar, avx2, avxvnni, avx512, exact or blas.")
    var kernels: String = "automatic"

    @Option(
        help: "Pin threads to cores: automatic (where they fill the cores), always or never.")
    var pin: ThreadPlacement.Pinning = .automatic

    @Option(help: "How keys and values are stored.")
    var kvType = EngineAssembly.defaultKVType

    @Flag(help: "Use a packed file though the model it was packed from has changed since.")
    var acceptStale = false

    func makeCompute() throws -> Compute {
        try makeCierzoCompute(threads: threads, kernels: kernels, pinning: pin)
    }
}

extension ThreadPlacement.Pinning: ExpressibleByArgument {}
extension KVElementType: ExpressibleByArgument {}

/// What a configuration can ask of the processor that it does not have.
enum ComputeError: Error, Equatable, CustomStringConvertible {
    case threads(Int)
    case unknownKernels(String)
    case unavailableKernels(String)
    case packedFile(path: String)

    var description: String {
        let available = KernelChoice.available.map(\.rawValue).joined(separator: ", ")
        return switch self {
        case .threads(let count): "threads: expected 1 to 1024, found \(count)"
        case .unknownKernels(let name): "kernels: '\(name)' is none of \(available)"
        case .unavailableKernels(let name):
            "kernels: this machine cannot run '\(name)', only \(available)"
        case .packedFile(let path):
            "kernels: 'exact' needs the file that \(path) was packed from"
        }
    }
}

/// Starts the compute threads.
///
/// - Parameters:
///   - threads: how many, or nil for what the machine allows.
///   - kernels: the name of a `KernelChoice`.
///   - pinning: whether threads keep to cores.
/// - Returns: the operations, with threads running.
/// - Throws: ``ComputeError``.
func makeCierzoCompute(
    threads: Int?, kernels: String, pinning: ThreadPlacement.Pinning
) throws -> Compute {
    let count = threads ?? ProcessorTopology.current().availableThreadCount
    guard (1...1024).contains(count) else { throw ComputeError.threads(count) }
    guard let choice = KernelChoice(rawValue: kernels) else {
        throw ComputeError.unknownKernels(kernels)
    }
    guard choice.isAvailable else { throw ComputeError.unavailableKernels(kernels) }
    return Compute(pool: ThreadPool(threadCount: count, pinning: pinning), kernels: choice)
}

extension ModelFile {
    /// The weights as the products want them, in memory, with progress on stderr.
    ///
    /// They are packed, unless f32 products were asked for; those of a packed file are mapped.
    ///
    /// - Parameters:
    ///   - compute: what multiplies.
    ///   - progress: also told what is being done and the share of it that is done, on any thread.
    /// - Returns: the weights.
    /// - Throws: where there is no memory for packed weights, or none but packed ones in the file.
    func preparedTensors(
        for compute: Compute, progress: @Sendable (String, Double) -> Void = { _, _ in }
    ) throws -> ModelTensors {
        if compute.kernels == .exact, tensors.matrices.contains(where: { $0.layout == .panels }) {
            throw ComputeError.packedFile(path: path)
        }
        let stage = packed == nil ? "packing the weights" : "mapping the weights"
        let line = ProgressLine(stage)
        defer { line.finish() }
        let size = "of " + byteText(tensors.byteCount)
        @Sendable func report(_ share: Double) {
            line.update(share, size)
            progress(stage, share)
        }
        if packed != nil {
            if byteCount < MachineMemory.byteCount() {
                populate(using: compute.pool, progress: report)
            }
            try checkIntact()
        } else if compute.kernels.packsWeights {
            let packed = try tensors.packed(by: WeightPacker(pool: compute.pool)) { done, all in
                report(Double(done) / Double(all))
            }
            try checkIntact()
            return packed
        }
        return tensors
    }
}
