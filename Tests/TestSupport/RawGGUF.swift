// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
package import ModelFiles

/// A GGUF file taken to pieces, any of which a test may break before `bytes()` joins them.
package struct RawGGUF: Sendable {
    /// A key of the metadata.
    package struct Key: Sendable {
        /// Its name in UTF-8, unless a test says otherwise.
        package var name: [UInt8]
        /// The number of its type.
        package var type: UInt32
        /// Its value as the file has it.
        package var payload: [UInt8]
    }

    /// What the file says of a tensor, and its bytes.
    package struct Tensor: Sendable {
        /// Its name in UTF-8, unless a test says otherwise.
        package var name: [UInt8]
        /// Its sizes, the contiguous one first.
        package var dimensions: [UInt64]
        /// The number of its type.
        package var type: UInt32 = 0
        /// Replaces where its bytes begin.
        package var offset: UInt64?
        /// Its bytes.
        package var bytes: [UInt8]
        /// Replaces how many sizes it has.
        package var dimensionCount: UInt32?

        /// Describes a tensor.
        package init(
            name: [UInt8], dimensions: [UInt64], type: UInt32 = 0, offset: UInt64? = nil,
            bytes: [UInt8], dimensionCount: UInt32? = nil
        ) {
            self.name = name
            self.dimensions = dimensions
            self.type = type
            self.offset = offset
            self.bytes = bytes
            self.dimensionCount = dimensionCount
        }
    }

    /// The first four bytes.
    package var magic = Array("GGUF".utf8)
    /// The version of the format.
    package var version: UInt32 = 3
    /// Replaces the number of tensors.
    package var tensorCount: UInt64?
    /// Replaces the number of keys.
    package var keyCount: UInt64?
    /// The metadata.
    package var keys: [Key] = []
    /// The tensors.
    package var tensors: [Tensor] = []
    /// What the bytes of tensors are aligned to.
    package var alignment = 32

    /// No keys and no tensors.
    package init() {}

    /// Joins the pieces; the counts and offsets are right unless they were set.
    package func bytes() -> [UInt8] {
        var result = magic + version.bytes
        result += (tensorCount ?? UInt64(tensors.count)).bytes
        result += (keyCount ?? UInt64(keys.count)).bytes
        for key in keys {
            result += UInt64(key.name.count).bytes + key.name + key.type.bytes + key.payload
        }
        var offset: UInt64 = 0
        for tensor in tensors {
            result += UInt64(tensor.name.count).bytes + tensor.name
            result += (tensor.dimensionCount ?? UInt32(tensor.dimensions.count)).bytes
            for dimension in tensor.dimensions { result += dimension.bytes }
            result += tensor.type.bytes + (tensor.offset ?? offset).bytes
            offset += UInt64((tensor.bytes.count + alignment - 1) / alignment * alignment)
        }
        pad(&result)
        for tensor in tensors {
            result += tensor.bytes
            pad(&result)
        }
        return result
    }

    private func pad(_ bytes: inout [UInt8]) {
        bytes += [UInt8](repeating: 0, count: (alignment - bytes.count % alignment) % alignment)
    }

    // MARK: Edits

    /// Sets a key, which becomes the last.
    package mutating func set(_ name: String, _ value: Value) {
        remove(name)
        keys.append(Key(name: Array(name.utf8), type: value.type, payload: value.payload))
    }

    /// Removes a key.
    package mutating func remove(_ name: String) {
        keys.removeAll { $0.name == Array(name.utf8) }
    }

    /// Changes the tensors of a name.
    package mutating func edit(_ name: String, _ body: (inout Tensor) -> Void) {
        for index in tensors.indices where tensors[index].name == Array(name.utf8) {
            body(&tensors[index])
        }
    }

    /// Removes a tensor.
    package mutating func removeTensor(_ name: String) {
        tensors.removeAll { $0.name == Array(name.utf8) }
    }

    /// Adds a tensor of F32, all of one value.
    package mutating func addTensor(_ name: String, _ dimensions: [Int], value: Float = 0.5) {
        let count = dimensions.reduce(1, *)
        tensors.append(
            Tensor(
                name: Array(name.utf8), dimensions: dimensions.map { UInt64($0) },
                bytes: Array([[UInt8]](repeating: value.bitPattern.bytes, count: count).joined())))
    }

    /// A value of the metadata.
    package enum Value: Sendable {
        case uint16(UInt16)
        case uint32(UInt32)
        case int32(Int32)
        case uint64(UInt64)
        case float32(Float)
        case float64(Double)
        case bool(UInt8)
        case string(String)
        case rawString([UInt8])
        case strings([String])
        case int32s([Int32])
        case nested(depth: Int)
        case raw(type: UInt32, payload: [UInt8])

        /// The number of its type.
        package var type: UInt32 {
            switch self {
            case .uint16: 2
            case .uint32: 4
            case .int32: 5
            case .float32: 6
            case .bool: 7
            case .string, .rawString: 8
            case .strings, .int32s, .nested: 9
            case .uint64: 10
            case .float64: 12
            case .raw(let type, _): type
            }
        }

        /// Its bytes.
        package var payload: [UInt8] {
            switch self {
            case .uint16(let value): value.bytes
            case .uint32(let value): value.bytes
            case .int32(let value): value.bytes
            case .uint64(let value): value.bytes
            case .float32(let value): value.bitPattern.bytes
            case .float64(let value): value.bitPattern.bytes
            case .bool(let value): [value]
            case .string(let text): UInt64(text.utf8.count).bytes + Array(text.utf8)
            case .rawString(let bytes): UInt64(bytes.count).bytes + bytes
            case .strings(let list):
                UInt32(8).bytes + UInt64(list.count).bytes
                    + list.flatMap { UInt64($0.utf8.count).bytes + Array($0.utf8) }
            case .int32s(let list):
                UInt32(5).bytes + UInt64(list.count).bytes + list.flatMap { $0.bytes }
            case .nested(let depth):
                Array(
                    [[UInt8]](repeating: UInt32(9).bytes + UInt64(1).bytes, count: depth - 1)
                        .joined()) + UInt32(0).bytes + UInt64(1).bytes + [7]
            case .raw(_, let payload): payload
            }
        }
    }

    // MARK: Sound models

    /// A sound tiny model: D 8, H 2, K 1, Dh 4, F 8, V 6, one layer.
    package static func model(experts: Int? = nil, stacked: Bool = true) -> RawGGUF {
        var raw = RawGGUF()
        raw.set("general.architecture", .string("llama"))
        raw.set("general.name", .string("tiny"))
        raw.set("llama.embedding_length", .uint32(8))
        raw.set("llama.block_count", .uint32(1))
        raw.set("llama.attention.head_count", .uint32(2))
        raw.set("llama.attention.head_count_kv", .uint32(1))
        raw.set("llama.feed_forward_length", .uint32(8))
        raw.set("llama.context_length", .uint32(64))
        raw.set("llama.attention.layer_norm_rms_epsilon", .float32(1e-5))
        raw.set("llama.rope.freq_base", .float32(10_000))
        raw.set("llama.rope.dimension_count", .uint32(4))
        raw.set("tokenizer.ggml.tokens", .strings(["a", "b", "c", "d", "e", "f"]))
        raw.set("tokenizer.ggml.eos_token_id", .uint32(2))
        raw.set("tokenizer.chat_template", .string("{{ messages }}"))
        raw.addTensor("token_embd.weight", [8, 6])
        raw.addTensor("blk.0.attn_norm.weight", [8])
        raw.addTensor("blk.0.attn_q.weight", [8, 8])
        raw.addTensor("blk.0.attn_k.weight", [8, 4])
        raw.addTensor("blk.0.attn_v.weight", [8, 4])
        raw.addTensor("blk.0.attn_output.weight", [8, 8])
        raw.addTensor("blk.0.ffn_norm.weight", [8])
        if let experts {
            raw.set("llama.expert_count", .uint32(UInt32(experts)))
            raw.set("llama.expert_used_count", .uint32(1))
            raw.addTensor("blk.0.ffn_gate_inp.weight", [8, experts])
            for part in ["gate", "down", "up"] {
                if stacked {
                    raw.addTensor("blk.0.ffn_\(part)_exps.weight", [8, 8, experts])
                } else {
                    for expert in 0..<experts {
                        raw.addTensor(
                            "blk.0.ffn_\(part).\(expert).weight", [8, 8], value: Float(expert))
                    }
                }
            }
        } else {
            for part in ["gate", "down", "up"] {
                raw.addTensor("blk.0.ffn_\(part).weight", [8, 8])
            }
        }
        raw.addTensor("output_norm.weight", [8])
        return raw
    }

    /// Writes the joined pieces as `model.gguf` and opens it.
    package func open(savedIn folder: TemporaryFolder) throws -> ModelFile {
        try ModelFile.open(path: folder.write(bytes(), to: "model.gguf"))
    }

    /// Opens the joined pieces as a model.
    package func open() throws -> ModelFile {
        try ModelFile.open(gguf: GGUFFile(mapping: AnonymousMemory(bytes: bytes())))
    }
}

extension FixedWidthInteger {
    /// The value's bytes, the lowest first.
    package var bytes: [UInt8] {
        (0..<bitWidth / 8).map { UInt8(truncatingIfNeeded: self >> ($0 * 8)) }
    }
}

/// Opens `bytes` as a GGUF model and reads all of it.
package func openAndVerify(_ bytes: [UInt8]) throws {
    let file = try GGUFFile(mapping: AnonymousMemory(bytes: bytes))
    try ModelFile.open(gguf: file).verify()
}
