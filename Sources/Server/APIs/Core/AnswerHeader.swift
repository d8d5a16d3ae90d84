// SPDX-License-Identifier: Apache-2.0

package import JSON

/// What every answer and every chunk of a stream begins with.
package struct AnswerHeader: Hashable, Sendable {
    /// The identity of the answer, the same in all its chunks.
    package let id: String

    /// The value of `object`.
    package let object: String

    /// Unix time in seconds.
    package let created: Int

    /// The model that answers.
    package let model: String

    /// The build and the weights.
    package let systemFingerprint: String

    /// Creates a header.
    package init(
        id: String, object: String, created: Int, model: String, systemFingerprint: String
    ) {
        self.id = id
        self.object = object
        self.created = created
        self.model = model
        self.systemFingerprint = systemFingerprint
    }

    /// The members, without choices and usage.
    package var json: JSONObject {
        [
            "id": .string(id), "object": .string(object), "created": .integer(created),
            "model": .string(model), "system_fingerprint": .string(systemFingerprint),
        ]
    }

    /// The bytes of an object that begins with the members, without the brace that ends it.
    var opened: [UInt8] { Array(JSONValue.object(json).serializedBytes().dropLast()) }
}
