// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Computation
import Console
import Foundation
import Inference
import JSON
import ModelFiles
import Parallelism
import Serving

struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure prefill and decode.",
        discussion: """
            For each batch size, that many prompts of random tokens are read (prefill) and continued \
            (decode). Prefill counts prompt tokens, decode generated tokens, of all sequences \
            together. The speed depends on the shape of the model, not on its values. The first \
            line says what a token costs: bytes of weights that decoding it reads, operations of \
            its prefill.

              cierzo bench --model FILE --prompt 512 --generate 32 --batch 1,8,32 --json

            With --batch-file, the requests of a file are answered as `cierzo batch` does, by all \
            that a server does for a request, and the answers are thrown away:

              cierzo bench --model FILE --batch-file requests.jsonl
            """)

    @Option(help: "The model: a manifest, a GGUF or packed file, or a directory.") var model: String
    @Option(help: "Tokens of each prompt.") var prompt = 512
    @Option(help: "Tokens generated for each sequence.") var generate = 32
    @Option(
        help: ArgumentHelp(
            "Batch sizes, separated by commas. Default: 1; with --batch-file the one number of "
                + "requests that are computed at the same time, by default as many as a server does."
        ))
    var batch: String?
    @Option(
        help: ArgumentHelp(
            "A file of requests, one JSON object for each line, to be answered instead.",
            valueName: "file"))
    var batchFile: String?
    @Option(help: "Prompt tokens of one step.") var chunk = 512
    @Option(help: "How often each point is measured; the median is printed.") var repeats = 1
    @Flag(
        help: "Decode one sequence and read the weights by turns: how near decoding is to memory.")
    var reading = false
    @Flag(help: "One JSON object per line on stdout.") var json = false
    @OptionGroup var compute: ComputeOptions

    func run() async throws {
        do {
            if let batchFile {
                try await answer(batchFile)
            } else {
                try measure()
            }
        } catch {
            throw failure(error)
        }
    }

    private func answer(_ path: String) async throws {
        guard !reading, prompt == 512, generate == 32, chunk == 512, repeats == 1 else {
            throw ValidationError(
                "--batch-file: its requests say what is computed, once; it goes with --model, "
                    + "--batch, --json and the options of the machine alone")
        }
        let maxSequences = batch.map { Int($0) ?? 0 }
        if let maxSequences, !(1...4096).contains(maxSequences) {
            throw ValidationError("--batch: with --batch-file one whole number from 1 to 4096")
        }
        let result = try await BatchFileBench(
            path: path, model: model, compute: compute, maxSequences: maxSequences
        ).measure()
        if json {
            try printLine(JSONValue.object(result.json).serialized())
        } else {
            for line in result.lines { try printLine(line) }
        }
    }

    private func measure() throws {
        let batches = (batch ?? "1").split(separator: ",").map { Int($0) ?? 0 }
        for (name, values, limit) in [
            ("prompt", [prompt], 1 << 20), ("generate", [generate], 1 << 20),
            ("batch", batches, 4096), ("chunk", [chunk], 65536), ("repeats", [repeats], 1000),
        ] where values.isEmpty || values.contains(where: { $0 < 1 || $0 > limit }) {
            throw ValidationError("--\(name): whole numbers from 1 to \(limit)")
        }
        let began = ContinuousClock.now
        let file = try LoadedModel.open(path: model, acceptsStale: compute.acceptsStale).file
        let kvType = compute.assembly.kvType
        let compute = try compute.assembly.makeCompute()
        let tensors = try ProgressLine.preparing(file) { progress in
            try file.preparedTensors(for: compute, progress: progress)
        }
        let cost = TokenCost(tensors, configuration: file.configuration)
        try show(
            cost, threads: compute.pool.threadCount, loaded: ContinuousClock.now - began)
        for batch in batches {
            let bench = try EngineBench(
                configuration: file.configuration, tensors: tensors, compute: compute, batch: batch,
                prompt: prompt, generate: generate, chunk: chunk,
                kvType: kvType)
            bench.warmUp()
            var prefills: [Double] = []
            var decodes: [Double] = []
            for _ in 0..<repeats {
                prefills.append(bench.prefill())
                decodes.append(bench.decode())
            }
            try show("prefill", batch, prefills.sorted()[prefills.count / 2])
            try show("decode", batch, decodes.sorted()[decodes.count / 2])
            if reading, batch == 1 {
                let turns = (0..<repeats).map { _ in bench.decodeAndRead(cost) }
                try showReading(
                    turns.sorted { $0.decoded / $0.read < $1.decoded / $1.read }[repeats / 2])
            }
        }
    }

    private func showReading(_ rate: (read: Double, decoded: Double)) throws {
        let share = rate.decoded / rate.read
        if json {
            let object: JSONValue = .object([
                "phase": .string("reading"), "read_bytes_per_second": .number(rate.read),
                "decode_bytes_per_second": .number(rate.decoded), "share": .number(share),
            ])
            try printLine(object.serialized())
        } else {
            try printLine(
                "reading the weights: \(byteText(Int(rate.read)))/s; decoding by turns with it reads "
                    + "weights, keys and values at \(byteText(Int(rate.decoded)))/s, "
                    + "\(Int((share * 100).rounded())) % of it")
        }
    }

    private func show(_ cost: TokenCost, threads: Int, loaded: Duration) throws {
        let seconds = ((loaded / .milliseconds(1)).rounded()) / 1000
        if json {
            let object: JSONValue = .object([
                "phase": .string("model"), "threads": .integer(threads),
                "load_seconds": .number(seconds),
                "bytes_per_token": .integer(cost.weightByteCount),
                "operations_per_token": .integer(cost.layerOperationCount),
                "operations_per_prompt_token": .integer(cost.promptOperationCount),
            ])
            try printLine(object.serialized())
        } else {
            try printLine(
                "model: \(byteText(cost.weightByteCount)) and "
                    + "\(countText(cost.layerOperationCount)) operations per token, "
                    + "loaded in \(seconds) s, \(threads) threads")
        }
    }

    private func show(_ phase: String, _ batch: Int, _ tokensPerSecond: Double) throws {
        let rounded = (tokensPerSecond * 100).rounded() / 100
        if json {
            let object: JSONValue = .object([
                "phase": .string(phase), "batch": .integer(batch), "prompt": .integer(prompt),
                "generate": .integer(generate), "tokens_per_second": .number(rounded),
            ])
            try printLine(object.serialized())
        } else {
            try printLine(
                "\(phase) batch \(batch) prompt \(prompt) generate \(generate): \(rounded) tokens/s"
            )
        }
    }
}
