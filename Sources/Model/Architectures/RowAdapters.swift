// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles

/// Which adapter each row of a step has, and what that adds to the products of a layer.
///
/// Rows of one adapter are computed together, wherever they stand; each row's numbers are its own, so
/// they do not depend on the rows or adapters beside it.
struct RowAdapters {
    /// What a forward pass asks for.
    private struct Place: Hashable {
        var layer: Int?
        var role: TensorRole
    }

    /// The adapters of the step, each once.
    private var applied: [AppliedAdapter] = []
    /// Which of them each row has, −1 for none; empty while there are none.
    private var rows: [Int32] = []
    private var rowCount = 0
    private let sums = LowRankSums()
    private var noted: Set<Place> = []

    /// Whether no row has one.
    var areNone: Bool { applied.isEmpty }

    /// Forgets all rows.
    mutating func removeAll() {
        applied.removeAll(keepingCapacity: true)
        rows.removeAll(keepingCapacity: true)
        rowCount = 0
    }

    /// Adds rows that have an adapter, or none.
    mutating func append(_ adapter: AppliedAdapter?, count: Int) {
        defer { rowCount += count }
        var index: Int32 = -1
        if let adapter {
            if rows.isEmpty { for _ in 0..<rowCount { rows.append(-1) } }
            if let known = applied.firstIndex(of: adapter) {
                index = Int32(known)
            } else {
                index = Int32(applied.count)
                applied.append(adapter)
            }
        }
        if applied.isEmpty { return }
        for _ in 0..<count { rows.append(index) }
    }

    /// Goes on with some of the rows, which are in ascending order.
    mutating func keep(_ kept: [Int32]) {
        rowCount = kept.count
        if applied.isEmpty { return }
        for (index, row) in kept.enumerated() { rows[index] = rows[Int(row)] }
        rows.removeLast(rows.count - kept.count)
    }

    // MARK: What adapters may add to

    /// Remembers what the forward pass asks for.
    mutating func note(_ roles: [TensorRole], inLayer layer: Int?) {
        for role in roles { noted.insert(Place(layer: layer, role: role)) }
    }

    /// Whether it asks for that.
    func isNoted(_ role: TensorRole, inLayer layer: Int?) -> Bool {
        noted.contains(Place(layer: layer, role: role))
    }

    // MARK: Sums

    /// What is added to the products of the rows; nil: nothing.
    func sums(
        for roles: [TensorRole], inLayer layer: Int?, rowCount: Int, of x: FloatBuffer,
        by compute: Compute
    ) -> LowRankSums? {
        guard applied.contains(where: { $0.adapter.adds(to: roles, layer: layer) }) else {
            return nil
        }
        sums.begin(productCount: roles.count, rowCount: rowCount)
        for (index, each) in applied.enumerated() {
            let matrices = roles.map { each.adapter.matrix($0, layer: layer) }
            guard matrices.contains(where: { $0 != nil }) else { continue }
            sums.beginPart(matrices, scale: each.scale)
            for row in 0..<rowCount where rows[row] == index {
                sums.append(input: Int32(row), output: Int32(row))
            }
        }
        return projected(x, by: compute)
    }

    /// What is added to the products of the visits; nil: nothing.
    func sums(
        for roles: [TensorRole], inLayer layer: Int, visiting groups: borrowing RowGroups,
        reading source: RowGroups.Source, of x: FloatBuffer, by compute: Compute
    ) -> LowRankSums? {
        guard applied.contains(where: { $0.adapter.adds(to: roles, layer: layer) }) else {
            return nil
        }
        sums.begin(productCount: roles.count, rowCount: groups.slots.count)
        for (index, each) in applied.enumerated()
        where each.adapter.adds(to: roles, layer: layer) {
            for expert in 0..<groups.groupCount where groups.size(of: expert) > 0 {
                let matrices = roles.map {
                    each.adapter.matrix($0, layer: layer, expert: expert)
                }
                guard matrices.contains(where: { $0 != nil }) else { continue }
                sums.beginPart(matrices, scale: each.scale)
                for place in Int(groups.offsets[expert])..<Int(groups.offsets[expert + 1]) {
                    let token = groups.tokens[place]
                    guard rows[Int(token)] == index else { continue }
                    let slot = groups.slots[place]
                    sums.append(input: source == .token ? token : slot, output: slot)
                }
            }
        }
        return projected(x, by: compute)
    }

    private func projected(_ x: FloatBuffer, by compute: Compute) -> LowRankSums? {
        if sums.isEmpty { return nil }
        compute.project(x, into: sums)
        return sums
    }
}
