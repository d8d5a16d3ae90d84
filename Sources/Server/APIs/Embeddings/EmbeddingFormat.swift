// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import Serving

/// How vectors are written.
package struct EmbeddingFormat: Hashable, Sendable {
    /// What the numbers are.
    package enum NumberType: String, Hashable, Sendable, CaseIterable {
        /// Of 32 bits.
        case float
        /// From -127 to 127, 127 times the number.
        case int8
        /// The same, 128 more.
        case uint8
        /// A bit for each number, set where it is above 0, eight in a byte from the highest bit on,
        /// 128 less.
        case binary
        /// The same, without taking 128 off.
        case ubinary
    }

    /// How many numbers there are; nil for all that the model gives.
    package var dimension: Int?

    /// What they are.
    package var type: NumberType

    /// Whether they are written as bytes in base64, those of floats from the lowest on.
    package var isBase64: Bool

    /// The name that the client gave to the field with the dimension.
    private var dimensionName = EmbeddingFields.dimensions.name

    /// Numbers of 32 bits, all of them.
    package init() {
        type = .float
        isBase64 = false
    }

    /// Reads `dimensions` or `output_dimension`, `encoding_format` and `output_dtype`.
    init(_ fields: FieldReader) throws(FieldError) {
        dimension = try fields.read(EmbeddingFields.dimensions)
        dimensionName =
            EmbeddingFields.dimensions.declaration.names.first { fields.value($0) != nil }
            ?? dimensionName
        let encoding = try fields.read(EmbeddingFields.encodingFormat)
        isBase64 = encoding == "base64"
        let typeName = try fields.read(EmbeddingFields.outputType)
        type = NumberType(rawValue: typeName) ?? .float
        if type == .binary || type == .ubinary, let dimension, dimension % 8 != 0 {
            throw .invalid(
                fields.path.appending(dimensionName),
                expected: "a multiple of 8 for output_dtype \(type.rawValue)")
        }
    }

    /// Throws where a model's vectors are too short.
    func check(modelDimension: Int) throws(APIError) {
        if let dimension, dimension > modelDimension {
            throw .invalid(
                FieldPath(dimensionName),
                expected: "at most \(modelDimension), as many as this model gives")
        }
        if type == .binary || type == .ubinary, (dimension ?? modelDimension) % 8 != 0 {
            throw .invalid(
                "output_dtype",
                expected: "'float', 'int8' or 'uint8': \(dimension ?? modelDimension) numbers are "
                    + "no whole bytes of bits")
        }
    }

    /// Appends a vector as JSON.
    ///
    /// - Throws: `APIError` for a number that is none.
    func append(_ vector: [Float], to json: inout [UInt8]) throws(APIError) {
        guard vector.allSatisfy(\.isFinite) else {
            throw .failed(reason: "The model computed a number that is none.")
        }
        let numbers = dimension.map { EmbeddingAbility.shortened(vector, to: $0) } ?? vector
        if type == .float {
            if isBase64 {
                var bytes: [UInt8] = []
                bytes.reserveCapacity(4 * numbers.count)
                for number in numbers {
                    let bits = number.bitPattern
                    for shift in stride(from: 0, to: 32, by: 8) {
                        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(shift)))
                    }
                }
                Self.appendBase64(bytes, to: &json)
            } else {
                // The shortest text of a float reads as the same float.
                Self.appendList(numbers, to: &json)
            }
            return
        }
        let values = integers(numbers)
        if isBase64 {
            Self.appendBase64(values.map { UInt8(truncatingIfNeeded: $0) }, to: &json)
        } else {
            Self.appendList(values, to: &json)
        }
    }

    private func integers(_ numbers: [Float]) -> [Int] {
        switch type {
        case .float: return []
        case .int8, .uint8:
            let offset = type == .uint8 ? 128 : 0
            return numbers.map { number in
                let scaled = (number * 127).rounded(.toNearestOrEven)
                return Int(max(-127, min(127, scaled))) + offset
            }
        case .binary, .ubinary:
            let offset = type == .binary ? -128 : 0
            return stride(from: 0, to: numbers.count - numbers.count % 8, by: 8).map { start in
                numbers[start..<start + 8].reduce(0) { $0 << 1 | ($1 > 0 ? 1 : 0) } + offset
            }
        }
    }

    private static func appendList(
        _ values: [some CustomStringConvertible], to json: inout [UInt8]
    ) {
        json.append(UInt8(ascii: "["))
        for (index, value) in values.enumerated() {
            if index > 0 { json.append(UInt8(ascii: ",")) }
            json += value.description.utf8
        }
        json.append(UInt8(ascii: "]"))
    }

    private static func appendBase64(_ bytes: [UInt8], to json: inout [UInt8]) {
        json.append(UInt8(ascii: "\""))
        json += Data(bytes).base64EncodedData()
        json.append(UInt8(ascii: "\""))
    }
}
