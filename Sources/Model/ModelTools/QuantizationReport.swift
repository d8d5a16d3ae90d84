// SPDX-License-Identifier: Apache-2.0

package import Quantization

/// How much a quantised model differs from the one that it was made of.
package struct QuantizationReport: Sendable {
    /// The tensors of one type.
    package struct Row: Sendable {
        /// The type.
        package let type: ElementType
        /// How many tensors have it.
        package fileprivate(set) var tensorCount = 0
        /// How many weights they have.
        package fileprivate(set) var elementCount = 0
        /// How many bytes they take.
        package fileprivate(set) var byteCount = 0
        /// How far the weights are from those they were made of.
        package fileprivate(set) var difference = Difference()
        /// The tensor that is farthest, and how far that is.
        package fileprivate(set) var worst: (name: String, relativeError: Double) = ("", 0)

        /// How many bits a weight takes.
        package var bitsPerWeight: Double { Double(byteCount) * 8 / Double(elementCount) }
    }

    /// Sums over pairs of numbers.
    package struct Difference: Sendable {
        /// Σ before².
        var before = 0.0
        /// Σ after².
        var after = 0.0
        /// Σ before · after.
        var product = 0.0
        /// Σ (after − before)².
        var error = 0.0

        /// Adds pairs.
        ///
        /// - Returns: the first index where one of the pair is not a finite number.
        mutating func add(_ before: [Float], _ after: [Float]) -> Int? {
            for index in before.indices {
                let x = Double(before[index])
                let y = Double(after[index])
                self.before += x * x
                self.after += y * y
                product += x * y
                error += (y - x) * (y - x)
            }
            guard error.isFinite, self.before.isFinite else {
                return before.indices.first { !before[$0].isFinite || !after[$0].isFinite }
            }
            return nil
        }

        mutating func add(_ other: Difference) {
            before += other.before
            after += other.after
            product += other.product
            error += other.error
        }

        /// The root mean square of the differences, relative to that of the weights before.
        package var relativeError: Double { before == 0 ? 0 : (error / before).squareRoot() }

        /// The cosine of the angle between the weights before and after; 1 where all are 0.
        package var cosine: Double {
            before == 0 || after == 0
                ? (before == after ? 1 : 0)
                : product / (before.squareRoot() * after.squareRoot())
        }
    }

    /// One row per type, the one of most bytes first.
    package private(set) var rows: [Row] = []

    /// Bits per weight of the whole model.
    package var bitsPerWeight: Double {
        let elements = rows.reduce(0) { $0 + $1.elementCount }
        return Double(byteCount) * 8 / Double(max(elements, 1))
    }

    /// The bytes of all tensors.
    package var byteCount: Int { rows.reduce(0) { $0 + $1.byteCount } }

    mutating func add(_ tensor: GGUFWriter.Tensor, _ difference: Difference) {
        let index = rows.firstIndex { $0.type == tensor.type } ?? rows.count
        if index == rows.count { rows.append(Row(type: tensor.type)) }
        let elements = tensor.dimensions.reduce(1, *)
        rows[index].tensorCount += 1
        rows[index].elementCount += elements
        rows[index].byteCount += tensor.type.byteCount(elements: elements) ?? 0
        rows[index].difference.add(difference)
        if rows[index].worst.name.isEmpty
            || difference.relativeError > rows[index].worst.relativeError
        {
            rows[index].worst = (tensor.name, difference.relativeError)
        }
        rows.sort { ($1.byteCount, $0.type.name) < ($0.byteCount, $1.type.name) }
    }
}
