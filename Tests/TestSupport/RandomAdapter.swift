// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
package import ModelFiles

/// LoRA adapters of random numbers, for models of any family.
package enum RandomAdapter {
    /// An adapter in a GGUF file, to be taken to pieces.
    ///
    /// - Parameters:
    ///   - configuration: of the model that it is for.
    ///   - rank: of its matrices.
    ///   - alpha: what is divided by the rank.
    ///   - seed: another one gives other numbers.
    ///   - roles: what it adds to; nil: everything that adapters may add to.
    /// - Returns: the pieces.
    package static func gguf(
        for configuration: ModelConfiguration, rank: Int = 3, alpha: Float = 6, seed: UInt64,
        roles: Set<TensorRole>? = nil
    ) -> RawGGUF {
        let schema = Architecture.of(configuration).schema
        var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
        func random(_ count: Int, scale: Float) -> [UInt8] {
            (0..<count).flatMap { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let number = (Float(state >> 40) / Float(1 << 24) - 0.5) * 2 * scale
                return number.bitPattern.bytes
            }
        }
        var raw = RawGGUF()
        raw.set("general.architecture", .string(schema.gguf?.written ?? ""))
        raw.set("general.type", .string("adapter"))
        raw.set("adapter.type", .string("lora"))
        raw.set("adapter.lora.alpha", .float32(alpha))
        for (declaration, layer, numbers) in schema.tensors(of: configuration)
        where declaration.isAdaptable && roles?.contains(declaration.role) ?? true {
            let sizes = declaration.sizes(in: numbers)
            let count = declaration.count(in: numbers)
            let name = declaration.writtenName(.gguf, layer: layer)
            let outer = declaration.copies == nil ? [] : [UInt64(count)]
            let scale = 1 / Float(sizes[1]).squareRoot()
            for (half, inner) in [("a", [sizes[1], rank]), ("b", [rank, sizes[0]])] {
                raw.tensors.append(
                    .init(
                        name: Array("\(name).lora_\(half)".utf8),
                        dimensions: inner.map { UInt64($0) } + outer,
                        bytes: random(
                            count * inner[0] * inner[1], scale: half == "a" ? scale : 0.4)))
            }
        }
        return raw
    }

    /// The same in memory.
    package static func make(
        for configuration: ModelConfiguration, rank: Int = 3, alpha: Float = 6, seed: UInt64,
        roles: Set<TensorRole>? = nil
    ) throws -> Adapter {
        let raw = gguf(for: configuration, rank: rank, alpha: alpha, seed: seed, roles: roles)
        return try AdapterFile.open(
            gguf: GGUFFile(mapping: AnonymousMemory(bytes: raw.bytes())),
            for: AdapterBase(Architecture.of(configuration).schema, configuration))
    }
}
