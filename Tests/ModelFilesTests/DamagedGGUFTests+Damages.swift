// SPDX-License-Identifier: Apache-2.0

import TestSupport

extension DamagedGGUFTests {
    static let headerDamages: [Damage] = [
        Damage("empty magic", mentions: "GGUF") { $0.magic = [0, 0, 0, 0] },
        Damage("lower-case magic", mentions: "GGUF") { $0.magic = Array("gguf".utf8) },
        Damage("version 0", mentions: "version 0") { $0.version = 0 },
        Damage("version 1", mentions: "version 1") { $0.version = 1 },
        Damage("version 4", mentions: "version 4") { $0.version = 4 },
        Damage("version 2^32-1", mentions: "version") { $0.version = .max },
        Damage("big-endian", mentions: "big-endian") { $0.version = UInt32(3).byteSwapped },
        Damage("no tensors", mentions: "without any tensors") { $0.tensors = [] },
        Damage("no keys", mentions: "general.architecture") { $0.keys = [] },
        Damage("tensor count 2^64-1", mentions: "number of tensors") { $0.tensorCount = .max },
        Damage("tensor count 2^63", mentions: "number of tensors") { $0.tensorCount = 1 << 63 },
        Damage("tensor count 2^20", mentions: "number of tensors") { $0.tensorCount = 1 << 20 },
        Damage("one tensor too many") { $0.tensorCount = UInt64($0.tensors.count + 1) },
        Damage("one tensor too few") { $0.tensorCount = UInt64($0.tensors.count - 1) },
        Damage("key count 2^64-1", mentions: "number of keys") { $0.keyCount = .max },
        Damage("key count 2^32", mentions: "number of keys") { $0.keyCount = 1 << 32 },
        Damage("one key too many") { $0.keyCount = UInt64($0.keys.count + 1) },
        Damage("one key too few") { $0.keyCount = UInt64($0.keys.count - 1) },
    ]

