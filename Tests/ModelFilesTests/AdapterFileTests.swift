// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
import JSON
import ModelFiles
import ModelTools
import TestSupport
import Testing

/// LoRA adapters in files: what is sound is read, and what is not is one clear line.
@Suite struct AdapterFileTests {
    /// D 8, H 2, K 1, Dh 4, F 8, V 6, E 2, one layer.
    private static func base() throws -> AdapterBase {
        AdapterBase(try RawGGUF.model(experts: 2).open())
    }

    // MARK: PEFT's

    private static let attention = "base_model.model.model.layers.0.self_attn."

    /// A sound adapter of rank 2 of the projections of queries and of one expert.
    private static func peft() -> RawDirectory {
        var raw = RawDirectory(config: [
            "peft_type": "LORA", "r": 2, "lora_alpha": 4, "use_rslora": false, "bias": "none",
            "target_modules": ["q_proj", "w1"], "modules_to_save": nil, "lora_dropout": 0.05,
            "task_type": "CAUSAL_LM", "base_model_name_or_path": "tiny",
        ])
        raw.add(attention + "q_proj.lora_A.weight", [2, 8])
        raw.add(attention + "q_proj.lora_B.weight", [8, 2])
        let expert = "base_model.model.model.layers.0.block_sparse_moe.experts.1.w1."
        raw.add(expert + "lora_A.weight", [2, 8])
        raw.add(expert + "lora_B.weight", [8, 2])
        return raw
    }

    @discardableResult
    private static func open(_ raw: RawDirectory) throws -> Adapter {
        try AdapterFile.open(
            peft: JSONValue.object(raw.config).serializedBytes(),
            tensors: SafetensorsFile(mapping: AnonymousMemory(bytes: raw.safetensors())),
            for: base())
    }

    @Test func `an adapter of PEFT's is read`() throws {
        let adapter = try Self.open(Self.peft())

        #expect(adapter.rank == 2)
        #expect(adapter.matrixCount == 2)
        #expect(adapter.parameterCount == 64)
        #expect(adapter.matrix(.query, layer: 0)?.rank == 2)
        #expect(adapter.matrix(.gate, layer: 0, expert: 0) == nil)
        #expect(adapter.matrix(.gate, layer: 0, expert: 1)?.b.columnCount == 8)
        #expect(adapter.matrix(.value, layer: 0) == nil)
        #expect(adapter.adds(to: [.value, .gate], layer: 0))
        #expect(!adapter.adds(to: [.value], layer: 0))
    }

    @Test func `equal adapters have one digest, others another`() throws {
        var louder = Self.peft()
        louder.config["lora_alpha"] = 5
        var elsewhere = Self.peft()
        elsewhere.tensors[2].name = elsewhere.tensors[2].name.replacing(
            "experts.1", with: "experts.0")
        elsewhere.tensors[3].name = elsewhere.tensors[3].name.replacing(
            "experts.1", with: "experts.0")

        let digests = try [Self.peft(), Self.peft(), louder, elsewhere].map {
            try Self.open($0).digest
        }

        #expect(digests[0] == digests[1])
        #expect(Set(digests).count == 3)
    }

    struct Damage: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// What the error must mention.
        var mentions: String
        var inflict: @Sendable (inout RawDirectory) -> Void

