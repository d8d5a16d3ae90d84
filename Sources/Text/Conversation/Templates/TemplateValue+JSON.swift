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

    /// Messages as a template sees them: the names of well-known roles are the server's own words,
    /// so that a template may make a control token such as `<|user|>` of them.
    init(messages json: JSONValue) {
        let known = ["system", "developer", "user", "assistant", "tool", "function"]
        guard case .array(let items) = json else {
            self.init(json, origin: .data)
            return
        }
        self = .list(
            TemplateSequence(
                items.map { item in
                    guard case .mapping(var mapping) = TemplateValue(item, origin: .data),
                        let role = item["role"]?.stringValue, known.contains(role)
                    else { return TemplateValue(item, origin: .data) }
                    mapping.set(
                        TemplateString("role", origin: .data),
                        to: .string(TemplateString(role, origin: .template)))
                    return .mapping(mapping)
                }))
    }
}
