// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Computation
import Foundation
import Inference
import ModelFiles
import Serving

/// Writes what a model makes of some tokens, for `Benchmarks/kl-divergence` to compare.
struct Logits: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a model's logits for token ids, to compare it with other programs.",
        discussion: """
            The ids are one sequence; the output has the logits of every position, f32 \
            [tokens, vocabulary], little-endian.

              cierzo logits --model FILE --token-ids ids.txt --output logits.bin --kernels exact
            """,
        shouldDisplay: false)

    @Option(help: "The model: a manifest, a GGUF or packed file, or a directory.") var model: String
    @Option(help: ArgumentHelp("Token ids, separated by white space.", valueName: "file"))
    var tokenIds: String
    @Option(help: ArgumentHelp("The file to write.", valueName: "file")) var output: String
    @OptionGroup var compute: ComputeOptions

    func run() throws {
        do {
            try write()
        } catch {
            throw failure(error)
        }
    }

    private func write() throws {
        let text = try String(contentsOfFile: tokenIds, encoding: .utf8)
        let ids = try text.split(whereSeparator: \.isWhitespace).map { word in
            guard let id = Int32(word) else {
                throw ValidationError("\(tokenIds): '\(word)' is no token id")
            }
            return id
        }
        let file = try LoadedModel.open(path: model, acceptsStale: compute.acceptsStale).file
        let rowsPerStep = 128
        let compute = try self.compute.assembly.makeCompute()
        let positionsPerBlock = self.compute.assembly.blockSize
        let blockCount = max(1, (ids.count + positionsPerBlock - 1) / positionsPerBlock)
        let tensors = try ProgressLine.preparing(file) { progress in
            try file.preparedTensors(for: compute, progress: progress)
        }
        let transformer = try Transformer(
            configuration: file.configuration, tensors: tensors, compute: compute,
            limits: TransformerLimits(
                maxBatchTokens: rowsPerStep, blockCount: blockCount,
                positionsPerBlock: positionsPerBlock, maxLogitsRows: rowsPerStep,
                kvElementType: self.compute.assembly.kvType))
        var output = try OutputFile(
            OutputPath(self.output, canForce: false, sources: [tokenIds, file.path]))
        for start in stride(from: 0, to: ids.count, by: rowsPerStep) {
            let part = Array(ids[start..<min(start + rowsPerStep, ids.count)])
            let batch = ForwardBatch(
                tokens: part,
                slices: [
                    SequenceSlice(
                        firstToken: 0, tokenCount: part.count, startPosition: start,
                        blockTable: (0..<Int32(blockCount)).map { $0 }, logitsRows: .all)
                ])
            try transformer.validate(batch)
            let logits = transformer.forward(batch)
            for row in part.indices {
                let values = logits.row(row)
                var bytes: [UInt8] = []
                bytes.reserveCapacity(file.configuration.vocabularySize * 4)
                for index in 0..<file.configuration.vocabularySize {
                    var bits = values[index].bitPattern.littleEndian
                    for _ in 0..<4 {
                        bytes.append(UInt8(truncatingIfNeeded: bits))
                        bits >>= 8
                    }
                }
                try output.write(bytes)
            }
        }
        try output.finish()
    }
}