        init(
            _ name: String, mentions: String,
            _ inflict: @escaping @Sendable (inout RawDirectory) -> Void
        ) {
            testDescription = name
            self.mentions = mentions
            self.inflict = inflict
        }
    }

    private static let fields: [(key: String, value: JSONValue)] =
        [
            ("peft_type", "IA3"), ("peft_type", nil), ("use_dora", true), ("bias", "all"),
            ("lora_bias", true), ("fan_in_fan_out", true), ("modules_to_save", ["lm_head"]),
            ("trainable_token_indices", [1, 2]), ("layer_replication", [[0, 1]]),
            ("use_qalora", true), ("alora_invocation_tokens", [5]), ("lora_magic", 3),
            ("init_lora_weights", "pissa_niter_16"), ("init_lora_weights", "olora"),
            ("use_rslora", "yes"), ("rank_pattern", [2]), ("alpha_pattern", 3),
            ("rank_pattern", ["(a+)+$": 2]), ("rank_pattern", ["q_proj": 0]),
            ("alpha_pattern", ["q_proj": "much"]), ("arrow_config", ["top_k": 3]),
        ]
        + ([0, -1, .integer(.max), 1e300, 0.5, "2", true, [2], nil] as [JSONValue]).map {
            ("r", $0)
        }
        + (["4", 1e300, true, [4], ["a": 1]] as [JSONValue]).map { ("lora_alpha", $0) }

    @Test(arguments: fields)
    func `a field of adapter_config that does not do is named`(
        key: String, value: JSONValue
    ) throws {
        var raw = Self.peft()
        raw.config[key] = value
        try expectOneLineError(mentions: key) { try Self.open(raw) }
    }

    private static let damages: [Damage] = [
        Damage("no tensors", mentions: "without any matrices") { $0.tensors = [] },
        Damage("A of other columns", mentions: "q_proj.lora_A") {
            $0.edit(0, "shape", [4, 4])
        },
        Damage("B of other rows", mentions: "q_proj.lora_B") {
            $0.edit(1, "shape", [4, 4])
        },
        Damage("ranks that disagree", mentions: "q_proj.lora_B") {
            $0.edit(1, "shape", [16, 1])
        },
        Damage("another rank than the configuration's", mentions: "its rank is 2") {
            $0.config["r"] = 3
        },
        Damage("another rank than a pattern's", mentions: "q_proj.lora_A") {
            $0.config["rank_pattern"] = ["q_proj": 4]
        },
        Damage("no B", mentions: "q_proj.lora_B.weight: missing") {
            $0 = without(1, of: $0)
        },
        Damage("no A", mentions: "q_proj.lora_A.weight: missing") {
            $0 = without(0, of: $0)
        },
        Damage("an unknown module", mentions: "z_proj") {
            $0.tensors[0].name = attention + "z_proj.lora_A.weight"
            $0.tensors[1].name = attention + "z_proj.lora_B.weight"
        },
        Damage("a layer that is not there", mentions: "layers.1.") {
            $0.tensors[0].name = $0.tensors[0].name.replacing("layers.0", with: "layers.1")
            $0.tensors[1].name = $0.tensors[1].name.replacing("layers.0", with: "layers.1")
        },
        Damage("an expert that is not there", mentions: "experts.2.") {
            $0.tensors[2].name = $0.tensors[2].name.replacing("experts.1", with: "experts.2")
            $0.tensors[3].name = $0.tensors[3].name.replacing("experts.1", with: "experts.2")
        },
        Damage("a norm", mentions: "attention norm") {
            $0.tensors[0].name = "base_model.model.model.layers.0.input_layernorm.lora_A.weight"
            $0.tensors[1].name = "base_model.model.model.layers.0.input_layernorm.lora_B.weight"
        },
        Damage("the embedding", mentions: "token embedding") {
            $0.tensors[0].name = "base_model.model.model.embed_tokens.lora_embedding_A"
        },
        Damage("a matrix of the model", mentions: "replace") {
            $0.add("base_model.model.lm_head.weight", [6, 8])
        },
        Damage("DoRA's magnitudes", mentions: "DoRA") {
            $0.add(attention + "q_proj.lora_magnitude_vector", [8])
        },
        Damage("a bias of B", mentions: "lora_B.bias") {
            $0.add(attention + "q_proj.lora_B.bias", [8])
        },
        Damage("an unknown part", mentions: "lora_C") {
            $0.add(attention + "q_proj.lora_C.weight", [8])
        },
        Damage("one module twice", mentions: "twice") {
            $0.add(
                String(attention.dropFirst("base_model.model.".count)) + "q_proj.lora_A.weight",
                [2, 8])
        },
        Damage("a number that is none", mentions: "q_proj.lora_A.weight: element 0") {
            $0.tensors[0].bytes = Array(
                [[UInt8]](repeating: Float.nan.bitPattern.bytes, count: 16).joined())
        },
        Damage("elements of another type", mentions: "F64") {
            $0.add(attention + "k_proj.lora_A.weight", "F64", [2, 8], byteCount: 128)
        },
        Damage("a file that is cut short", mentions: "truncated") { $0.missingByteCount = 10 },
        Damage("parameters of other shapes", mentions: "no parameter") {
            let experts = "base_model.model.model.layers.0.mlp.experts."
            $0.add(experts + "lora_A.weight", [4, 8])
            $0.add(experts + "lora_B.weight", [7, 4])
        },
        Damage("an expert's matrix twice", mentions: "the same matrix") {
            let experts = "base_model.model.model.layers.0.mlp.experts."
            $0.add(experts + "lora_A.weight", [4, 8])
            $0.add(experts + "lora_B.weight", [16, 4])
        },
    ]

    private static func without(_ index: Int, of raw: RawDirectory) -> RawDirectory {
        var result = RawDirectory(config: raw.config)
        for (place, tensor) in raw.tensors.enumerated() where place != index {
            result.add(tensor.name, tensor.entry["shape"]?.arrayValue?.compactMap(\.intValue) ?? [])
        }
        return result
    }

    @Test(arguments: damages)
    func `a tensor that does not do is named`(damage: Damage) throws {
        var raw = Self.peft()
        damage.inflict(&raw)
        try expectOneLineError(mentions: damage.mentions) { try Self.open(raw) }
    }

    @Test func `patterns say rank and factor of the modules that they match`() throws {
        var raw = Self.peft()
        raw.config["rank_pattern"] = [#"^model\.layers\..*\.w1$"#: 2, "q_proj": 2]
        raw.config["r"] = 7
        raw.config["alpha_pattern"] = ["layers.0.self_attn.q_proj": 8]

        let adapter = try Self.open(raw)

        // B is 0.5 everywhere: times 8/2, and times 4/2.
        #expect(first(adapter.matrix(.query, layer: 0)?.b) == 2)
        #expect(first(adapter.matrix(.gate, layer: 0, expert: 1)?.b) == 1)
    }

    @Test func `the root of the rank divides where the configuration says so`() throws {
        var raw = Self.peft()
        raw.config["use_rslora"] = true

        let adapter = try Self.open(raw)

        #expect(first(adapter.matrix(.query, layer: 0)?.b) == 0.5 * Float(4 / 2.0.squareRoot()))
    }

    private func first(_ matrix: WeightMatrix?) -> Float? {
        matrix.map { matrix in
            let bytes = matrix.storage.bytes
            return unsafe bytes.unsafeLoadUnaligned(
                fromByteOffset: matrix.byteOffset, as: Float.self)
        }
    }

    // MARK: Folders

    @Test func `a folder is read, and one that lacks a file says which`() throws {
        let raw = Self.peft()
        let folder = try TemporaryFolder()
        let base = try Self.base()
        func open() throws { _ = try AdapterFile.open(path: folder.path, for: base) }

        try expectOneLineError(mentions: "adapter_config.json") { try open() }
        try folder.write(JSONValue.object(raw.config).serializedBytes(), to: "adapter_config.json")
        try folder.write([1], to: "adapter_model.bin")
        try expectOneLineError(mentions: "PyTorch") { try open() }
        let file = try folder.write(raw.safetensors(), to: "adapter_model.safetensors")
        try open()
        try expectOneLineError(mentions: "give the folder instead") {
            _ = try AdapterFile.open(path: file, for: base)
        }
        try folder.write(Array("{".utf8), to: "adapter_config.json")
        try expectOneLineError(mentions: "JSON") { try open() }
    }

    // MARK: GGUF

    /// A sound adapter of rank 2 of the projections of queries and of all experts.
    private static func gguf() -> RawGGUF {
        var raw = RawGGUF()
        raw.set("general.architecture", .string("llama"))
        raw.set("general.type", .string("adapter"))
        raw.set("adapter.type", .string("lora"))
        raw.set("adapter.lora.alpha", .float32(4))
        raw.addTensor("blk.0.attn_q.weight.lora_a", [8, 2])
        raw.addTensor("blk.0.attn_q.weight.lora_b", [2, 8])
        raw.addTensor("blk.0.ffn_up_exps.weight.lora_a", [8, 2, 2])
        raw.addTensor("blk.0.ffn_up_exps.weight.lora_b", [2, 8, 2])
        return raw
    }

    @discardableResult
    private static func open(_ raw: RawGGUF) throws -> Adapter {
        try AdapterFile.open(
            gguf: GGUFFile(mapping: AnonymousMemory(bytes: raw.bytes())), for: base())
    }

    @Test func `an adapter in a GGUF file is read`() throws {
        let adapter = try Self.open(Self.gguf())

        #expect(adapter.matrixCount == 3)
        #expect(adapter.matrix(.up, layer: 0, expert: 1)?.rank == 2)
        #expect(first(adapter.matrix(.query, layer: 0)?.b) == 1)
    }

    @Test func `without alpha the matrices are taken as they are`() throws {
        var raw = Self.gguf()
        raw.remove("adapter.lora.alpha")

        let adapter = try Self.open(raw)

        #expect(first(adapter.matrix(.query, layer: 0)?.b) == 0.5)
    }

    struct GGUFDamage: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var mentions: String
        var inflict: @Sendable (inout RawGGUF) -> Void

        init(
            _ name: String, mentions: String, _ inflict: @escaping @Sendable (inout RawGGUF) -> Void
        ) {
            testDescription = name
            self.mentions = mentions
            self.inflict = inflict
        }
    }

    private static let ggufDamages: [GGUFDamage] = [
        GGUFDamage("a model", mentions: "general.type") { $0 = .model() },
        GGUFDamage("another kind of file", mentions: "general.type") {
            $0.set("general.type", .string("vocab"))
        },
        GGUFDamage("another kind of adapter", mentions: "adapter.type") {
            $0.set("adapter.type", .string("lokr"))
        },
        GGUFDamage("no kind of adapter", mentions: "adapter.type") { $0.remove("adapter.type") },
        GGUFDamage("a token that begins it", mentions: "invocation_tokens") {
            $0.set("adapter.alora.invocation_tokens", .int32s([3]))
        },
        GGUFDamage("another family", mentions: "general.architecture") {
            $0.set("general.architecture", .string("qwen2"))
        },
        GGUFDamage("a factor that is none", mentions: "adapter.lora.alpha") {
            $0.set("adapter.lora.alpha", .float32(.nan))
        },
        GGUFDamage("no B", mentions: "blk.0.attn_q.weight.lora_b") {
            $0.removeTensor("blk.0.attn_q.weight.lora_b")
        },
        GGUFDamage("no A", mentions: "blk.0.attn_q.weight.lora_a") {
            $0.removeTensor("blk.0.attn_q.weight.lora_a")
        },
        GGUFDamage("another tensor", mentions: "blk.0.attn_q.weight.lora_c") {
            $0.addTensor("blk.0.attn_q.weight.lora_c", [8])
        },
        GGUFDamage("an unknown tensor", mentions: "blk.3.attn_q.weight") {
            $0.addTensor("blk.3.attn_q.weight.lora_a", [8, 2])
            $0.addTensor("blk.3.attn_q.weight.lora_b", [2, 8])
        },
        GGUFDamage("the embedding", mentions: "token embedding") {
            $0.addTensor("token_embd.weight.lora_a", [8, 2])
            $0.addTensor("token_embd.weight.lora_b", [2, 6])
        },
        GGUFDamage("fewer experts", mentions: "ffn_up_exps.weight.lora_b") {
            $0.edit("blk.0.ffn_up_exps.weight.lora_b") { $0.dimensions = [2, 16] }
        },
        GGUFDamage("a rank for each half", mentions: "attn_q.weight.lora_b") {
            $0.edit("blk.0.attn_q.weight.lora_b") { $0.dimensions = [1, 16] }
        },
        GGUFDamage("a number that is none", mentions: "element 3") {
            $0.edit("blk.0.attn_q.weight.lora_a") {
                $0.bytes.replaceSubrange(12..<16, with: Float.infinity.bitPattern.bytes)
            }
        },
        GGUFDamage("a size beyond all files", mentions: "") {
            $0.edit("blk.0.attn_q.weight.lora_a") { $0.dimensions = [8, 1 << 60] }
        },
    ]

    @Test(arguments: ggufDamages)
    func `what does not do in a GGUF file is named`(damage: GGUFDamage) throws {
        var raw = Self.gguf()
        damage.inflict(&raw)
        try expectOneLineError(mentions: damage.mentions) { try Self.open(raw) }
    }

    @Test(arguments: 0..<4)
    func `random damage never traps`(seed: Int) throws {
        let raw = Self.peft()
        let sound = (JSONValue.object(raw.config).serializedBytes(), raw.safetensors())
        let gguf = Self.gguf().bytes()
        let base = try Self.base()
        var random = SplitMix64(seed: UInt64(seed))
        func damaged(_ bytes: [UInt8]) -> [UInt8] {
            var bytes = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<min(bytes.count, 1500), using: &random)] =
                    Array("0123456789-.eE\"[]{},:\u{0}aF".utf8).randomElement(using: &random) ?? 0
            }
            return bytes
        }
        for round in 0..<300 {
            do throws(ModelFileError) {
                switch round % 3 {
                case 0:
                    _ = try AdapterFile.open(
                        gguf: GGUFFile(mapping: AnonymousMemory(bytes: damaged(gguf))), for: base)
                case 1:
                    _ = try AdapterFile.open(
                        peft: damaged(sound.0),
                        tensors: SafetensorsFile(mapping: AnonymousMemory(bytes: sound.1)),
                        for: base)
                default:
                    _ = try AdapterFile.open(
                        peft: sound.0,
                        tensors: SafetensorsFile(
                            mapping: AnonymousMemory(bytes: damaged(sound.1))), for: base)
                }
            } catch {
                #expect(isOneLine(error))
            }
        }
    }
}
