// SPDX-License-Identifier: Apache-2.0

import JSON

extension TemplateValue {
    /// A JSON value as a template sees it.
    init(_ json: JSONValue, origin: TemplateString.Origin) {
        switch json {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(value)
        case .number(let value): self = .float(value)
        case .string(let text): self = .string(TemplateString(text, origin: origin))
        case .array(let items):
            self = .list(TemplateSequence(items.map { TemplateValue($0, origin: origin) }))
        case .object(let object):
            var mapping = TemplateMapping()
            for (key, value) in object {
                mapping.set(
                    TemplateString(key, origin: origin), to: TemplateValue(value, origin: origin))
            }
            self = .mapping(mapping)
        }
    }
}
