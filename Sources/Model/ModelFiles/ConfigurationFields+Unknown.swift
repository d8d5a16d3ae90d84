// SPDX-License-Identifier: Apache-2.0

extension ConfigurationFields {
    /// Refuses what would change the model's arithmetic and is not understood.
    ///
    /// Files have many keys that say nothing about arithmetic, such as who wrote them, so a key that
    /// is not known is refused by its name only: where it speaks of scales, norms, experts and the
    /// like, and has a value other than none, false or the identity.
    ///
    /// - Parameters:
    ///   - keys: all keys that there are.
    ///   - understood: those that are read elsewhere.
    ///   - neutral: those that are known, with the values at which they change nothing.
    ///   - isStrict: whether all keys speak of arithmetic, whatever their names.
    /// - Throws: an error that names the first such key.
    func refuseUnknown(
        _ keys: [String], understood: Set<String>, neutral: [String: [Value]],
        isStrict: Bool = false
    ) throws(ModelFileError) {
        for key in keys.sorted() where !understood.contains(key) {
            guard let value = value(of: key) else { continue }
            if let accepted = neutral[key] {
                guard !accepted.contains(where: { $0.equals(value) }) else { continue }
                let others = accepted.map(\.found).joined(separator: " or ")
                throw fail(
                    key,
                    "\(value.found) is not supported" + (others.isEmpty ? "" : " (\(others) is)"))
            }
            guard isStrict || Self.speaksOfArithmetic(key), !value.isNeutral(of: key) else {
                continue
            }
            throw fail(
                key,
                "\(value.found): this key is not known, and by its name it would change what the "
                    + "model computes; remove it if it does not")
        }
    }

    private static func words(_ key: String) -> [String] {
        key.lowercased().split { $0 == "_" || $0 == "." || $0 == "-" }.map(String.init)
    }

    /// Words of training, logging and running, which no answer depends on.
    private static let informative: Set<String> = [
        "loss", "dropout", "pdrop", "drop", "jitter", "noise", "init", "initializer", "dtype",
        "implementation", "implementations", "flash", "flashattention", "kernel",
        "kernels", "finetuned", "checkpointing", "backend", "epsilon", "eps", "training",
    ]
    /// Words of arithmetic, or their beginnings.
    private static let arithmetic = [
        "scal", "multiplier", "rope", "rotary", "rot", "window", "activation", "gate", "gating",
        "gated", "expert", "residual", "alibi", "softmax", "logit", "attention", "attn", "router",
        "routed", "routing", "moe", "quant", "compress", "clamp", "clip", "swiglu", "lora", "mlp",
        "ffn", "sparse", "dense", "shared", "topk", "group", "sink", "mup", "temperature", "yarn",
        "mscale", "ntk", "glu", "causal",
    ]

    private static func speaksOfArithmetic(_ key: String) -> Bool {
        // What begins with an underscore is a program's own note.
        guard !key.hasPrefix("_") else { return false }
        let words = words(key)
        guard words.first != "output", !words.contains(where: informative.contains) else {
            return false
        }
        return words.contains { word in
            word == "act" || word == "mult" || word.contains("norm") || word.contains("softcap")
                || word.contains("bias") || arithmetic.contains { word.hasPrefix($0) }
        }
    }
}

extension ConfigurationFields.Value {
    fileprivate var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// Whether two values are the same, whichever way a number is written.
    fileprivate func equals(_ other: Self) -> Bool {
        switch (self, other) {
        case (.string(let text), .string(let otherText)): text == otherText
        case (.bool(let flag), .bool(let otherFlag)): flag == otherFlag
        case (.other(let what), .other(let otherWhat)): what == otherWhat
        default:
            // Files round numbers to single precision.
            if let number, let otherNumber = other.number {
                abs(number - otherNumber) <= 1e-6 * abs(number)
            } else {
                false
            }
        }
    }

    /// Whether a key that is not known changes nothing by this value: false, nothing, or one where
    /// it is a factor.
    fileprivate func isNeutral(of key: String) -> Bool {
        switch self {
        case .bool(let flag): return !flag
        case .string(let text):
            return ["", "none", "null", "default", "silu", "swish", "rmsnorm", "rms_norm"]
                .contains(text.lowercased())
        case .other(let what): return what == Self.emptyArray || what == Self.emptyObject
        case .integer, .number:
            let isFactor = ["scal", "multiplier", "factor", "ratio", "pct", "percent"]
                .contains { key.lowercased().contains($0) }
            return number == (isFactor ? 1 : 0)
        }
    }
}
