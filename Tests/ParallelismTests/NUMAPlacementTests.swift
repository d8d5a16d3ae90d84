// SPDX-License-Identifier: Apache-2.0

import Parallelism
import Testing

/// Slices of matrices on simulated nodes.
@Suite struct NUMAPlacementTests {
    private static let placements = [
        NUMAPlacement(nodes: [0], workerCounts: [3]),
        NUMAPlacement(nodes: [0, 1], workerCounts: [4, 4]),
        NUMAPlacement(nodes: [0, 1, 2, 3], workerCounts: [1, 1, 1, 1]),
        NUMAPlacement(nodes: [1, 5], workerCounts: [3, 1]),
        NUMAPlacement(nodes: [0, 1, 2], workerCounts: [2, 0, 1]),
    ]

    @Test(arguments: placements, [0, 1, 2, 3, 9, 64, 224, 500])
    func `every panel belongs to one node`(placement: NUMAPlacement, panelCount: Int) {
        for panelByteCount in [64, 4096, 147_456] {
            var next = 0
            for node in placement.nodes.indices {
                let slice = placement.slice(
                    of: node, panelCount: panelCount, panelByteCount: panelByteCount)
                #expect(slice.lowerBound == next)
                next = slice.upperBound
            }
            #expect(next == panelCount)
        }
    }

    @Test func `slices are as large as the nodes' shares of the workers`() {
        let placement = Self.placements[3]
        #expect(placement.slice(of: 0, panelCount: 64, panelByteCount: 147_456) == 0..<48)
        #expect(placement.slice(of: 1, panelCount: 64, panelByteCount: 147_456) == 48..<64)
    }

    @Test func `a small matrix stays whole`() {
        let placement = Self.placements[1]
        #expect(placement.slice(of: 0, panelCount: 31, panelByteCount: 4096) == 0..<31)
        #expect(placement.slice(of: 0, panelCount: 32, panelByteCount: 4096) == 0..<16)
    }

    @Test(arguments: placements, [0, 64, 4095])
    func `every whole page belongs to one node`(placement: NUMAPlacement, start: Int) {
        for panelByteCount in [64, 9_000, 147_456] {
            let end = start + 224 * panelByteCount
            var next = (start + 4095) / 4096 * 4096
            for node in placement.nodes.indices {
                let pages = placement.pages(
                    of: node, start: start, panelCount: 224, panelByteCount: panelByteCount,
                    pageByteCount: 4096)
                #expect(pages.lowerBound % 4096 == 0 && pages.upperBound % 4096 == 0)
                #expect(pages.lowerBound == next)
                next = pages.upperBound
            }
            #expect(next == end / 4096 * 4096)
        }
    }

    @Test func `no page is left in a matrix within one page`() {
        for node in 0..<2 {
            let pages = Self.placements[1].pages(
                of: node, start: 100, panelCount: 2, panelByteCount: 640, pageByteCount: 4096)
            #expect(pages.isEmpty)
        }
    }
}
