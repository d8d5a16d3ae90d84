// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
import Generation
import ModelFiles
import Scheduling
import Serving
import Tokenization

extension Fuzzer {
    static let modelFiles = [
        gguf, safetensors, adapter, packed, packedHeader, modelConfiguration, manifest, prefixFile,
    ]

    /// GGUF files: model, weights and vocabulary.
    private static let gguf = Fuzzer("gguf") { input in
        let file = try GGUFFile(mapping: AnonymousMemory(bytes: input))
        if let tokenizer = try? GGUFVocabulary.tokenizer(of: file.metadata, file: file.path) {
            if let problem = problem(of: tokenizer) { return problem }
        }
        try ModelFile.open(gguf: file).verify()
        return nil
    }

    private static let safetensors = Fuzzer("safetensors") { input in
        let file = try SafetensorsFile(mapping: AnonymousMemory(bytes: input))
        for tensor in file.tensors
        where tensor.byteOffset < 0 || tensor.byteCount > input.count - tensor.byteOffset {
            return "the tensor \(tensor.name) reaches past the end"
        }
        return nil
    }

    /// LoRA adapters of a tiny mixture: a GGUF file, or PEFT's configuration and its matrices, as the
    /// first byte says.
    private static let adapter = Fuzzer("adapter") { input in
        guard let first = input.first else { return nil }
        let configuration = ModelConfiguration(
            architecture: "llama", hiddenSize: 8, intermediateSize: 8, layerCount: 1, headCount: 2,
            kvHeadCount: 1, headDimension: 4, vocabularySize: 6, expertCount: 2,
            expertsPerToken: 1, contextLength: 64, ropeTheta: 10_000, ropePairing: .adjacent,
            ropeDimensionCount: 4, rmsNormEpsilon: 1e-5)
        let base = AdapterBase(Architecture.of(configuration).schema, configuration)
        let bytes = Array(input.dropFirst())
        func open() throws -> Adapter {
            if first % 2 == 0 {
                return try AdapterFile.open(
                    gguf: GGUFFile(mapping: AnonymousMemory(bytes: bytes)), for: base)
            }
            let parts = bytes.parts(2)
            return try AdapterFile.open(
                peft: parts[0],
                tensors: SafetensorsFile(mapping: AnonymousMemory(bytes: parts[1])), for: base)
        }
        let adapter = try open()
        // Either matrix of each part has a row for each of the rank.
        if adapter.byteCount > 64 * 1024 * max(1, input.count) { return "it takes too much memory" }
        return try open().digest == adapter.digest ? nil : "reads differently the second time"
    }

    /// Packed files whose checksums are put right, for no input would get past them.
    private static let packed = Fuzzer("packed") { input in
        var bytes = input
        if bytes.count >= 64 {
            let counts = [24, 32].map { place in
                bytes[place..<place + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            }
            let end = counts.reduce(UInt64(64)) { $0.addingReportingOverflow($1).partialValue }
            if (64...UInt64(bytes.count)).contains(end) {
                put(XXH64.of(Array(bytes[64..<Int(end)])), into: &bytes, at: 40)
            }
            put(XXH64.of(Array(bytes[..<56])), into: &bytes, at: 56)
        }
        try ModelFile.open(packed: PackedFile(mapping: AnonymousMemory(bytes: bytes))).verify()
        return nil
    }

    private static func put(_ number: UInt64, into bytes: inout [UInt8], at place: Int) {
        var written: [UInt8] = []
        written.append(littleEndian: number)
        bytes.replaceSubrange(place..<place + 8, with: written)
    }

    /// What stands behind the checksums of a packed file: its header and the files within.
    private static let packedHeader = Fuzzer("packed-header") { input in
        let parts = input.parts(2)
        try ModelFile.open(packed: packedFile(header: parts[0], embedded: parts[1])).verify()
        return nil
    }

    /// The configuration of a model: `config.json` or `params.json`, as the first byte says.
    private static let modelConfiguration = Fuzzer("model-configuration") { input in
        guard let first = input.first else { return nil }
        let text = Array(input.dropFirst())
        let isMistral = first % 2 == 1
        var header = PackedHeader(
            name: "tiny", format: isMistral ? .mistral : .huggingFace, isTied: true,
            source: try SourceFingerprint(path: "/", files: []), tensors: [], weightsDigest: nil)
        header.files = [
            .init(name: isMistral ? "params.json" : "config.json", byteCount: text.count)
        ]
        _ = try ModelFile.open(
            packed: packedFile(header: header.serializedBytes(), embedded: text))
        return nil
    }

    /// A packed file with right checksums and some room for weights.
    private static func packedFile(
        header: [UInt8], embedded: [UInt8]
    ) throws -> PackedFile {
        let metadata = header + embedded
        let dataOffset = PackedFile.dataOffset(metadataByteCount: metadata.count)
        let byteCount = dataOffset + 2 * PackedFile.pageByteCount
        let preamble = PackedFile.Preamble(
            fileByteCount: byteCount, headerByteCount: header.count,
            embeddedByteCount: embedded.count, metadataChecksum: XXH64.of(metadata))
        var bytes = preamble.bytes + metadata
        bytes += [UInt8](repeating: 0, count: byteCount - bytes.count)
        return try PackedFile(mapping: AnonymousMemory(bytes: bytes))
    }

    /// Manifests of models.
    private static let manifest = Fuzzer("manifest") { input in
        let manifest = try ModelManifest(input, path: "models/tiny.json")
        return try ModelManifest(input, path: "models/tiny.json") == manifest
            ? nil : "reads differently the second time"
    }

    /// Blocks of the prefix store: a sealed block reads back, and no other bytes pass for it.
    private static let prefixFile = Fuzzer("prefix-file") { input in
        let name = PrefixName(computation: "fuzzing")
        var sealed = [UInt8](repeating: 0, count: PrefixFile.headerCount) + input
        PrefixFile.seal(&sealed, as: name)
        guard try PrefixFile.block(in: sealed, as: name).elementsEqual(input) else {
            return "a sealed block does not read back"
        }
        if (try? PrefixFile.block(in: input, as: name)) != nil { return "foreign bytes pass" }
        let place = (input.first.map { Int($0) } ?? 0) % sealed.count
        sealed[place] ^= 1
        return (try? PrefixFile.block(in: sealed, as: name)) == nil ? nil : "a flipped bit passes"
    }
}
