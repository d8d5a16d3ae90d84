// SPDX-License-Identifier: Apache-2.0

/// Reads what GGUF files say of heads that layers with a window have apart from the others, and of
/// layers that borrow keys and values.
struct GGUFWindowHeads {
    /// The keys that are read.
    static let keys: Set<String> = [
        "attention.key_length_swa", "attention.value_length_swa", "rope.dimension_count_swa",
        "attention.shared_kv_layers",
    ]

    private let fields: ConfigurationFields
    /// K and F of each layer, of which a file has one or an array.
    private let kvHeadCounts: [Int]
    private let intermediateSizes: [Int]

    /// K and F of the last layer, which has no window.
    var last: (kvHeadCount: Int, intermediateSize: Int) {
        (kvHeadCounts.last ?? 1, intermediateSizes.last ?? 1)
    }

    /// Reads what there is for each layer.
    ///
    /// - Parameters:
    ///   - fields: the file's keys.
    ///   - metadata: the same.
    ///   - layerCount: of the model.
    ///   - headCount: H.
    /// - Throws: an error that names the key.
    init(
        _ fields: ConfigurationFields, _ metadata: GGUFMetadata, layerCount: Int, headCount: Int
    ) throws(ModelFileError) {
        self.fields = fields
        func counts(
            _ key: String, in range: ClosedRange<Int>, _ fallback: Int?
        ) throws(ModelFileError) -> [Int] {
            guard case .array(let values) = metadata[fields.prefix + key] else {
                let value = try fields.integer(key, in: range, default: fallback)
                return Array(repeating: value, count: layerCount)
            }
            guard values.count == layerCount, let numbers = values.int32s,
                numbers.allSatisfy({ range.contains(Int($0)) })
            else {
                throw fields.fail(
                    key,
                    "expected an integer from \(range.lowerBound) to \(range.upperBound) for each of "
                        + "\(layerCount) layers")
            }
            return numbers.map { Int($0) }
        }
        kvHeadCounts = try counts(
            "attention.head_count_kv", in: ConfigurationBounds.headCount, headCount)
        intermediateSizes = try counts(
            "feed_forward_length", in: ConfigurationBounds.intermediateSize, nil)
    }

    /// Changes numbers that were read as if all layers were alike.
    ///
    /// - Parameters:
    ///   - c: has the heads of layers without a window, and which layers those are.
    ///   - keysAreValues: the number that is 1 where layers without a window have no matrix of values.
    ///   - hasValues: whether the file has such a matrix for a layer.
    /// - Throws: an error that names the key.
    func read(
        into c: inout ModelConfiguration, keysAreValues: FamilyNumber?,
        hasValues: (_ layer: Int) -> Bool
    ) throws(ModelFileError) {
        guard c.window(layer: c.layerCount - 1) == nil else {
            throw fields.fail("attention.sliding_window_pattern", "the last layer has a window")
        }
        let borrowing = "attention.shared_kv_layers"
        c.borrowingLayerCount = try fields.integer(
            borrowing, in: 0...c.layerCount - 1, default: 0)
        if let layer = (0..<c.layerCount).first(where: { c.lender(toLayer: $0) == nil }) {
            throw fields.fail(
                borrowing,
                "\(c.borrowingLayerCount), but no layer before them sees as much as layer \(layer)")
        }
        c.kvHeadCount = try only(
            kvHeadCounts, of: (0..<c.layerCount).filter { c.window(layer: $0) == nil },
            "attention.head_count_kv", "without a window")
        if c.slidingWindow != nil {
            let windowed = (0..<c.layerCount).filter { c.window(layer: $0) != nil }
            let dimension = try fields.integer(
                "attention.key_length_swa", in: ConfigurationBounds.headDimension,
                default: c.headDimension)
            for key in ["attention.value_length_swa", "rope.dimension_count_swa"] {
                let value = try fields.integer(
                    key, in: ConfigurationBounds.headDimension, default: dimension)
                guard value == dimension else {
                    throw fields.fail(
                        key, "\(value) differs from attention.key_length_swa, \(dimension)")
                }
            }
            c.windowHeads = WindowHeads(
                kvHeadCount: try only(
                    kvHeadCounts, of: windowed, "attention.head_count_kv", "with a window"),
                headDimension: dimension, ropeDimensionCount: dimension)
            if c.windowRope == nil {
                c.windowRope = WindowRope(theta: c.ropeTheta, scaling: c.ropeScaling)
            }
        }
        let lenders = Array(0...c.lastKeepingLayer)
        c.intermediateSize = try only(
            intermediateSizes, of: lenders, "feed_forward_length", "with keys and values")
        if c.borrowingLayerCount > 0 {
            let size = try only(
                intermediateSizes, of: Array(lenders.count..<c.layerCount), "feed_forward_length",
                "that borrow keys and values")
            c.borrowingIntermediateSize = size == c.intermediateSize ? nil : size
        }
        if let keysAreValues,
            lenders.contains(where: { c.window(layer: $0) == nil && !hasValues($0) })
        {
            c.numbers[keysAreValues] = 1
        }
    }

    /// What some layers agree in.
    private func only(
        _ values: [Int], of layers: [Int], _ key: String, _ kind: String
    ) throws(ModelFileError) -> Int {
        let found = Set(layers.map { values[$0] })
        guard let value = found.first, found.count == 1 else {
            let some = found.sorted().prefix(4).map(String.init).joined(separator: ", ")
            throw fields.fail(key, "layers \(kind) differ: \(some)")
        }
        return value
    }
}
