// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Computation
import Inference
import ModelFiles
import Parallelism
import Serving

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

    /// The engine that they describe.
    var assembly: EngineAssembly {
        var assembly = EngineAssembly()
        assembly.threads = threads
        assembly.kernels = kernels
        assembly.pinning = pin
        assembly.kvType = kvType
        return assembly
    }
}

extension ThreadPlacement.Pinning: ExpressibleByArgument {}
extension KVElementType: ExpressibleByArgument {}
