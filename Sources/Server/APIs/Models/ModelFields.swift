// SPDX-License-Identifier: Apache-2.0

import JSON

/// The fields of requests that have a model loaded or unloaded.
enum ModelFields {
    static let model = Field.string(
        "model", maxBytes: 1024, "The model by one of its names; 'default' for the first."
    ).example("default").required

    /// All of them.
    static let list = FieldList { model }
}
