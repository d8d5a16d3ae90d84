// SPDX-License-Identifier: Apache-2.0

internal import CNUMA
internal import Glibc

/// Which part of each weight matrix lies in the memory of which node.
///
/// The panels of a matrix are cut into one contiguous slice for each node, as large as the node's
/// share of the workers. The workers of a node take the tasks of its slices first.
package struct NUMAPlacement: Hashable, Sendable {
    /// Matrices of fewer bytes for each node stay whole, with the first node.
    private static let leastSliceByteCount = 64 << 10

    /// The system's numbers of the nodes.
    package let nodes: [Int]

    /// The workers of the nodes up to each, itself included.
    private let workerEnds: [Int]

    /// Places weights where a pool's workers are.
    package init(_ threads: ThreadPlacement) {
        self.init(nodes: threads.nodes, workerCounts: threads.workerCounts)
    }

    /// Places weights on some nodes.
    ///
    /// - Parameters:
    ///   - nodes: the system's numbers of the nodes, at least one.
    ///   - workerCounts: the number of workers of each, not all 0.
    package init(nodes: [Int], workerCounts: [Int]) {
        precondition(
            !nodes.isEmpty && nodes.count == workerCounts.count
                && workerCounts.allSatisfy { $0 >= 0 } && workerCounts.contains { $0 > 0 },
            "\(workerCounts) workers on nodes \(nodes)")
        self.nodes = nodes
        var total = 0
        workerEnds = workerCounts.map { count in
            total += count
            return total
        }
    }

    /// The panels of a matrix that belong to a node; those of all nodes follow one another.
    ///
    /// - Parameters:
    ///   - node: an index of `nodes`.
    ///   - panelCount: the number of panels of the matrix.
    ///   - panelByteCount: the bytes of a panel.
    /// - Returns: indices of panels.
    package func slice(of node: Int, panelCount: Int, panelByteCount: Int) -> Range<Int> {
        end(of: node - 1, panelCount, panelByteCount)..<end(of: node, panelCount, panelByteCount)
    }

    private func end(of node: Int, _ panelCount: Int, _ panelByteCount: Int) -> Int {
        guard node >= 0 else { return 0 }
        guard panelCount * panelByteCount >= nodes.count * Self.leastSliceByteCount else {
            return panelCount
        }
        return panelCount * workerEnds[node] / workerEnds[workerEnds.count - 1]
    }

    /// The bytes of a matrix that belong to a node, on whole pages.
    ///
    /// A page that two slices share belongs to the second; pages that the matrix shares with its
    /// neighbours in memory belong to nobody.
    ///
    /// - Parameters:
    ///   - node: an index of `nodes`.
    ///   - start: where the matrix begins, counted from a page's beginning.
    ///   - panelCount: the number of panels of the matrix.
    ///   - panelByteCount: the bytes of a panel.
    ///   - pageByteCount: the bytes of a page.
    /// - Returns: bytes, counted as `start` is.
    package func pages(
        of node: Int, start: Int, panelCount: Int, panelByteCount: Int, pageByteCount: Int
    ) -> Range<Int> {
        let slice = slice(of: node, panelCount: panelCount, panelByteCount: panelByteCount)
        func page(_ panel: Int) -> Int {
            let byte = start + panel * panelByteCount
            let first = (start + pageByteCount - 1) / pageByteCount * pageByteCount
            return max(first, byte / pageByteCount * pageByteCount)
        }
        let lower = page(slice.lowerBound)
        return lower..<max(lower, page(slice.upperBound))
    }

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

    private static func prefer(node: Int, _ start: UnsafeMutableRawPointer, byteCount: Int) {
        guard node >= 0, node < 1024 else { return }
        var mask = InlineArray<16, UInt>(repeating: 0)
        mask[node / 64] = 1 << UInt(node % 64)
        unsafe mask.span.withUnsafeBufferPointer { mask in
            unsafe _ = mbind(
                start, UInt(byteCount), Int32(MPOL_PREFERRED), mask.baseAddress, 1024, 0)
        }
    }
}
