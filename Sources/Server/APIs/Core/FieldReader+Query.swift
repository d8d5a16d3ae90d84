// SPDX-License-Identifier: Apache-2.0

import JSON

extension FieldReader {
    /// Reads what stands after the `?` of a path as its declarations say: the last of each name, or all
    /// of them where they are a list.
    ///
    /// Other names are ignored, as other fields of a body are.
    ///
    /// - Throws: `FieldError.invalid` where a declared field's text is no percent-encoded UTF-8.
    init(query: Substring, as list: FieldList, by rules: FieldRules) throws(FieldError) {
        var object = JSONObject()
        for (name, text) in Self.pairs(of: query) {
            guard let name, let declaration = list.declaration(name) else { continue }
            guard let text else {
                throw .invalid(FieldPath(name), expected: "percent-encoded UTF-8")
            }
            if case .array(let element, _, _) = declaration.kind {
                object[name] = .array(
                    (object[name]?.arrayValue ?? []) + [element.value(of: text)])
            } else {
                object[name] = declaration.kind.value(of: text)
            }
        }
        self.init(object, by: rules)
    }

    /// Reads the fields of a form as their declarations say; others are ignored.
    init(
        form fields: [(name: String, text: String)], as list: FieldList, by rules: FieldRules
    ) {
        var object = JSONObject()
        for (name, text) in fields {
            object[name] = list.declaration(name)?.kind.value(of: text)
        }
        self.init(object, by: rules)
    }

    /// Refuses what stands after the `?` and is none of these.
    static func refuseOthers(in query: Substring, than list: FieldList) throws(FieldError) {
        for part in query.split(separator: "&") where !part.contains("=") {
            throw .invalid(FieldPath(EchoableText.of(String(part))), expected: "NAME=VALUE")
        }
        for (name, _) in pairs(of: query) where name.flatMap(list.declaration) == nil {
            throw .invalid(
                FieldPath(EchoableText.of(name ?? "?")),
                expected: Self.list(list.names) + " alone behind the path")
        }
    }

    /// Name and text of each part; nil for what cannot be decoded.
    private static func pairs(
        of query: Substring
    ) -> some Swift.Sequence<(name: String?, text: String?)> {
        query.split(separator: "&").lazy.map { part in
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (
                PercentEncoding.decoded(pair[0]),
                pair.count > 1 ? PercentEncoding.decoded(pair[1]) : ""
            )
        }
    }
}

extension FieldKind {
    /// What a text after a `?` or in a form means, where a field is of this kind: a text cannot say its type.
    fileprivate func value(of text: String) -> JSONValue {
        switch self {
        case .integer: Int(text).map { .integer($0) } ?? .string(text)
        case .number: Double(text).map { .number($0) } ?? .string(text)
        case .boolean, .values: ["true": true, "false": false][text.lowercased()] ?? .string(text)
        default: .string(text)
        }
    }
}

extension RequestContext {
    /// What stands after the `?` of the path.
    ///
    /// - Throws: `APIError` where it cannot be decoded.
    func queryFields(_ list: FieldList) throws(APIError) -> FieldReader {
        try APIError.reading { () throws(FieldError) in
            try FieldReader(query: query, as: list, by: rules)
        }
    }
}
