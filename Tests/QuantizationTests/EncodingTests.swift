// SPDX-License-Identifier: Apache-2.0

import Foundation
import Quantization
import Testing

/// The searches of the encoders: how little error they leave, and what they do with odd values.
@Suite struct EncodingTests {
    struct Golden: Decodable {
        let type: String
        let matrix: String
        let error: Double
    }

    static let blockTypes = ElementType.allCases.filter {
        $0.elementsPerBlock > 1 && $0.isEncodable
    }

    /// Sums of four random numbers of 16 bits, from −2 to 2: exact in single precision, and the
    /// same as in make-encoding-goldens.py.
    static func bell(_ count: Int) -> [Float] {
        var state: UInt64 = 1
        return (0..<count).map { _ in
            var total = -2 * 65536
            for _ in 0..<4 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                total += Int(state >> 48)
            }
            return Float(total) / 65536
        }
    }

    static func squares(_ values: [Float], minus others: [Float]) -> Double {
        zip(values, others).reduce(0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
    }

    /// The root mean square of what encoding changes, relative to that of the values.
    static func error(_ type: ElementType, _ values: [Float]) -> Double {
        let rest = squares(values, minus: type.decoded(type.encoded(values)))
        return (rest / squares(values, minus: values.map { _ in 0 })).squareRoot()
    }

    @Test(arguments: blockTypes)
    func `the error is no larger than llama.cpp's`(type: ElementType) throws {
        let url = try #require(
            Bundle.module.url(
                forResource: "encoding", withExtension: "json", subdirectory: "Goldens"))
        let goldens = try JSONDecoder().decode([Golden].self, from: Data(contentsOf: url))
            .filter { $0.type == type.name.lowercased() }
        let bell = Self.bell(8 * 512)
        let heavy = bell.map { $0 * $0 * $0 }
        #expect(goldens.map(\.matrix) == ["bell", "heavy"])
        for golden in goldens {
            let error = Self.error(type, golden.matrix == "bell" ? bell : heavy)
            #expect(error <= golden.error * 1.0001, "\(type.name) \(golden.matrix): \(error)")
        }
    }

    /// Evenly spread values are off by up to half a step between codes, by step / √12 in the mean.
    ///
    /// Values from −1 to 1 have a root mean square of 1 / √3 and 2ⁿ codes across 2, so the
    /// relative error is 2⁻ⁿ; a tenth more is for the scales' own rounding, the code that a block
    /// with zero in its middle cannot use, and steps of different size.
    @Test(arguments: zip(blockTypes, [8, 4, 4, 5, 5, 2, 3, 4, 5, 6, 3.8, 3.8, 3.2]))
    func `evenly spread values are off by the share of a step`(type: ElementType, bits: Double) {
        let values = (0..<1024).map { Float(($0 * 619) % 1024) / 512 - 1 }
        let error = Self.error(type, values)
        #expect(error < pow(2, -bits) * 1.1, "\(type.name): \(error)")
    }

    @Test(arguments: blockTypes)
    func `zeros stay zeros`(type: ElementType) {
        let zeros = [Float](repeating: 0, count: 512)
        #expect(type.decoded(type.encoded(zeros)) == zeros)
        // Less than any block can say.
        let tiny = [Float](repeating: .leastNonzeroMagnitude, count: 512)
        #expect(type.decoded(type.encoded(tiny)).allSatisfy { $0.magnitude < 1e-37 })
    }

    @Test(arguments: blockTypes.filter { $0 != .mxfp4 }, [1.5, -0.37])
    func `a constant is off by less than the rounding of its scale`(
        type: ElementType, constant: Float
    ) {
        // Whole-number scales of K-quants can meet the largest sub-block, and here all are equal;
        // two factors in half precision are each off by up to 2⁻¹¹.
        let values = [Float](repeating: constant, count: 256)
        for value in type.decoded(type.encoded(values)) {
            #expect(abs(value - constant) <= abs(constant) * 0x1p-10, "\(type.name)")
        }
    }

    @Test func `a constant is off by at most half a step between numbers of one bit and a half`() {
        for constant: Float in [1.5, -0.37, 1.0, 1.3, -1.9, 2.4] {
            let values = [Float](repeating: constant, count: 32)
            for value in ElementType.mxfp4.decoded(ElementType.mxfp4.encoded(values)) {
                #expect(abs(value - constant) <= abs(constant) / 5)
            }
        }
    }

    @Test(arguments: blockTypes)
    func `one huge element leaves a finite block`(type: ElementType) {
        for huge: Float in [1e4, 6e4, 1e9, -1e20, 3e38] {
            var values = Self.bell(256)
            values[77] = huge
            let decoded = type.decoded(type.encoded(values))
            #expect(decoded.allSatisfy { $0.isFinite }, "\(type.name) \(huge)")
            // Nothing else can grow beyond it.
            #expect(decoded.allSatisfy { abs($0) <= abs(huge) * 1.2 }, "\(type.name) \(huge)")
            if abs(huge) < 1e5 {
                #expect(abs(decoded[77] - huge) < abs(huge) * 0.4, "\(type.name) \(huge)")
            }
        }
    }

    @Test(arguments: ElementType.allCases.filter(\.isEncodable))
    func `values that are not finite make a block without a trap`(type: ElementType) {
        var values = [Float](repeating: 1, count: 256)
        values[3] = .nan
        values[4] = -.infinity
        #expect(type.encoded(values).count == type.byteCount(elements: 256))
        let none = [Float](repeating: .nan, count: 256)
        #expect(type.encoded(none).count == type.byteCount(elements: 256))
    }

    @Test(arguments: blockTypes)
    func `small values keep their precision down to where halves lose theirs`(type: ElementType) {
        let values = Self.bell(512)
        let error = Self.error(type, values)
        // 2⁻¹⁰ · (values of about 1) leaves scales within normal halves for up to 4 bits; beneath
        // that, a scale of fewer bits costs at most as much again.
        #expect(Self.error(type, values.map { $0 * 0x1p-10 }) < 2 * error, "\(type.name)")
    }
}
