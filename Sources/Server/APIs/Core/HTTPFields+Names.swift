// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

extension HTTPFields {
    /// A field by a name that HTTPTypes has no constant for.
    subscript(name name: String) -> String? {
        get { HTTPField.Name(name).flatMap { self[$0] } }
        set { if let name = HTTPField.Name(name) { self[name] = newValue } }
    }
}
