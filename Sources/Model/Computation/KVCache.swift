// SPDX-License-Identifier: Apache-2.0

import CKernels
import Glibc

/// How keys and values are stored; attention computes in f32 with whatever is stored.
package enum KVElementType: String, Sendable, Hashable, CaseIterable {
    /// Single precision: nothing is lost.
    case f32
    /// Half precision: half the memory, 11 bits of each number.
    case f16
    /// bfloat16: half the memory, 8 bits of each number, the range of single precision.
    case bf16
    /// int8 and scales, one for each 32 numbers of a key and one for each value: little more than
    /// half of `f16`.
    case q8

    /// Bytes of the key of one position and head.
    func keyByteCount(width: Int) -> Int {
        let group = Int(CK_ATTENTION_KEY_GROUP)
        return byteCount(width: width, scaleCount: (width + group - 1) / group)
    }

    /// Bytes of the value of one position and head.
    func valueByteCount(width: Int) -> Int { byteCount(width: width, scaleCount: 1) }

    private func byteCount(width: Int, scaleCount: Int) -> Int {
        switch self {
        case .f32: 4 * width
        case .f16, .bf16: 2 * width
        case .q8: width + 4 * scaleCount
        }
    }

    var kernelType: ck_kv_type {
        switch self {
        case .f32: CK_KV_F32
        case .f16: CK_KV_F16
        case .bf16: CK_KV_BF16
        case .q8: CK_KV_Q8
        }
    }
}

/// The sizes of what one layer keeps of each position.
package struct KVLayerShape: Sendable, Hashable {
    /// K.
    package var kvHeadCount: Int
    /// Dh.
    package var headDimension: Int
    /// Values are the first so many components of their keys, and not stored again; nil: they are as
    /// wide as keys and stored beside them.
    package var valuesInKeys: Int?

    /// Creates a shape.
    ///
    /// - Precondition: all sizes are positive, and `valuesInKeys` is at most `headDimension`.
    package init(kvHeadCount: Int, headDimension: Int, valuesInKeys: Int? = nil) {
        precondition(
            kvHeadCount > 0 && headDimension > 0
                && (1...headDimension).contains(valuesInKeys ?? headDimension),
            "a layer of a KV cache needs positive sizes")
        self.kvHeadCount = kvHeadCount
        self.headDimension = headDimension
        self.valuesInKeys = valuesInKeys
    }

    /// The width of a value.
    package var valueDimension: Int { valuesInKeys ?? headDimension }

    /// The same, rounded up to whole vectors of 16.
    var valueStride: Int { (valueDimension + 15) / 16 * 16 }

    /// Bytes of the keys of one position.
    func keyByteCount(of type: KVElementType) -> Int {
        kvHeadCount * type.keyByteCount(width: headDimension)
    }

    /// Bytes of the values of one position; 0 where they are parts of the keys.
    func valueByteCount(of type: KVElementType) -> Int {
        valuesInKeys == nil ? kvHeadCount * type.valueByteCount(width: valueStride) : 0
    }
}

/// The sizes of a paged key/value cache.
package struct KVCacheShape: Sendable, Equatable {
    /// What each layer keeps.
    package var layers: [KVLayerShape]
    /// Blocks per layer.
    package var blockCount: Int
    /// S, a multiple of 16.
    package var positionsPerBlock: Int
    /// How numbers are stored.
    package var elementType: KVElementType

    /// Creates a shape.
    ///
    /// - Precondition: there are layers, all sizes are positive, and `positionsPerBlock` is a
    ///   multiple of 16.
    package init(
        layers: [KVLayerShape], blockCount: Int, positionsPerBlock: Int,
        elementType: KVElementType = .f32
    ) {
        precondition(
            !layers.isEmpty && blockCount > 0 && positionsPerBlock > 0
                && positionsPerBlock % Int(CK_ATTENTION_CHUNK) == 0,
            "a KV cache needs positive sizes and blocks of a multiple of 16 positions")
        self.layers = layers
        self.blockCount = blockCount
        self.positionsPerBlock = positionsPerBlock
        self.elementType = elementType
    }

    /// The shape of a cache all layers of which keep the same.
    package init(
        layerCount: Int, kvHeadCount: Int, headDimension: Int, valuesInKeys: Int? = nil,
        blockCount: Int, positionsPerBlock: Int, elementType: KVElementType = .f32
    ) {
        let layer = KVLayerShape(
            kvHeadCount: kvHeadCount, headDimension: headDimension, valuesInKeys: valuesInKeys)
        self.init(
            layers: Array(repeating: layer, count: layerCount), blockCount: blockCount,
            positionsPerBlock: positionsPerBlock, elementType: elementType)
    }

    /// Layers that keep keys and values.
    package var layerCount: Int { layers.count }

    /// Bytes of a block's keys in a layer.
    func keyByteCount(layer: Int) -> Int {
        positionsPerBlock * layers[layer].keyByteCount(of: elementType)
    }

    /// Bytes of a block's values in a layer.
    func valueByteCount(layer: Int) -> Int {
        positionsPerBlock * layers[layer].valueByteCount(of: elementType)
    }

    /// Bytes that one block takes in all layers.
    package var blockByteCount: Int {
        layers.indices.reduce(0) { $0 + keyByteCount(layer: $1) + valueByteCount(layer: $1) }
    }

    /// Bytes of the whole cache.
    package var byteCount: Int { blockByteCount * blockCount }
}

