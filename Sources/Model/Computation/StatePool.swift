// SPDX-License-Identifier: Apache-2.0

import CKernels
import Glibc

/// The sizes of a pool of states.
package struct StatePoolShape: Sendable, Equatable {
    /// Layers that keep a state.
    package var layerCount: Int
    /// Those layers.
    package var net: DeltaNetShape
    /// How many states there is room for, each of all layers.
    package var slotCount: Int

    /// Creates a shape.
    ///
    /// - Precondition: all sizes are positive.
    package init(layerCount: Int, net: DeltaNetShape, slotCount: Int) {
        precondition(layerCount > 0 && slotCount > 0, "\(slotCount) states of \(layerCount) layers")
        self.layerCount = layerCount
        self.net = net
        self.slotCount = slotCount
    }

    /// How many columns of a head's state lie together, row after row.
    static let columnsPerPart = Int(CK_DELTA_COLUMNS)

    /// Into how many parts the columns of a head fall.
    var partsPerHead: Int { (net.valueWidth + Self.columnsPerPart - 1) / Self.columnsPerPart }

    /// Floats of a part: `[Dk, columnsPerPart]`.
    var partCount: Int { net.keyWidth * Self.columnsPerPart }

    /// Floats of the states of a layer's heads.
    var headsCount: Int { net.valueHeadCount * partsPerHead * partCount }

    /// Floats from one row that a convolution remembers to the next.
    var windowStride: Int { (net.channelCount + 15) / 16 * 16 }

    /// Floats of a layer.
    var layerStride: Int { headsCount + (net.tapCount - 1) * windowStride }

    /// Bytes of a state.
    package var slotByteCount: Int { 4 * layerCount * layerStride }
}

/// The states of sequences in the layers that keep one: storage only.
///
/// Which sequence has which slot is decided elsewhere. The memory is reserved once and touched by the
/// system as it is first used. A slot holds, layer by layer, the states of all heads and the rows
/// that the convolution saw last, the oldest first.
///
/// Used by one thread at a time (and by its thread pool on its behalf).
@safe package final class StatePool {
    /// The sizes.
    package let shape: StatePoolShape
    private let memory: UnsafeMutablePointer<Float>
    private let byteCount: Int
    /// What a convolution sees before the first token.
    let zeros: UnsafeMutablePointer<Float>

    /// Reserves the memory.
    package init(shape: StatePoolShape) throws(KVCacheError) {
        self.shape = shape
        let (states, overflow) = shape.slotByteCount.multipliedReportingOverflow(
            by: shape.slotCount)
        byteCount = states + 4 * shape.windowStride
        let memory = unsafe mmap(
            nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
            -1, 0)
        guard !overflow, let memory = unsafe memory, unsafe memory != MAP_FAILED else {
            throw .outOfMemory(byteCount: byteCount)
        }
        unsafe self.memory = memory.bindMemory(to: Float.self, capacity: byteCount / 4)
        unsafe zeros = self.memory + states / 4
        _ = unsafe madvise(memory, byteCount, MADV_HUGEPAGE)
    }

    deinit {
        unsafe munmap(memory, byteCount)
    }

    /// Copies a state.
    package func copy(from source: Int, to destination: Int) {
        let slots = 0..<shape.slotCount
        precondition(
            slots.contains(source) && slots.contains(destination),
            "states \(source) and \(destination) are not both in the pool")
        if source == destination { return }
        unsafe slot(destination).update(from: slot(source), count: shape.slotByteCount / 4)
    }

    private func slot(_ index: Int) -> UnsafeMutablePointer<Float> {
        unsafe memory + index * (shape.slotByteCount / 4)
    }

    /// The states of a layer's heads: `[Hv, partsPerHead, Dk, columnsPerPart]`.
    func heads(slot: Int, layer: Int) -> UnsafeMutablePointer<Float> {
        unsafe self.slot(slot) + layer * shape.layerStride
    }

    /// The rows that a layer's convolution saw last: `[tapCount - 1, windowStride]`.
    func window(slot: Int, layer: Int) -> UnsafeMutablePointer<Float> {
        unsafe heads(slot: slot, layer: layer) + shape.headsCount
    }
}
