// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Computation
import Console
import Foundation
import Inference
import JSON
import ModelFiles
import Parallelism
import Quantization
import Serving
import Sizing

struct Plan: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say how fast a model would be here for some users, and what memory it needs.",
        discussion: """
            Does some steps of the model with made-up weights in its shape and types, on the \
            threads and kernels that it would be served with; of a large model some layers, the \
            rest is as long. So no weights are read, and a model need not even be there: known \
            shapes (\(ModelConfiguration.published.map(\.name).joined(separator: ", "))) are \
            planned for by name and type. Takes seconds; let nothing else run meanwhile.

              cierzo plan models/mixtral-8x7b-instruct-v0.1.json --users 1,8,32
              cierzo plan mixtral-8x7b --type Q4_K --users 16 --prompt 1000 --answer 300

            Besides the times it says how near they are to what the machine can do: decoding for \
            few users waits for memory, reading prompts for products (`cierzo doctor` measures \
            both). First token: of one user alone, and of the last one when all ask at once. Busy: \
            each user asks again as soon as he has an answer.
            """)

    @Argument(help: "A manifest, a GGUF or packed file, a directory, or a known shape's name.")
    var model: String
    @Option(help: "Numbers of users, separated by commas.") var users = "1,8"
    @Option(help: "Tokens of a prompt.") var prompt = 512
    @Option(help: "Tokens of an answer.") var answer = 256
    @Option(help: "The type of the weights of a shape: Q4_K, Q8_0 …") var type = "Q4_K"
    @Option(help: "Prompt tokens of a step.") var chunk = EngineAssembly().prefillChunk
    @Flag(help: "One JSON object on stdout.") var json = false
    @OptionGroup var compute: ComputeOptions

    func run() throws {
        do {
            try plan()
        } catch {
            throw failure(error)
        }
    }

    private func plan() throws {
        let userCounts = users.split(separator: ",").map { Int($0) ?? 0 }
        for (name, values, limit) in [
            ("users", userCounts, 1024), ("prompt", [prompt], 1 << 20),
            ("answer", [answer], 1 << 20), ("chunk", [chunk], 65536),
        ] where values.isEmpty || values.contains(where: { $0 < 1 || $0 > limit }) {
            throw ValidationError("--\(name): whole numbers from 1 to \(limit)")
        }
        let (configuration, tensors) = try shape()
        let assembly = compute.assembly
        let compute = try assembly.makeCompute()
        let memory = try userCounts.map { count in
            try MemoryPlan(
                configuration: configuration,
                weightByteCount: tensors.packedByteCount(as: tensors.likelyPackedTypes),
                limits: TransformerLimits(
                    maxBatchTokens: max(chunk, count),
                    blockCount: count * ((prompt + answer + 15) / 16), positionsPerBlock: 16,
                    maxLogitsRows: count, kvElementType: assembly.kvType, stateCount: count),
                threadCount: compute.pool.threadCount)
        }
        let peaks = try Peaks.measured(pool: compute.pool)
        var rehearsal = try Rehearsal(
            configuration: configuration, tensors: tensors, compute: compute,
            load: .init(
                promptCount: prompt, answerCount: answer, chunk: chunk, kvType: assembly.kvType))
        let seconds = try rehearsal.run(userCounts: userCounts)
        let plans = zip(userCounts, seconds.decode).map { count, step in
            SpeedPlan(
                userCount: count, answerCount: answer, prompt: seconds.prompt, step: step)
        }
        let cost = TokenCost(tensors, configuration: configuration)
        let operations = Double(prompt) * Double(cost.promptOperationCount) / seconds.prompt / 1e9
        let bound = Bound(
            promptOperations: operations, operationShare: operations / max(peaks.int8, peaks.f32),
            peaks: peaks)
        try json ? showJSON(plans, memory, bound) : showText(plans, memory, bound)
    }

    /// How near reading prompts is to the peak of products.
    private struct Bound {
        let promptOperations: Double
        let operationShare: Double
        let peaks: Peaks
    }

    /// The model's numbers, and tensors of its shapes and types.
    private func shape() throws -> (ModelConfiguration, ModelTensors) {
        guard let known = ModelConfiguration.published.first(where: { $0.name == model }) else {
            let file = try LoadedModel.open(path: model, acceptsStale: true).file
            guard !file.schema.isEncoder else {
                throw ModelFileError.unsupported(
                    path: file.path, problem: "a plan for a model that makes embeddings")
            }
            return (file.configuration, file.tensors)
        }
        let types = ElementType.allCases.filter(\.isEncodable)
        guard let type = types.first(where: { $0.name.lowercased() == self.type.lowercased() }),
            let tensors = try ModelTensors.shaped(
                like: known.configuration, type: type, layerCount: known.configuration.layerCount)
        else {
            throw ValidationError(
                "--type: one of " + types.map(\.name).joined(separator: ", "))
        }
        return (known.configuration, tensors)
    }

    private func showText(_ plans: [SpeedPlan], _ memory: [MemoryPlan], _ bound: Bound) throws {
        let available = MachineMemory.byteCount()
        try printLine(
            "\(model): prompts of \(prompt) and answers of \(answer) tokens; all users together "
                + "unless it says each")
        try printLine(
            "users  first token  of the last  tokens/s each  tokens/s  busy tokens/s     memory")
        for (plan, memory) in zip(plans, memory) {
            let fits = memory.totalByteCount <= available
            try printLine(
                String(
                    format: "%5d %10.2f s %10.2f s %14.2f %9.1f %14.1f ", plan.userCount,
                    plan.firstTokenAlone, plan.firstTokenLast, plan.tokensPerSecondEach,
                    plan.tokensPerSecond, plan.tokensPerSecondBusy)
                    + Self.padded(byteText(memory.totalByteCount), 10) + (fits ? "" : "  too much"))
        }
        try printLine(
            String(
                format: "prompts: %.0f tokens/s, %.0f Gop/s, %.0f %% of the int8 peak of %.0f; "
                    + "memory is read at %.1f GB/s at most",
                Double(prompt) / (plans.first?.firstTokenAlone ?? 1), bound.promptOperations,
                100 * bound.operationShare, bound.peaks.int8, bound.peaks.readAll))
        if let plan = memory.last {
            try printLine(
                "memory for \(plans.last?.userCount ?? 1): weights \(byteText(plan.weightByteCount)), "
                    + "KV cache \(byteText(plan.kvByteCount)) for \(plan.kvPositionCount) positions, "
                    + (plan.stateByteCount == 0
                        ? ""
                        : "states \(byteText(plan.stateByteCount)) for \(plan.stateCount), ")
                    + "scratch \(byteText(plan.activationByteCount)); here: \(byteText(available))")
        }
    }

    private func showJSON(_ plans: [SpeedPlan], _ memory: [MemoryPlan], _ bound: Bound) throws {
        let rows = zip(plans, memory).map { plan, memory in
            JSONValue.object([
                "users": .integer(plan.userCount),
                "first_token_seconds": .number(plan.firstTokenAlone),
                "last_first_token_seconds": .number(plan.firstTokenLast),
                "tokens_per_second_each": .number(plan.tokensPerSecondEach),
                "tokens_per_second": .number(plan.tokensPerSecond),
                "busy_tokens_per_second": .number(plan.tokensPerSecondBusy),
                "weight_bytes": .integer(memory.weightByteCount),
                "kv_bytes": .integer(memory.kvByteCount),
                "state_bytes": .integer(memory.stateByteCount),
                "scratch_bytes": .integer(memory.activationByteCount),
                "total_bytes": .integer(memory.totalByteCount),
            ])
        }
        try printLine(
            JSONValue.object([
                "model": .string(model), "prompt": .integer(prompt), "answer": .integer(answer),
                "users": .array(rows),
                "prompt_tokens_per_second": .number(
                    Double(prompt) / (plans.first?.firstTokenAlone ?? 1)),
                "prompt_gops": .number(bound.promptOperations),
                "measured": .object([
                    "int8_gops": .number(bound.peaks.int8),
                    "read_gbps": .number(bound.peaks.readAll),
                ]),
                "available_bytes": .integer(MachineMemory.byteCount()),
            ]).serialized(.pretty))
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