/// Why a KV cache could not be made.
package enum KVCacheError: Error, Equatable, CustomStringConvertible {
    /// The system refused the memory.
    case outOfMemory(byteCount: Int)

    /// One line for people.
    package var description: String {
        switch self {
        case .outOfMemory(let byteCount):
            "no memory for a KV cache of \(byteCount) bytes; use a smaller context or fewer blocks"
        }
    }
}

/// The keys and values of all sequences, in blocks: storage only.
///
/// Which sequence owns which block is decided elsewhere; a block may serve several sequences.
/// The memory is reserved once, zeroed, and touched by the system as it is first used. For the
/// layout see ck_attention.h.
///
/// Used by one thread at a time (and by its thread pool on its behalf).
@safe package final class KVCache {
    /// The sizes.
    package let shape: KVCacheShape
    private let memory: UnsafeMutableRawPointer
    /// Where the keys of each layer begin, in bytes; its values follow them.
    private let starts: [Int]
    /// Bytes of a block's keys and values in each layer.
    private let keyParts: [Int]
    private let valueParts: [Int]

    /// Reserves the memory.
    package init(shape: KVCacheShape) throws(KVCacheError) {
        self.shape = shape
        keyParts = shape.layers.indices.map { shape.keyByteCount(layer: $0) }
        valueParts = shape.layers.indices.map { shape.valueByteCount(layer: $0) }
        var (starts, end) = ([Int](), 0)
        for (keys, values) in zip(keyParts, valueParts) {
            starts.append(end)
            end += shape.blockCount * (keys + values)
        }
        self.starts = starts
        let memory = unsafe mmap(
            nil, shape.byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
            throw .outOfMemory(byteCount: shape.byteCount)
        }
        unsafe self.memory = memory
        _ = unsafe madvise(memory, shape.byteCount, MADV_HUGEPAGE)
    }

    deinit {
        unsafe munmap(memory, shape.byteCount)
    }

    /// Copies what a block holds, in all layers.
    package func copyBlock(from source: Int, to destination: Int) {
        let blocks = 0..<shape.blockCount
        precondition(
            blocks.contains(source) && blocks.contains(destination),
            "blocks \(source) and \(destination) are not both in the cache")
        if source == destination { return }
        for layer in 0..<shape.layerCount {
            unsafe Self.copyBlock(
                from: source, to: destination, in: keys(layer: layer),
                byteCount: keyParts[layer])
            unsafe Self.copyBlock(
                from: source, to: destination, in: values(layer: layer),
                byteCount: valueParts[layer])
        }
    }

    /// Reads what a block holds: keys and values of the first layer, then of the second, and so on.
    ///
    /// - Parameters:
    ///   - block: the block.
    ///   - bytes: receives them; nothing is allocated if nobody else has it.
    ///   - offset: where in `bytes` they begin.
    /// - Precondition: there is room for `blockByteCount` bytes.
    package func read(_ block: Int, into bytes: inout [UInt8], at offset: Int) {
        precondition(block >= 0 && block < shape.blockCount, "block \(block) is not in the cache")
        precondition(
            offset >= 0 && bytes.count - offset >= shape.blockByteCount,
            "\(bytes.count - offset) bytes for a block")
        unsafe bytes.withUnsafeMutableBytes { bytes in
            guard var target = bytes.baseAddress else { return }
            unsafe target += offset
            for layer in 0..<shape.layerCount {
                let (keyPart, valuePart) = (keyParts[layer], valueParts[layer])
                unsafe target.copyMemory(from: keys(of: block, layer: layer), byteCount: keyPart)
                unsafe target += keyPart
                unsafe target.copyMemory(
                    from: values(of: block, layer: layer), byteCount: valuePart)
                unsafe target += valuePart
            }
        }
    }

    /// Makes a block hold what ``read(_:into:at:)`` once gave.
    ///
    /// - Parameters:
    ///   - block: the block.
    ///   - bytes: as many as a block has.
    package func write(_ block: Int, from bytes: ArraySlice<UInt8>) {
        precondition(block >= 0 && block < shape.blockCount, "block \(block) is not in the cache")
        precondition(bytes.count == shape.blockByteCount, "\(bytes.count) bytes for a block")
        unsafe bytes.withUnsafeBytes { bytes in
            guard var source = bytes.baseAddress else { return }
            for layer in 0..<shape.layerCount {
                let (keyPart, valuePart) = (keyParts[layer], valueParts[layer])
                unsafe keys(of: block, layer: layer).copyMemory(from: source, byteCount: keyPart)
                unsafe source += keyPart
                unsafe values(of: block, layer: layer).copyMemory(
                    from: source, byteCount: valuePart)
                unsafe source += valuePart
            }
        }
    }

    private func keys(of block: Int, layer: Int) -> UnsafeMutableRawPointer {
        unsafe keys(layer: layer) + block * keyParts[layer]
    }

    private func values(of block: Int, layer: Int) -> UnsafeMutableRawPointer {
        unsafe values(layer: layer) + block * valueParts[layer]
    }

    private static func copyBlock(
        from source: Int, to destination: Int, in blocks: UnsafeMutableRawPointer, byteCount: Int
    ) {
        unsafe (blocks + destination * byteCount).copyMemory(
            from: blocks + source * byteCount, byteCount: byteCount)
    }

    /// The keys of a layer.
    func keys(layer: Int) -> UnsafeMutableRawPointer {
        precondition(layer >= 0 && layer < shape.layerCount, "layer \(layer) is not in the cache")
        return unsafe memory + starts[layer]
    }

    /// The values of a layer.
    func values(layer: Int) -> UnsafeMutableRawPointer {
        unsafe keys(layer: layer) + shape.blockCount * keyParts[layer]
    }
}
