// SPDX-License-Identifier: Apache-2.0

import Foundation
import Quantization
import Testing

/// Decoding and encoding against the `gguf` package; `scripts/goldens/make-quantization-goldens.py`
/// made the blocks.
@Suite struct CodingTests {
    struct Golden: Decodable, Sendable, CustomTestStringConvertible {
        let type: String
        let source: String?
        let bytes: Data
        let values: Data

        var elementType: ElementType? {
            ElementType.allCases.first { $0.name.lowercased() == type }
        }
        var floats: [Float] {
            let bytes = [UInt8](values)
            return ElementType.f32.decoded(bytes)
        }
        var testDescription: String { "\(type) \(source ?? "")" }
    }

    struct Goldens: Decodable {
        let decode: [Golden]
        let encode: [Golden]
    }

    static func goldens() throws -> Goldens {
        let url = try #require(
            Bundle.module.url(forResource: "blocks", withExtension: "json", subdirectory: "Goldens")
        )
        return try JSONDecoder().decode(Goldens.self, from: Data(contentsOf: url))
    }

    @Test func `blocks decode to the same bits as in the gguf package`() throws {
        let goldens = try Self.goldens().decode
        #expect(Set(goldens.compactMap(\.elementType)).count == ElementType.allCases.count)
        for golden in goldens {
            let type = try #require(golden.elementType)
            let found = type.decoded([UInt8](golden.bytes)).map(\.bitPattern)
            #expect(found == golden.floats.map(\.bitPattern), "\(golden.testDescription)")
        }
    }

    @Test func `values encode to the same bytes as in the gguf package`() throws {
        for golden in try Self.goldens().encode {
            let type = try #require(golden.elementType)
            #expect(type.encoded(golden.floats) == [UInt8](golden.bytes), "\(type.name)")
        }
    }

    @Test func `every half survives the way to single precision and back`() {
        for pattern in UInt16.min...UInt16.max where pattern & 0x7FFF <= 0x7C00 {
            let bytes = [UInt8(pattern & 255), UInt8(pattern >> 8)]
            let value = ElementType.f16.decoded(bytes)
            #expect(value[0] == Float(Float16(bitPattern: pattern)))
            #expect(ElementType.f16.encoded(value) == bytes)
        }
    }

    @Test func `a single rounds to the nearest half, ties to even`() {
        var state: UInt32 = 1
        for _ in 0..<20_000 {
            state = state &* 1_664_525 &+ 1_013_904_223
            let value = Float(bitPattern: state)
            guard !value.isNaN else { continue }
            let bytes = ElementType.f16.encoded([value])
            let bits = UInt16(bytes[0]) | UInt16(bytes[1]) << 8
            #expect(bits == Float16(value).bitPattern, "\(value)")
        }
    }
}
