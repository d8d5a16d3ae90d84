// SPDX-License-Identifier: Apache-2.0

import Computation
import Quantization

/// Weights and inputs that are random, the same in every run, and of sane size.
struct RandomWeights {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt32 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt32(truncatingIfNeeded: state >> 32)
    }

    /// A number in −1..<1.
    mutating func float() -> Float { Float(next() >> 8) * 0x1p-23 - 1 }

    mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in float() } }

    /// Blocks of random codes, with scales of a few thousandths or hundredths.
    mutating func blocks(of type: ElementType, elements: Int) -> [UInt8] {
        let count = elements / type.elementsPerBlock
        switch type {
        case .f32, .f16, .bf16: return type.encoded(floats(elements))
        default: break
        }
        var bytes = (0..<count * type.bytesPerBlock).map { _ in UInt8(next() >> 24) }
        for block in 0..<count {
            for offset in Self.halves(of: type) {
                let half = 0x1c00 + next() % 0x800 + next() % 2 * 0x8000
                bytes[block * type.bytesPerBlock + offset] = UInt8(half & 255)
                bytes[block * type.bytesPerBlock + offset + 1] = UInt8(half >> 8)
                // A power of two of some thousandths.
                if type == .mxfp4 { bytes[block * type.bytesPerBlock] = UInt8(118 + next() % 4) }
            }
        }
        return bytes
    }

    /// A matrix whose first row begins at an odd byte.
    mutating func matrix(of type: ElementType, rows: Int, columns: Int) -> WeightMatrix {
        let offset = type == .f32 ? 4 : 3
        let bytes = [UInt8](repeating: 0xff, count: offset)
        return WeightMatrix(
            storage: AnonymousMemory(bytes: bytes + blocks(of: type, elements: rows * columns)),
            byteOffset: offset, type: type, rowCount: rows, columnCount: columns)
    }

    mutating func buffer(rows: Int, columns: Int) -> FloatBuffer {
        let buffer = FloatBuffer(rowCount: rows, columnCount: columns)
        for row in 0..<rows { buffer.setRow(row, to: floats(columns)) }
        return buffer
    }

    /// Where the scales of a block lie.
    private static func halves(of type: ElementType) -> [Int] {
        switch type {
        case .q4_1, .q5_1, .q4_K, .q5_K: [0, 2]
        case .q2_K: [80, 82]
        case .q3_K: [108]
        case .q6_K: [208]
        case .iq1_m: [54]
        case .tq1_0: [52]
        case .tq2_0: [64]
        case .nvfp4: []
        default: [0]
        }
    }
}

extension WeightMatrix {
    /// The elements of a row, by the specification of the format.
    func decodedRow(_ row: Int) -> [Float] {
        let start = byteOffset + row * bytesPerRow
        let bytes = storage.bytes
        return type.decoded(
            (start..<start + bytesPerRow).map {
                unsafe bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self)
            })
    }
}

extension FloatBuffer {
    /// A copy of a row.
    func values(row index: Int) -> [Float] {
        let row = row(index)
        return row.indices.map { row[$0] }
    }

    /// Sets every element of some rows.
    func fill(_ value: Float, rows: Range<Int>) {
        for index in rows { setRow(index, to: [Float](repeating: value, count: columnCount)) }
    }

    /// The bits of some rows.
    func bits(rows: Range<Int>? = nil) -> [[UInt32]] {
        (rows ?? 0..<rowCount).map { values(row: $0).map(\.bitPattern) }
    }
}
