// SPDX-License-Identifier: Apache-2.0

import Computation

/// A size in the shape of a tensor or buffer, in the letters of `ModelConfiguration`: `.H * .Dh`.
package struct Extent: Sendable, CustomStringConvertible {
    /// The letters.
    package let description: String
    private let count: @Sendable (ModelConfiguration) -> Int

    /// A size that follows from a model's numbers.
    ///
    /// - Parameters:
    ///   - description: the letters.
    ///   - count: what it comes to in a model.
    package init(_ description: String, _ count: @escaping @Sendable (ModelConfiguration) -> Int) {
        self.description = description
        self.count = count
    }

    /// What it comes to in a model.
    package func callAsFunction(_ configuration: ModelConfiguration) -> Int {
        count(configuration)
    }

    /// The sum of two sizes.
    package static func + (left: Extent, right: Extent) -> Extent {
        Extent("(\(left) + \(right))") { left($0) + right($0) }
    }

    /// The product of two sizes.
    package static func * (left: Extent, right: Extent) -> Extent {
        Extent("\(left)·\(right)") { left($0) * right($0) }
    }
}

// The letters are those of the table in `ModelConfiguration`.
// swift-format-ignore: AlwaysUseLowerCamelCase
extension Extent {
    /// Width of the residual stream.
    package static let D = Extent("D") { $0.hiddenSize }
    /// Query heads.
    package static let H = Extent("H") { $0.headCount }
    /// Key/value heads.
    package static let K = Extent("K") { $0.kvHeadCount }
    /// Width of one head.
    package static let Dh = Extent("Dh") { $0.headDimension }
    /// Width of a dense feed-forward network.
    package static let F = Extent("F") { $0.intermediateSize }
    /// Width of one expert.
    package static let Fe = Extent("Fe") { $0.expertSize }
    /// Width of the network that every token passes beside its experts.
    package static let Fs = Extent("Fs") { $0.mixture.sharedSize }
    /// Experts of a layer; 1 in a dense model.
    package static let E = Extent("E") { $0.expertCount ?? 1 }
    /// Vocabulary.
    package static let V = Extent("V") { $0.vocabularySize }
    /// Components of a head that do not rotate.
    package static let Dn = Extent("Dn") { $0.headDimension - $0.ropeDimensionCount }
    /// Width of a head's value.
    package static let Dv = Extent("Dv") { $0.valueDimension }
    /// Width of the latent that keys and values are made of; 0 where attention has none.
    package static let L = Extent("L") { $0.latent?.rank ?? 0 }
    /// Width of the latent that queries are made of; 0 where they are made of the residual stream.
    package static let Lq = Extent("Lq") { $0.latent?.queryRank ?? 0 }
    /// Key heads of a delta net.
    package static let G = Extent("G") { $0.deltaNet?.keyHeadCount ?? 1 }
    /// Value heads of a delta net.
    package static let Hv = Extent("Hv") { $0.deltaNet?.valueHeadCount ?? 1 }
    /// Value heads that share a key head.
    package static let Hg = Extent("Hv/G") {
        $0.deltaNet.map { $0.valueHeadCount / $0.keyHeadCount } ?? 1
    }
    /// Width of a delta net's keys.
    package static let Dk = Extent("Dk") { $0.deltaNet?.keyWidth ?? 1 }
    /// Width of a delta net's values.
    package static let Ds = Extent("Ds") { $0.deltaNet?.valueWidth ?? 1 }
    /// Numbers that a delta net's convolution passes.
    package static let C = Extent("C") { $0.deltaNet?.channelCount ?? 1 }
    /// Tokens that a delta net's convolution sees.
    package static let W = Extent("W") { $0.deltaNet?.tapCount ?? 1 }
    /// One: a single number.
    package static let one = Extent("1") { _ in 1 }
    /// Two: what is two things side by side.
    package static let two = Extent("2") { _ in 2 }
    /// Components of a head that rotate.
    package static let R = Extent("R") { $0.ropeDimensionCount }
}
