// SPDX-License-Identifier: Apache-2.0

internal import CNUMA
internal import Glibc

extension NUMAPlacement {
    /// Asks for the memory of a matrix to be taken from the nodes that its slices belong to.
    ///
    /// For memory of our own that nothing has been written to yet; with one node, nothing happens.
    /// It is a wish: a node without free memory borrows from another, and a system that refuses
    /// places memory as it likes.
    ///
    /// - Parameters:
    ///   - matrix: where the matrix begins.
    ///   - panelCount: the number of panels of the matrix.
    ///   - panelByteCount: the bytes of a panel.
    package func place(_ matrix: UnsafeMutableRawPointer, panelCount: Int, panelByteCount: Int) {
        guard nodes.count > 1 else { return }
        let pageByteCount = max(4096, sysconf(Int32(_SC_PAGESIZE)))
        let offset = Int(bitPattern: UInt(bitPattern: matrix) % UInt(pageByteCount))
        for node in nodes.indices {
            let pages = pages(
                of: node, start: offset, panelCount: panelCount, panelByteCount: panelByteCount,
                pageByteCount: pageByteCount)
            if !pages.isEmpty {
                unsafe Self.prefer(
                    node: nodes[node], matrix - offset + pages.lowerBound, byteCount: pages.count)
            }
        }
    }

    /// - Returns: whether the system agreed.
    @discardableResult
    static func prefer(node: Int, _ start: UnsafeMutableRawPointer, byteCount: Int) -> Bool {
        guard node >= 0, node < 1024 else { return false }
        var mask = InlineArray<16, UInt>(repeating: 0)
        mask[node / 64] = 1 << UInt(node % 64)
        return unsafe mask.span.withUnsafeBufferPointer { mask in
            unsafe mbind(
                start, UInt(byteCount), Int32(MPOL_PREFERRED), mask.baseAddress, 1024, 0) == 0
        }
    }
}
