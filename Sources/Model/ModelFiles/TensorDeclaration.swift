// SPDX-License-Identifier: Apache-2.0

/// One tensor of an architecture, said once: loading, shape checks, packing, quantising, the memory
/// plan and the cost of a token all follow from it.
package struct TensorDeclaration: Sendable {
    /// Along what a matrix is cut for memory nodes or machines that share the work.
    package enum SplitAxis: Sendable {
        /// Each has some of the outputs.
        case rows
        /// Each has some of the inputs, and their results are added up.
        case columns
        /// Each has some of the experts.
        case experts
    }

    /// What it does.
    package let role: TensorRole
    /// Its sizes, the contiguous one last: `[.H * .Dh, .D]` for a matrix, `[.D]` for a vector.
    package let shape: [Extent]
    /// How many of it a layer has, one for each expert or head; nil: one.
    package let copies: Extent?
    /// Whether every token passes all copies, such as those of heads, and not some, as of experts.
    package let everyCopy: Bool
    /// Its names in GGUF files; the first that is there counts, and the first is written.
    package private(set) var gguf: [TensorName]
    /// Its names in Hugging Face's files.
    package private(set) var huggingFace: [TensorName]
    /// Its names in Mistral's own files, of which packed files have the first.
    package let mistral: [TensorName]
    /// The tensor that this one comes together with.
    ///
    /// If that one is in the file under its second name, this one is expected under its second name
    /// too. Nil: the first of its names that is found counts.
    package let follows: TensorRole?
    /// Whether quantising a model makes it smaller; else it stays F32.
    package let isQuantised: Bool
    /// How it is cut; nil: everyone has all of it.
    package let split: SplitAxis?
    /// Whether its rows are heads whose components rotate in pairs.
    package let rotates: Bool
    /// Whether every token needs it, even one of the last layer whose logits nobody wants.
    package let fillsCache: Bool
    /// Whether an adapter may add to what it gives: the block that it is of asks each step for that.
    package let isAdaptable: Bool
    /// Whether ids look up its rows and no product reads it, so that it stays in its file.
    package let isLookedUp: Bool
    /// Whether it is plain numbers, such as a norm or a bias, and no matrix of a product.
    package let isVector: Bool

    /// Declares a tensor.
    ///
    /// `isVector` says that a shape of two sizes is no matrix, but as many vectors.
    package init(
        _ role: TensorRole, _ shape: [Extent], copies: Extent? = nil, gguf: [TensorName],
        huggingFace: [TensorName], mistral: [TensorName] = [], follows: TensorRole? = nil,
        isQuantised: Bool = true, split: SplitAxis? = nil, rotates: Bool = false,
        fillsCache: Bool = false, isAdaptable: Bool = false, isVector: Bool = false,
        everyCopy: Bool = false, isLookedUp: Bool = false
    ) {
        precondition((1...2).contains(shape.count), "\(role) has \(shape.count) dimensions")
        self.role = role
        self.shape = shape
        self.copies = copies
        self.gguf = gguf
        self.huggingFace = huggingFace
        self.mistral = mistral
        self.follows = follows
        self.isVector = isVector || shape.count == 1
        self.isQuantised = isQuantised && !self.isVector
        self.split = split
        self.rotates = rotates
        self.fillsCache = fillsCache
        self.everyCopy = everyCopy
        self.isLookedUp = isLookedUp
        self.isAdaptable = isAdaptable && !self.isVector
    }

    /// The same tensor with other names in Hugging Face's files.
    package func named(huggingFace names: [TensorName]) -> TensorDeclaration {
        var copy = self
        copy.huggingFace = names
        return copy
    }

    /// The same tensor with other names in GGUF files.
    package func named(gguf names: [TensorName]) -> TensorDeclaration {
        var copy = self
        copy.gguf = names
        return copy
    }

    /// The same vector, of which Hugging Face's files have what is to be added to one.
    package var aroundZero: TensorDeclaration { named(huggingFace: huggingFace.map(\.lessOne)) }

    /// Its sizes in a model.
    package func sizes(in configuration: ModelConfiguration) -> [Int] {
        shape.map { $0(configuration) }
    }

    /// How many a layer of a model has.
    package func count(in configuration: ModelConfiguration) -> Int {
        copies.map { $0(configuration) } ?? 1
    }

    /// What files call it; where none of the names is there, the first is missing.
    func names(_ naming: TensorNaming) -> [TensorName] {
        switch naming {
        case .gguf: gguf
        case .huggingFace: huggingFace
        case .mistral: mistral
        case .packed: Array((mistral.isEmpty ? gguf : mistral).prefix(1))
        }
    }

    /// The name under which it is written.
    package func writtenName(
        _ naming: TensorNaming, layer: Int? = nil, expert: Int? = nil
    ) -> String {
        names(naming).first?.name(layer: layer, expert: expert) ?? role.description
    }

    /// Whether files are written with the matrices of all copies in one tensor.
    package func isStacked(_ naming: TensorNaming) -> Bool {
        names(naming).first?.isStacked ?? false
    }
}
