// SPDX-License-Identifier: Apache-2.0

import Architectures
import ArgumentParser
import Computation
import Console
import Foundation
import JSON
import ModelFiles
import ModelTools
import Parallelism
import Quantization
import Serving
import Tokenization

struct Quantize: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a model in a smaller type, and say how much it changed.",
        discussion: """
            Reads F32, F16 or BF16 weights, a GGUF file or a directory with config.json and \
            safetensors, and writes a GGUF file that other programs read, too. Norms and routers \
            stay F32; the mixes Q4_K_M and so on give the tensors that matter most a better type.

            Mixtral 8x7B takes, in GiB: Q8_0 46, Q6_K 36, Q5_K_M 31, Q4_K_M 26, Q3_K_M 21, Q2_K 16. \
            Q4_K_M is the usual choice; take Q5_K_M or Q6_K where memory allows, Q8_0 to be all but \
            exact, and less than Q4_K only where nothing else fits. Per type it prints the error, \
            the root mean square of the changes relative to that of the weights.

              cierzo quantize mixtral-f16.gguf mixtral-q4_k_m.gguf --type Q4_K_M
              cierzo quantize Mixtral-8x7B-Instruct-v0.1/ mixtral-q6_k.gguf --type Q6_K
            """)

    @Argument(help: "The model: a GGUF file, or a directory with config.json and safetensors.")
    var source: String
    @Argument(help: "The GGUF file to write.") var output: String
    @Option(
        help: ArgumentHelp(
            "The type: \(QuantizationMix.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "type"))
    var type = "Q4_K_M"
    @Flag(help: "Take a source that is quantised already; its errors stay and add up.")
    var allowRequantize = false
    @Flag(help: "Replace the output if it exists.") var force = false
    @Option(help: "Threads. Default: what affinity and the cgroup quota allow.") var threads: Int?
    @Flag(help: "One JSON object on stdout.") var json = false

    func run() throws {
        do {
            try quantize()
        } catch {
            throw failure(error)
        }
    }

    private func quantize() throws {
        guard let mix = QuantizationMix(name: type) else { throw QuantizeError.unknownType(type) }
        let threadCount = threads ?? ProcessorTopology.current().availableThreadCount
        guard (1...1024).contains(threadCount) else {
            throw EngineAssembly.Failure.threads(threadCount)
        }
        let model = try ModelFile.open(path: source)
        for warning in model.warnings { note("warning: \(warning)") }
        var vocabulary = GGUFMetadata()
        if case .folder(let folder) = model.vocabularySource {
            if TokenizerLoader.isMissing(of: model) {
                note("warning: \(source) has no tokenizer; the file will serve token ids only")
            } else {
                vocabulary = try TokenizerLoader.vocabulary(in: folder)
                    .ggufMetadata(
                        size: model.configuration.vocabularySize, stops: model.endTokenIDs)
            }
        }
        let progress = ProgressLine("quantizing")
        defer { progress.finish() }
        let started = ContinuousClock.now
        let report = try Quantizing(
            mix: mix, allowsRequantizing: allowRequantize, threadCount: threadCount
        ).run(model, to: output, replaces: force, vocabulary: vocabulary) {
            progress.update($0, $1)
        }
        progress.finish()
        if json {
            try printLine(object(report, mix).serialized())
        } else {
            try show(report)
            let time = (ContinuousClock.now - started).formatted(
                .units(allowed: [.minutes, .seconds], width: .narrow))
            note("wrote \(output), \(byteText(report.byteCount)) in \(time)")
        }
    }

    private func show(_ report: QuantizationReport) throws {
        try printLine("type    tensors        size  bits/weight   error    cosine    worst tensor")
        for row in report.rows {
            let columns = [
                row.type.name.padding(toLength: 7, withPad: " ", startingAt: 0),
                String(format: "%7d", row.tensorCount), padded(byteText(row.byteCount), 11),
                String(format: "%12.2f", row.bitsPerWeight),
                String(format: "%7.3f %%", row.difference.relativeError * 100),
                String(format: "%.6f", row.difference.cosine),
                String(format: "%.3f %% \(row.worst.name)", row.worst.relativeError * 100),
            ]
            try printLine(columns.joined(separator: " "))
        }
        try printLine(String(format: "all: %.2f bits/weight", report.bitsPerWeight))
    }

    private func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    private func object(_ report: QuantizationReport, _ mix: QuantizationMix) -> JSONValue {
        let rows = report.rows.map { row in
            JSONValue.object([
                "type": .string(row.type.name), "tensors": .integer(row.tensorCount),
                "weights": .integer(row.elementCount), "bytes": .integer(row.byteCount),
                "bits_per_weight": .number(row.bitsPerWeight),
                "relative_error": .number(row.difference.relativeError),
                "cosine": .number(row.difference.cosine),
                "worst_tensor": .string(row.worst.name),
                "worst_relative_error": .number(row.worst.relativeError),
            ])
        }
        return .object([
            "output": .string(output), "type": .string(mix.rawValue),
            "bytes": .integer(report.byteCount), "bits_per_weight": .number(report.bitsPerWeight),
            "types": .array(rows),
        ])
    }
}

/// What `cierzo quantize` can be asked for that does not exist.
enum QuantizeError: Error, CustomStringConvertible {
    case unknownType(String)

    var description: String {
        switch self {
        case .unknownType(let name):
            "type: '\(name)' is none of "
                + QuantizationMix.allCases.map(\.rawValue).joined(separator: ", ")
        }
    }
}
