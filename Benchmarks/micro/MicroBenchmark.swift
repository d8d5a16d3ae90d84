// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Computation
import Foundation
import Parallelism
import Quantization

@main
struct MicroBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cierzo-micro",
        abstract: "Measure this machine's limits, and the kernels beside them.",
        discussion: """
            The limits are what a loop does that only reads memory, or only multiplies and adds in \
            registers. A kernel multiplies one expert of Mixtral 8x7B (14336 × 4096) after another, \
            so that its weights come from memory, for several numbers of tokens. Every figure is \
            the fastest of several runs, of all threads together: GB/s of weights, Gop/s of \
            multiplications and additions.

              swift run -c release cierzo-micro --types q4_K,q8_0 --tokens 1,8,64
            """)

    @Option(help: "Threads. Default: what affinity and the cgroup quota allow.") var threads: Int?
    @Option(help: "Kernels: automatic, scalar, avx2, avx512 or blas.") var kernels = "automatic"
    @Option(help: "Weight types, separated by commas; `all`.") var types = "q4_K,q8_0"
    @Option(help: "Numbers of tokens, separated by commas.") var tokens = "1,2,4,8,16,64,256"
    @Flag(help: "Weights as files of others have them, not packed.") var rows = false
    @Flag(help: "Measure the machine's limits only.") var limits = false
    @Flag(help: "One JSON object per line on stdout.") var json = false

    func run() throws {
        let count = threads ?? ProcessorTopology.current().availableThreadCount
        guard (1...1024).contains(count) else { throw ValidationError("--threads: 1 to 1024") }
        guard let kernels = KernelChoice(rawValue: kernels), kernels.isAvailable else {
            throw ValidationError("--kernels: this processor cannot run '\(kernels)'")
        }
        let types = try chosenTypes()
        let tokens = tokens.split(separator: ",").map { Int($0) ?? 0 }
        guard !tokens.isEmpty, tokens.allSatisfy({ (1...4096).contains($0) }) else {
            throw ValidationError("--tokens: whole numbers from 1 to 4096")
        }
        let memory = try AnonymousMemory.numbers(byteCount: 512 << 20)
        let compute = Compute(pool: ThreadPool(threadCount: count), kernels: kernels)
        let peaks = Peaks(pool: compute.pool, memory: memory.bytes)
        show(peaks, region: RegionBench.nanoseconds(pool: compute.pool), threads: count)
        if limits { return }
        for type in types {
            let canPack = WeightMatrix.canPack(type, columnCount: ProductBench.inputs)
            let bench = ProductBench(
                compute: compute, type: type, layout: canPack && !rows ? .panels : .rows,
                memory: memory)
            for tokens in tokens { show(bench, tokens, bench.measure(tokens: tokens), peaks) }
        }
    }

    private func chosenTypes() throws -> [ElementType] {
        if types == "all" { return ElementType.allCases }
        return try types.split(separator: ",").map { name in
            guard
                let type = ElementType.allCases.first(where: {
                    $0.name.lowercased() == name.lowercased()
                })
            else { throw ValidationError("--types: no type '\(name)'") }
            return type
        }
    }

    private func show(_ peaks: Peaks, region: Double, threads: Int) {
        let rows = [
            ("read_gbps_1", "reads memory, 1 thread", peaks.readOne, "GB/s"),
            ("read_gbps", "reads memory, \(threads) threads", peaks.readAll, "GB/s"),
            ("f32_gops", "f32 multiply-add", peaks.f32, "Gop/s"),
            ("bf16_gops", "bf16 dot products", peaks.bf16, "Gop/s"),
            ("int8_gops", "int8 dot products", peaks.int8, "Gop/s"),
            ("region_ns", "an empty parallel region", region, "ns"),
        ]
        if json {
            let fields = rows.map { "\"\($0.0)\": \(rounded($0.2))" }.joined(separator: ", ")
            print("{\"threads\": \(threads), \(fields)}")
        } else {
            for row in rows {
                print(
                    row.1.padding(toLength: 28, withPad: " ", startingAt: 0), rounded(row.2), row.3)
            }
            print("\ntype             tokens    GB/s   of read     Gop/s   of int8   of f32")
        }
        fflush(nil)
    }

    private func show(
        _ bench: ProductBench, _ tokens: Int, _ rate: (bandwidth: Double, operations: Double),
        _ peaks: Peaks
    ) {
        if json {
            print(
                "{\"type\": \"\(bench.type.name)\", \"layout\": \"\(bench.layout)\", "
                    + "\"tokens\": \(tokens), "
                    + "\"gbps\": \(rounded(rate.bandwidth)), \"gops\": \(rounded(rate.operations))}"
            )
        } else {
            let name = "\(bench.type.name) \(bench.layout)".padding(
                toLength: 15, withPad: " ", startingAt: 0)
            print(
                String(
                    format: "%@ %7d %7.1f %8.0f%% %9.1f %8.0f%% %7.0f%%", name, tokens,
                    rate.bandwidth, share(rate.bandwidth, peaks.readAll), rate.operations,
                    share(rate.operations, peaks.int8), share(rate.operations, peaks.f32)))
        }
        fflush(nil)
    }

    private func share(_ value: Double, _ limit: Double) -> Double {
        limit > 0 ? 100 * value / limit : 0
    }

    private func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }
}