    static let keyDamages: [Damage] = [
        Damage("a key twice", mentions: "twice") { $0.keys.append($0.keys[0]) },
        Damage("an empty key", mentions: "empty") { $0.keys[0].name = [] },
        Damage("a key of bad UTF-8", mentions: "UTF-8") { $0.keys[0].name = [0xFF, 0xFE] },
        Damage("a key of 2000 bytes", mentions: "limit") {
            $0.keys[0].name = [UInt8](repeating: 0x61, count: 2000)
        },
        Damage("unknown value type 13", mentions: "type 13") {
            $0.set("x", .raw(type: 13, payload: [0]))
        },
        Damage("unknown value type 2^32-1", mentions: "type") {
            $0.set("x", .raw(type: .max, payload: [0]))
        },
        Damage("an array of unknown type", mentions: "type 99") {
            $0.set("x", .raw(type: 9, payload: UInt32(99).bytes + UInt64(1).bytes + [0]))
        },
        Damage("an array of 2^64-1 bytes", mentions: "length of “x”") {
            $0.set("x", .raw(type: 9, payload: UInt32(0).bytes + UInt64.max.bytes))
        },
        Damage("an array of 2^61 doubles", mentions: "length of “x”") {
            $0.set("x", .raw(type: 9, payload: UInt32(12).bytes + UInt64(1 << 61).bytes))
        },
        Damage("an array of 2^40 strings", mentions: "length of “x”") {
            $0.set("x", .raw(type: 9, payload: UInt32(8).bytes + UInt64(1 << 40).bytes))
        },
        Damage("an array of 2^26 strings", mentions: "more than the limit") {
            $0.set("x", .raw(type: 9, payload: UInt32(8).bytes + UInt64(1 << 26).bytes))
        },
        Damage("an array of 2^40 arrays", mentions: "length of “x”") {
            $0.set("x", .raw(type: 9, payload: UInt32(9).bytes + UInt64(1 << 40).bytes))
        },
        Damage("arrays nested 5 deep", mentions: "nested") { $0.set("x", .nested(depth: 5)) },
        Damage("arrays nested 1000 deep", mentions: "nested") { $0.set("x", .nested(depth: 1000)) },
        Damage("a string of 2^64-1 bytes", mentions: "limit") {
            $0.set("x", .raw(type: 8, payload: UInt64.max.bytes))
        },
        Damage("a string past the end", mentions: "left") {
            $0.set("x", .raw(type: 8, payload: UInt64(1 << 20).bytes))
        },
        Damage("a string of bad UTF-8", mentions: "UTF-8") {
            $0.set("x", .rawString([0x61, 0xC3, 0x28]))
        },
        Damage("a string of half a character", mentions: "UTF-8") {
            $0.set("x", .rawString([0xF0, 0x9F, 0x8C]))
        },
        Damage("a string with a surrogate", mentions: "UTF-8") {
            $0.set("x", .rawString([0xED, 0xA0, 0x80]))
        },
        Damage("a bool of 2", mentions: "bool") { $0.set("x", .bool(2)) },
        Damage("an array of bools of 9", mentions: "bool") {
            $0.set("x", .raw(type: 9, payload: UInt32(7).bytes + UInt64(2).bytes + [1, 9]))
        },
        Damage("alignment 0", mentions: "alignment") { $0.set("general.alignment", .uint32(0)) },
        Damage("alignment 3", mentions: "alignment") { $0.set("general.alignment", .uint32(3)) },
        Damage("alignment 48", mentions: "alignment") { $0.set("general.alignment", .uint32(48)) },
        Damage("alignment -32", mentions: "alignment") { $0.set("general.alignment", .int32(-32)) },
        Damage("alignment 2^31", mentions: "alignment") {
            $0.set("general.alignment", .uint32(1 << 31))
        },
        Damage("alignment 2^63", mentions: "alignment") {
            $0.set("general.alignment", .uint64(1 << 63))
        },
        Damage("alignment “32”", mentions: "alignment") {
            $0.set("general.alignment", .string("32"))
        },
        Damage("alignment of 64 that the offsets lack", mentions: "64") {
            $0.set("general.alignment", .uint32(64))
        },
        Damage("architecture missing", mentions: "architecture") {
            $0.remove("general.architecture")
        },
        Damage("architecture a number", mentions: "architecture") {
            $0.set("general.architecture", .uint32(1))
        },
        Damage("architecture gpt2", mentions: "gpt2") {
            $0.set("general.architecture", .string("gpt2"))
        },
        Damage("architecture with line breaks", mentions: "architecture") {
            $0.set("general.architecture", .string("a\nb\r\u{1B}[31m\u{2028}"))
        },
        Damage("architecture of 100 kB", mentions: "architecture") {
            $0.set("general.architecture", .string(String(repeating: "x", count: 100_000)))
        },
        Damage("vocab_size differs", mentions: "vocab_size") {
            $0.set("llama.vocab_size", .uint32(7))
        },
        Damage("more tokens than rows", mentions: "tokens") {
            $0.set("tokenizer.ggml.tokens", .strings((0..<7).map { "\($0)" }))
        },
        Damage("eos negative", mentions: "eos_token_id") {
            $0.set("tokenizer.ggml.eos_token_id", .int32(-2))
        },
        Damage("chat template a number", mentions: "chat_template") {
            $0.set("tokenizer.chat_template", .uint32(1))
        },
        Damage("kv heads do not divide heads", mentions: "head_count_kv") {
            $0.set("llama.attention.head_count_kv", .uint32(3))
        },
        Damage("head counts that differ by layer", mentions: "head_count") {
            $0.set("llama.attention.head_count", .int32s([2, 4]))
        },
        Damage("key and value lengths differ", mentions: "value_length") {
            $0.set("llama.attention.key_length", .uint32(4))
            $0.set("llama.attention.value_length", .uint32(8))
        },
        Damage("odd key length", mentions: "key_length") {
            $0.set("llama.attention.key_length", .uint32(5))
            $0.set("llama.attention.value_length", .uint32(5))
        },
        Damage("odd rope dimensions", mentions: "rope.dimension_count") {
            $0.set("llama.rope.dimension_count", .uint32(3))
        },
        Damage("more rope dimensions than a head has", mentions: "rope.dimension_count") {
            $0.set("llama.rope.dimension_count", .uint32(6))
        },
        Damage("more experts used than there are", mentions: "expert_used_count") {
            $0.set("llama.expert_used_count", .uint32(3))
        },
        Damage("expert_used_count missing", mentions: "expert_used_count") {
            $0.remove("llama.expert_used_count")
        },
        Damage("more experts than the tensors hold", mentions: "ffn_gate_inp") {
            $0.set("llama.expert_count", .uint32(4))
        },
        Damage("shared experts", mentions: "expert_shared_count") {
            $0.set("llama.expert_shared_count", .uint32(1))
        },
        Damage("a sigmoid router", mentions: "expert_gating_func") {
            $0.set("llama.expert_gating_func", .uint32(2))
        },
        Damage("sliding window negative", mentions: "sliding_window") {
            $0.set("llama.attention.sliding_window", .int32(-1))
        },
        Damage("unknown rope scaling", mentions: "rope.scaling.type") {
            $0.set("llama.rope.scaling.type", .string("longrope"))
        },
        Damage("rope scaling factor -1", mentions: "rope.scaling.factor") {
            $0.set("llama.rope.scaling.factor", .float32(-1))
        },
        Damage("rope scaling factor infinite", mentions: "rope.scaling.factor") {
            $0.set("llama.rope.scaling.factor", .float32(.infinity))
        },
        Damage("yarn of context 0", mentions: "original_context_length") {
            $0.set("llama.rope.scaling.type", .string("yarn"))
            $0.set("llama.rope.scaling.factor", .float32(4))
            $0.set("llama.rope.scaling.original_context_length", .uint32(0))
        },
        Damage("yarn with a NaN beta", mentions: "yarn_beta_fast") {
            $0.set("llama.rope.scaling.type", .string("yarn"))
            $0.set("llama.rope.scaling.factor", .float32(4))
            $0.set("llama.rope.scaling.yarn_beta_fast", .float32(.nan))
        },
        Damage("a later part of a split model", mentions: "part") {
            $0.set("split.count", .uint32(3))
            $0.set("split.no", .uint32(1))
        },
        Damage("a split model without its other parts", mentions: "part") {
            $0.set("split.count", .uint32(3))
            $0.set("split.no", .uint32(0))
        },
    ]

