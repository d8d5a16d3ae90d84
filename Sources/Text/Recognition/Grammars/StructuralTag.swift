// SPDX-License-Identifier: Apache-2.0

package import JSON

/// Reads vLLM's `structural_tag`: free text in which tags begin structures.
///
/// Both notations are understood: `{"structures": […], "triggers": […]}` and the later
/// `{"type": "structural_tag", "format": {…}}`.
package struct StructuralTag {
    /// What comes after a part of the text, which is where free text ends.
    private struct Follow {
        /// The texts one of which comes next, unless the answer ends or a control token comes.
        var texts: [String] = []
        /// False where something else may come next.
        var isKnown = true
    }

    private static let maxDepth = 64

    /// The structure of a tag, in which tokens are named as the client names them.
    ///
    /// - Parameter value: the JSON value of the field.
    /// - Returns: the structure of the whole answer.
    /// - Throws: an error at the JSON pointer of what cannot be honoured.
    package static func structure(of value: JSONValue) throws(RecognitionError) -> Structure {
        let reader = StructuralTag()
        if let format = value["format"] {
            return try reader.structure(of: format, at: "/format", before: Follow(), depth: 0)
        }
        if value["structures"] != nil { return try reader.structure(ofOlder: value) }
        throw RecognitionError(at: "", "a structural tag has a format, or structures and triggers")
    }

    // MARK: The older notation

    private func structure(ofOlder value: JSONValue) throws(RecognitionError) -> Structure {
        var tags: [(begin: String, rest: Structure)] = []
        for (index, item) in try list(value, "structures", at: "").enumerated() {
            let pointer = "/structures/\(index)"
            let begin = try string(item, "begin", at: pointer)
            let end = try string(item, "end", at: pointer)
            guard let schema = item["schema"] ?? item["json_schema"] else {
                throw RecognitionError(at: pointer, "schema is missing")
            }
            tags.append(
                (begin, .sequence([.literal(begin), .schema(schema), .literal(end)])))
        }
        let triggers = try strings(value, "triggers", at: "")
        try check(tags.map(\.begin), triggers, at: "/structures")
        let free = Structure.freeText(until: triggers, orControls: [])
        let tag = Structure.choice(tags.map(\.rest))
        return .sequence([free, .repetition(.sequence([tag, free]), least: 0, most: nil)])
    }

    // MARK: Formats

    private func structure(
        of format: JSONValue, at pointer: String, before follow: Follow, depth: Int
    ) throws(RecognitionError) -> Structure {
        guard depth < Self.maxDepth else {
            throw RecognitionError(at: pointer, "formats nest more than \(Self.maxDepth) deep")
        }
        let depth = depth + 1
        switch try string(format, "type", at: pointer) {
        case "const_string": return .literal(try string(format, "value", at: pointer))
        case "json_schema": return try schema(format, at: pointer)
        case "regex": return .expression(try string(format, "pattern", at: pointer))
        case "grammar": return .grammar(try string(format, "grammar", at: pointer))
        case "any_text", "any_tokens": return try anyText(format, at: pointer, before: follow)
        case "token": return try token(format["token"], at: pointer + "/token")
        case "sequence":
            return try sequence(format, at: pointer, before: follow, depth: depth)
        case "or":
            var options: [Structure] = []
            for (index, item) in try list(format, "elements", at: pointer).enumerated() {
                let place = "\(pointer)/elements/\(index)"
                options.append(try structure(of: item, at: place, before: follow, depth: depth))
            }
            return .choice(options)
        case "optional", "plus", "star", "repeat":
            return try repetition(format, at: pointer, depth: depth)
        case "tag": return try tag(format, at: pointer, depth: depth)
        case "triggered_tags", "token_triggered_tags":
            return try triggeredTags(format, at: pointer, before: follow, depth: depth)
        case "tags_with_separator":
            return try separatedTags(format, at: pointer, depth: depth)
        case "dispatch":
            return try dispatch(format, at: pointer, before: follow, depth: depth)
        case let type:
            throw RecognitionError(at: pointer + "/type", "the format \(type) is not supported")
        }
    }

    private func schema(
        _ format: JSONValue, at pointer: String
    ) throws(RecognitionError) -> Structure {
        if let style = format["style"], style.stringValue != "json" {
            throw RecognitionError(
                at: pointer + "/style", "only the style json is supported; use tools for others")
        }
        guard let schema = format["json_schema"] else {
            throw RecognitionError(at: pointer, "json_schema is missing")
        }
        try refuse(["excludes", "max_whitespace_cnt"], of: format, at: pointer)
        return .schema(schema)
    }

    /// Members that would be broken if they were left out.
    private func refuse(
        _ members: [String], of format: JSONValue, at pointer: String
    ) throws(RecognitionError) {
        for member in members {
            guard let value = format[member], !value.isNull, value.arrayValue?.isEmpty != true
            else { continue }
            throw RecognitionError(at: "\(pointer)/\(member)", "this is not supported here")
        }
    }

    private func anyText(
        _ format: JSONValue, at pointer: String, before follow: Follow
    ) throws(RecognitionError) -> Structure {
        try refuse(["max_tokens"], of: format, at: pointer)
        let excluded = try strings(format, "excludes", at: pointer, isOptional: true)
        let text = freeText(until: excluded, before: follow, most: format["max_chars"]?.intValue)
        return .sequence([text, try excludedTokens(of: format, at: pointer)])
    }

    /// Nothing; it only sees to it that the tokens which must not come are control tokens, which
    /// have no place in free text anyway.
    private func excludedTokens(
        of format: JSONValue, at pointer: String
    ) throws(RecognitionError) -> Structure {
        var tokens: [Structure] = []
        for (index, item) in (format["exclude_tokens"]?.arrayValue ?? []).enumerated() {
            tokens.append(try token(item, at: "\(pointer)/exclude_tokens/\(index)"))
        }
        return .repetition(.choice(tokens), least: 0, most: 0)
    }

    /// Text without any of these texts, which ends where what follows begins.
    private func freeText(
        until triggers: [String], before follow: Follow, most: Int? = nil
    ) -> Structure {
        let ends = triggers + follow.texts
        if follow.isKnown, most == nil {
            return .freeText(until: ends, orControls: [])
        }
        let count = most.map { "{0,\(max(0, $0))}" } ?? "*"
        if ends.isEmpty { return .expression("[\\s\\S]\(count)") }
        let texts = ends.map(Self.escaped).joined(separator: "|")
        return .expression("(?![\\s\\S]*(?:\(texts)))[\\s\\S]\(count)")
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            if "\\^$.*+?()[]{}|/".unicodeScalars.contains(scalar) { result += "\\" }
            result.unicodeScalars.append(scalar)
        }
        return result
    }

    private func sequence(
        _ format: JSONValue, at pointer: String, before follow: Follow, depth: Int
    ) throws(RecognitionError) -> Structure {
        let elements = try list(format, "elements", at: pointer)
        var parts: [Structure] = []
        var follow = follow
        for (index, element) in elements.enumerated().reversed() {
            let place = "\(pointer)/elements/\(index)"
            let part = try structure(of: element, at: place, before: follow, depth: depth)
            follow = Self.beginning(of: part, before: follow)
            parts.append(part)
        }
        return .sequence(parts.reversed())
    }

    /// What a part and what follows it begin with.
    private static func beginning(of part: Structure, before follow: Follow) -> Follow {
        switch part {
        case .literal(let text): return text.isEmpty ? follow : Follow(texts: [text])
        case .control, .controlNamed: return Follow()
        case .sequence(let parts):
            return parts.reversed().reduce(follow) { beginning(of: $1, before: $0) }
        case .choice(let options):
            return options.reduce(into: Follow()) { all, option in
                let next = beginning(of: option, before: follow)
                all.texts += next.texts
                all.isKnown = all.isKnown && next.isKnown
            }
        case .repetition(let part, let least, _):
            var next = beginning(of: part, before: follow)
            guard least == 0 else { return next }
            next.texts += follow.texts
            next.isKnown = next.isKnown && follow.isKnown
            return next
        default: return Follow(isKnown: false)
        }
    }

    private func repetition(
        _ format: JSONValue, at pointer: String, depth: Int
    ) throws(RecognitionError) -> Structure {
        guard let content = format["content"] else {
            throw RecognitionError(at: pointer, "content is missing")
        }
        // Another round may follow, or what comes after; free text does not know which.
        let part = try structure(
            of: content, at: pointer + "/content", before: Follow(isKnown: false), depth: depth)
        switch format["type"]?.stringValue {
        case "optional": return .repetition(part, least: 0, most: 1)
        case "plus": return .repetition(part, least: 1, most: nil)
        case "star": return .repetition(part, least: 0, most: nil)
        default:
            guard let least = format["min"]?.intValue, let most = format["max"]?.intValue,
                least >= 0, most == -1 || most >= least
            else {
                throw RecognitionError(at: pointer, "min and max must be whole numbers in order")
            }
            return .repetition(part, least: least, most: most == -1 ? nil : most)
        }
    }

    // MARK: Tags

    private func tag(
        _ format: JSONValue, at pointer: String, depth: Int
    ) throws(RecognitionError) -> Structure {
        guard let content = format["content"] else {
            throw RecognitionError(at: pointer, "content is missing")
        }
        let begin = try mark(format["begin"], at: pointer + "/begin")
        let end: Structure
        if let options = format["end"]?.arrayValue {
            var ends: [Structure] = []
            for (index, option) in options.enumerated() {
                ends.append(try mark(option, at: "\(pointer)/end/\(index)"))
            }
            end = .choice(ends)
        } else {
            end = try mark(format["end"], at: pointer + "/end")
        }
        let follow = Self.beginning(of: end, before: Follow())
        let inner = try structure(
            of: content, at: pointer + "/content", before: follow, depth: depth)
        return .sequence([begin, inner, end])
    }

    /// A text, or a token of the vocabulary.
    private func mark(
        _ value: JSONValue?, at pointer: String
    ) throws(RecognitionError) -> Structure {
        if let text = value?.stringValue { return .literal(text) }
        guard let token = value?["token"] else {
            throw RecognitionError(at: pointer, "expected a string or a token")
        }
        return try self.token(token, at: pointer + "/token")
    }

    private func tags(
        _ format: JSONValue, at pointer: String, depth: Int
    ) throws(RecognitionError) -> [Structure] {
        var tags: [Structure] = []
        for (index, item) in try list(format, "tags", at: pointer).enumerated() {
            tags.append(try tag(item, at: "\(pointer)/tags/\(index)", depth: depth + 1))
        }
        return tags
    }

    private func triggeredTags(
        _ format: JSONValue, at pointer: String, before follow: Follow, depth: Int
    ) throws(RecognitionError) -> Structure {
        let tags = try tags(format, at: pointer, depth: depth)
        let excluded = try strings(format, "excludes", at: pointer, isOptional: true)
        let triggers = try strings(format, "triggers", at: pointer, isOptional: true)
        var tokens: [Structure] = []
        let items =
            isPresent(format, "trigger_tokens")
            ? try list(format, "trigger_tokens", at: pointer) : []
        for (index, item) in items.enumerated() {
            tokens.append(try token(item, at: "\(pointer)/trigger_tokens/\(index)"))
        }
        guard !triggers.isEmpty || !tokens.isEmpty else {
            throw RecognitionError(at: pointer, "triggers are missing")
        }
        var begins: [String] = []
        for (index, item) in try list(format, "tags", at: pointer).enumerated() {
            if let begin = item["begin"]?.stringValue {
                begins.append(begin)
            } else if !tokens.contains(where: { Self.isSame($0, as: item["begin"]?["token"]) }) {
                throw RecognitionError(
                    at: "\(pointer)/tags/\(index)/begin", "no trigger leads to this tag")
            }
        }
        try check(begins, triggers, at: pointer + "/tags")
        let text = dispatched(
            .choice(tags), free: freeText(until: triggers + excluded, before: follow),
            isRequired: try bool(format, "at_least_one", at: pointer),
            isSingle: try bool(format, "stop_after_first", at: pointer))
        return .sequence([text, try excludedTokens(of: format, at: pointer)])
    }

    /// Whether a token is the one that a value names.
    private static func isSame(_ token: Structure, as value: JSONValue?) -> Bool {
        guard case .controlNamed(let name, _) = token else { return false }
        switch name {
        case .name(let name): return value?.stringValue == name
        case .id(let id): return value?.intValue == Int(id)
        }
    }

    /// Free text in which tags stand.
    private func dispatched(
        _ tag: Structure, free: Structure, isRequired: Bool, isSingle: Bool
    ) -> Structure {
        if isSingle {
            return .sequence([free, .repetition(tag, least: isRequired ? 1 : 0, most: 1)])
        }
        let more = Structure.repetition(
            .sequence([tag, free]), least: isRequired ? 1 : 0, most: nil)
        return .sequence([free, more])
    }

    /// Sees to it that a trigger leads to each tag.
    private func check(
        _ begins: [String], _ triggers: [String], at pointer: String
    ) throws(RecognitionError) {
        for (index, begin) in begins.enumerated() {
            let bytes = Array(begin.utf8)
            guard triggers.contains(where: { bytes.starts(with: $0.utf8) && !$0.isEmpty }) else {
                throw RecognitionError(
                    at: "\(pointer)/\(index)/begin", "no trigger is a beginning of this text")
            }
        }
    }

    private func separatedTags(
        _ format: JSONValue, at pointer: String, depth: Int
    ) throws(RecognitionError) -> Structure {
        let tag = Structure.choice(try tags(format, at: pointer, depth: depth))
        let separator = Structure.literal(try string(format, "separator", at: pointer))
        let isSingle = try bool(format, "stop_after_first", at: pointer)
        let more = Structure.repetition(
            .sequence([separator, tag]), least: 0, most: isSingle ? 0 : nil)
        let isRequired = try bool(format, "at_least_one", at: pointer)
        return .repetition(.sequence([tag, more]), least: isRequired ? 1 : 0, most: 1)
    }

    private func dispatch(
        _ format: JSONValue, at pointer: String, before follow: Follow, depth: Int
    ) throws(RecognitionError) -> Structure {
        let excluded = try strings(format, "excludes", at: pointer, isOptional: true)
        let loops = try bool(format, "loop", at: pointer, absent: true)
        var triggers: [String] = []
        var rules: [Structure] = []
        let items = try list(format, "rules", at: pointer)
        for item in items {
            if let trigger = item[0]?.stringValue, !trigger.isEmpty { triggers.append(trigger) }
        }
        var next = follow
        if loops { next.texts += triggers }
        for (index, item) in items.enumerated() {
            let place = "\(pointer)/rules/\(index)"
            guard let trigger = item[0]?.stringValue, !trigger.isEmpty, let content = item[1]
            else { throw RecognitionError(at: place, "expected a pattern and a format") }
            let inner = try structure(of: content, at: place + "/1", before: next, depth: depth)
            rules.append(.sequence([.literal(trigger), inner]))
        }
        return dispatched(
            .choice(rules), free: freeText(until: triggers + excluded, before: follow),
            isRequired: false, isSingle: !loops)
    }

    // MARK: Members

    private func string(
        _ value: JSONValue, _ member: String, at pointer: String
    ) throws(RecognitionError) -> String {
        guard let text = value[member]?.stringValue else {
            throw RecognitionError(at: "\(pointer)/\(member)", "expected a string")
        }
        return text
    }

    private func list(
        _ value: JSONValue, _ member: String, at pointer: String
    ) throws(RecognitionError) -> [JSONValue] {
        guard let items = value[member]?.arrayValue, !items.isEmpty else {
            throw RecognitionError(at: "\(pointer)/\(member)", "expected a list that is not empty")
        }
        return items
    }

    private func isPresent(_ value: JSONValue, _ member: String) -> Bool {
        value[member].map { !$0.isNull } ?? false
    }

    private func bool(
        _ value: JSONValue, _ member: String, at pointer: String, absent: Bool = false
    ) throws(RecognitionError) -> Bool {
        guard isPresent(value, member) else { return absent }
        guard let bool = value[member]?.boolValue else {
            throw RecognitionError(at: "\(pointer)/\(member)", "expected true or false")
        }
        return bool
    }

    private func strings(
        _ value: JSONValue, _ member: String, at pointer: String, isOptional: Bool = false
    ) throws(RecognitionError) -> [String] {
        if isOptional, value[member] == nil || value[member]?.isNull == true { return [] }
        guard let items = value[member]?.arrayValue else {
            throw RecognitionError(at: "\(pointer)/\(member)", "expected a list of strings")
        }
        var texts: [String] = []
        for (index, item) in items.enumerated() {
            guard let text = item.stringValue, !text.isEmpty else {
                throw RecognitionError(
                    at: "\(pointer)/\(member)/\(index)", "expected a string that is not empty")
            }
            texts.append(text)
        }
        return texts
    }

    private func token(
        _ value: JSONValue?, at pointer: String
    ) throws(RecognitionError) -> Structure {
        if let id = value?.intValue, id >= 0, let token = Int32(exactly: id) {
            return .controlNamed(.id(token), place: pointer)
        }
        if let name = value?.stringValue { return .controlNamed(.name(name), place: pointer) }
        throw RecognitionError(at: pointer, "expected a token's id or name")
    }
}