    static let tensorDamages: [Damage] = [
        Damage("a tensor name twice", mentions: "twice") {
            $0.tensors[1].name = $0.tensors[0].name
        },
        Damage("an empty tensor name", mentions: "empty") { $0.tensors[0].name = [] },
        Damage("a tensor name of bad UTF-8", mentions: "UTF-8") { $0.tensors[0].name = [0x80] },
        Damage("a tensor name of 2000 bytes", mentions: "limit") {
            $0.tensors[0].name = [UInt8](repeating: 0x61, count: 2000)
        },
        Damage("0 dimensions", mentions: "dimensions") { $0.tensors[0].dimensions = [] },
        Damage("5 dimensions", mentions: "dimensions") {
            $0.tensors[0].dimensions = [8, 6, 1, 1, 1]
        },
        Damage("2^32-1 dimensions", mentions: "dimensions") {
            $0.tensors[0].dimensionCount = .max
        },
        Damage("a dimension of 0", mentions: "dimension 1 is 0") {
            $0.tensors[0].dimensions = [8, 0]
        },
        Damage("a dimension of 2^63", mentions: "dimension") {
            $0.tensors[0].dimensions = [8, 1 << 63]
        },
        Damage("dimensions whose product overflows", mentions: "too many") {
            $0.tensors[0].dimensions = [1 << 40, 1 << 40]
        },
        Damage("dimensions whose product wraps to the right size", mentions: "too many") {
            $0.tensors[0].dimensions = [1 << 32, 1 << 32, 48]
        },
        Damage("a byte count that overflows", mentions: "token_embd") {
            $0.tensors[0].dimensions = [1 << 62]
        },
        Damage("dimensions larger than the file", mentions: "past the end") {
            $0.tensors[0].dimensions = [8, 1 << 30]
        },
        Damage("offset not aligned", mentions: "multiple of 32") { $0.tensors[0].offset = 8 },
        Damage("offset 2^64-32", mentions: "past the end") {
            $0.tensors[0].offset = UInt64.max - 31
        },
        Damage("offset 2^63", mentions: "past the end") { $0.tensors[0].offset = 1 << 63 },
        Damage("offset past the end", mentions: "past the end") {
            $0.tensors[0].offset = 1 << 30
        },
        Damage("offset near the end", mentions: "past the end") {
            let total = $0.bytes().count
            $0.tensors[0].offset = UInt64((total - 1500) / 32 * 32)
        },
        Damage("all tensors at offset 0", mentions: "overlap") {
            for index in $0.tensors.indices { $0.tensors[index].offset = 0 }
        },
        Damage("two tensors overlap by one block", mentions: "overlap") {
            $0.tensors[1].offset = 160
        },
        Damage("unknown element type", mentions: "type 77") { $0.tensors[2].type = 77 },
        Damage("element type 2^32-1", mentions: "type") { $0.tensors[2].type = .max },
        Damage("IQ2_XXS", mentions: "IQ2_XXS") { $0.tensors[2].type = 16 },
        Damage("Q8_K", mentions: "Q8_K") { $0.tensors[2].type = 15 },
        Damage("MXFP4", mentions: "MXFP4") { $0.tensors[2].type = 39 },
        Damage("I32", mentions: "I32") { $0.tensors[2].type = 26 },
        Damage("F64", mentions: "F64") { $0.tensors[2].type = 28 },
        Damage("rows that are not whole blocks", mentions: "blocks of Q4_0") {
            $0.tensors[2].type = 2
        },
        Damage("a quantised norm", mentions: "attn_norm") {
            $0.removeTensor("blk.0.attn_norm.weight")
            $0.tensors.append(
                .init(
                    name: Array("blk.0.attn_norm.weight".utf8), dimensions: [32], type: 8,
                    bytes: [UInt8](repeating: 0, count: 34)))
        },
        Damage("an embedding of one dimension", mentions: "token_embd") {
            $0.tensors[0].dimensions = [48]
        },
        Damage("an embedding of the wrong width", mentions: "expected shape") {
            $0.tensors[0].dimensions = [6, 8]
        },
        Damage("a transposed matrix", mentions: "attn_k") {
            $0.edit("blk.0.attn_k.weight") { $0.dimensions = [4, 8] }
        },
        Damage("a stack of the wrong depth", mentions: "ffn_up_exps") {
            $0.edit("blk.0.ffn_up_exps.weight") {
                $0.dimensions = [8, 8, 1]
                $0.bytes.removeLast(256)
            }
        },
        Damage("a bias", mentions: "attn_q.bias") { $0.addTensor("blk.0.attn_q.bias", [8]) },
        Damage("a norm of queries", mentions: "attn_q_norm") {
            $0.addTensor("blk.0.attn_q_norm.weight", [4])
        },
        Damage("a tensor of a second layer", mentions: "blk.1") {
            $0.addTensor("blk.1.attn_q.weight", [8, 8])
        },
        Damage("factors of rope that are 0", mentions: "rope_freqs") {
            $0.addTensor("rope_freqs.weight", [2], value: 0)
        },
        Damage("factors of rope that are NaN", mentions: "rope_freqs") {
            $0.addTensor("rope_freqs.weight", [2], value: .nan)
        },
        Damage("too many factors of rope", mentions: "rope_freqs") {
            $0.addTensor("rope_freqs.weight", [4])
        },
    ]

    static let contentDamages: [Damage] =
        RawGGUF.model(experts: 2).tensors.map { tensor in
            let name = String(decoding: tensor.name, as: UTF8.self)
            return Damage("\(name) missing", mentions: name) { $0.removeTensor(name) }
        }
        + RawGGUF.model(experts: 2).tensors.flatMap { tensor in
            let name = String(decoding: tensor.name, as: UTF8.self)
            return [Float.nan, -.infinity].map { value in
                Damage("\(value) in \(name)", mentions: name) {
                    $0.edit(name) {
                        $0.bytes.replaceSubrange(
                            $0.bytes.count - 4..<$0.bytes.count, with: value.bitPattern.bytes)
                    }
                }
            }
        }

    static let numericKeys = [
        "embedding_length", "block_count", "attention.head_count", "attention.head_count_kv",
        "feed_forward_length", "context_length", "attention.layer_norm_rms_epsilon",
        "rope.freq_base", "rope.dimension_count", "expert_count", "expert_used_count",
        "attention.key_length", "attention.value_length", "vocab_size",
    ].map { "llama.\($0)" }

    static let badValues: [Damage] = [
        Damage("0") { $0.set("KEY", .uint32(0)) },
        Damage("-1") { $0.set("KEY", .int32(-1)) },
        Damage("2^64-1") { $0.set("KEY", .uint64(.max)) },
        Damage("2^62") { $0.set("KEY", .uint64(1 << 62)) },
        Damage("NaN") { $0.set("KEY", .float32(.nan)) },
        Damage("-infinity") { $0.set("KEY", .float64(-.infinity)) },
        Damage("1e300") { $0.set("KEY", .float64(1e300)) },
        Damage("a string") { $0.set("KEY", .string("8")) },
        Damage("true") { $0.set("KEY", .bool(1)) },
        Damage("an empty array") { $0.set("KEY", .int32s([])) },
        Damage("an array of strings") { $0.set("KEY", .strings(["8"])) },
    ]
}
