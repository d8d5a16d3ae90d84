// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A `format` that is checked, by the name that JSON Schema has for it.
///
/// Its expression is over the string as it is decoded, and built once for all schemas.
package struct StringFormat: Hashable, Sendable {
    /// The format's name.
    package let name: String

    private let definition: Definition

    /// The format of that name; nil where it is unknown, and so an annotation only.
    package init?(named name: String) {
        guard let definition = Self.definition(named: name) else { return nil }
        self.name = name
        self.definition = definition
    }

    /// The texts of the format, and further ones where it is not ``isExact``.
    package var expression: RegularExpression { definition.expression }

    /// Whether every text of the expression is one of the format.
    package var isExact: Bool { definition.check == nil }

    /// Whether a text is one of the format.
    package func accepts(_ text: String) -> Bool {
        definition.matches(text) && (definition.check?(text) ?? true)
    }

    package static func == (left: StringFormat, right: StringFormat) -> Bool {
        left.name == right.name
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(name) }

    /// What a format is.
    private final class Definition: Sendable {
        let expression: RegularExpression
        /// What the expression leaves out.
        let check: (@Sendable (String) -> Bool)?
        private let automaton: Mutex<LazyAutomaton?>

        /// - Precondition: the pattern is one, which the tests of each format see.
        init(_ pattern: String, check: (@Sendable (String) -> Bool)? = nil) {
            let plain = (try? RegularExpression(wholly: pattern)) ?? .nothing
            self.check = check
            // Every schema that names the format begins with the states that are met most.
            guard let made = try? LazyAutomaton(plain) else {
                expression = plain
                automaton = Mutex(nil)
                return
            }
            made.prepare(maxStates: 200)
            expression = made.preparedExpression
            automaton = Mutex(made)
        }

        func matches(_ text: String) -> Bool {
            automaton.withLock { automaton in
                guard let automaton else { return false }
                if automaton.byteCount > 8 << 20 { automaton.forgetStates() }
                return automaton.accepts(text.utf8)
            }
        }
    }

    private static func definition(named name: String) -> Definition? {
        switch name {
        case "date-time": dateTime
        case "date": date
        case "time": time
        case "duration": duration
        case "email": email
        case "idn-email": idnEmail
        case "hostname": hostname
        case "idn-hostname": idnHostname
        case "ipv4": ipv4
        case "ipv6": ipv6
        case "uri": uri
        case "uri-reference": uriReference
        case "iri": iri
        case "iri-reference": iriReference
        case "uri-template": uriTemplate
        case "uuid": uuid
        case "json-pointer": jsonPointer
        case "relative-json-pointer": relativeJSONPointer
        case "regex": regex
        default: nil
        }
    }

    // MARK: Dates and times: RFC 3339, section 5.6

    private static let date = Definition(TimePatterns.date)
    private static let time = Definition(TimePatterns.time)
    private static let dateTime = Definition("\(TimePatterns.date)[Tt]\(TimePatterns.time)")

    /// RFC 3339, appendix A: no unit is left out between two others.
    private static let duration: Definition = {
        let time = "T(?:\\d+H(?:\\d+M(?:\\d+S)?)?|\\d+M(?:\\d+S)?|\\d+S)"
        let date = "(?:\\d+D|\\d+M(?:\\d+D)?|\\d+Y(?:\\d+M(?:\\d+D)?)?)"
        return Definition("P(?:\(date)(?:\(time))?|\(time)|\\d+W)")
    }()

    // MARK: Addresses

    private static let octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
    private static let ipv4Pattern = "\(octet)(?:\\.\(octet)){3}"

    /// RFC 3986, section 3.2.2: up to seven groups around `::`, the last two perhaps as IPv4.
    private static let ipv6Pattern: String = {
        let group = "[0-9A-Fa-f]{1,4}"
        let last = "(?:\(group):\(group)|\(ipv4Pattern))"
        var choices = ["(?:\(group):){6}\(last)"]
        for after in (0...5).reversed() {
            let before = 5 - after
            let head = before == 0 ? "" : "(?:(?:\(group):){0,\(before - 1)}\(group))?"
            choices.append("\(head)::(?:\(group):){\(after)}\(last)")
        }
        choices.append("(?:(?:\(group):){0,5}\(group))?::\(group)")
        choices.append("(?:(?:\(group):){0,6}\(group))?::")
        return "(?:\(choices.joined(separator: "|")))"
    }()

    private static let ipv4 = Definition(ipv4Pattern)
    private static let ipv6 = Definition(ipv6Pattern)

    /// RFC 1123, section 2.1, with the lengths of RFC 1035.
    private static let label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    private static let hostname = Definition(
        "(?=.{1,253}$)\(label)(?:\\.\(label))*",
        check: { InternationalDomainName.isValidHostname($0) })
    private static let idnHostname: Definition = {
        let character =
            "[A-Za-z0-9\\u0080-\\u3001\\u3003-\\uFF0D\\uFF0F-\\uFF60\\uFF62-\\u{10FFFF}]"
        let label = "\(character)(?:-*\(character))*"
        return Definition(
            "\(label)(?:[.\\u3002\\uFF0E\\uFF61]\(label))*",
            check: { InternationalDomainName.isValid($0) })
    }()

    /// RFC 5321, section 4.1.2; RFC 6531, section 3.3 for the other one.
    private static func mailbox(also others: String) -> String {
        let atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~\(others)-]+"
        let quoted = "\"(?:[ !#-\\[\\]-~\(others)]|\\\\[ -~])*\""
        let letter = "[A-Za-z0-9\(others)]"
        let label = "\(letter)(?:[A-Za-z0-9\(others)-]{0,61}\(letter))?"
        let number = "(?:25[0-5]|2[0-4]\\d|[01]?\\d?\\d)"
        let literal =
            "\\[(?:\(number)(?:\\.\(number)){3}|[Ii][Pp][Vv]6:\(ipv6Pattern))\\]"
        return "(?:\(atom)(?:\\.\(atom))*|\(quoted))@(?:\(label)(?:\\.\(label))*|\(literal))"
    }

    private static let email = Definition(mailbox(also: ""))
    private static let idnEmail = Definition(mailbox(also: "\\u0080-\\u{10FFFF}"))

    // MARK: Resources: RFC 3986, appendix A, and RFC 3987, section 2.2

    private static let uri = Definition(ResourcePatterns.ascii.absolute)
    private static let uriReference = Definition(ResourcePatterns.ascii.reference)
    private static let iri = Definition(ResourcePatterns.international.absolute)
    private static let iriReference = Definition(ResourcePatterns.international.reference)

    private struct ResourcePatterns {
        static let ascii = ResourcePatterns(letters: "", privateLetters: "")
        static let international = ResourcePatterns(
            letters: StringFormat.ucsLetters, privateLetters: StringFormat.privateLetters)

        let absolute: String
        let reference: String

        init(letters: String, privateLetters: String) {
            let encoded = "%[0-9A-Fa-f]{2}"
            let unreserved = "A-Za-z0-9._~\(letters)-"
            let delimiters = "!$&'()*+,;="
            let character = "(?:[\(delimiters):@\(unreserved)]|\(encoded))"
            let future = "[Vv][0-9A-Fa-f]+\\.[\(delimiters):A-Za-z0-9._~-]+"
            let host =
                "(?:\\[(?:\(StringFormat.ipv6Pattern)|\(future))\\]"
                + "|(?:[\(delimiters)\(unreserved)]|\(encoded))*)"
            let user = "(?:(?:[\(delimiters):\(unreserved)]|\(encoded))*@)?"
            let authority = "//\(user)\(host)(?::\\d*)?(?:/\(character)*)*"
            let absolutePath = "/(?:\(character)+(?:/\(character)*)*)?"
            let rootless = "\(character)+(?:/\(character)*)*"
            let noScheme =
                "(?:[\(delimiters)@\(unreserved)]|\(encoded))+(?:/\(character)*)*"
            let query = "(?:\\?(?:[\(delimiters):@/?\(privateLetters)\(unreserved)]|\(encoded))*)?"
            let fragment = "(?:#(?:[\(delimiters):@/?\(unreserved)]|\(encoded))*)?"
            absolute =
                "[A-Za-z][A-Za-z0-9+.-]*:(?:\(authority)|\(absolutePath)|\(rootless)|)"
                + query + fragment
            reference =
                "(?:\(absolute)|(?:\(authority)|\(absolutePath)|\(noScheme)|)\(query)\(fragment))"
        }
    }

    private static let ucsLetters: String = {
        let planes = (1...13).map { plane in
            let first = plane << 16
            return "\\u{\(hexadecimal(first))}-\\u{\(hexadecimal(first + 0xFFFD))}"
        }
        return "\\u00A0-\\uD7FF\\uF900-\\uFDCF\\uFDF0-\\uFFEF\(planes.joined())"
            + "\\u{E1000}-\\u{EFFFD}"
    }()

    private static let privateLetters =
        "\\uE000-\\uF8FF\\u{F0000}-\\u{FFFFD}\\u{100000}-\\u{10FFFD}"

    private static func hexadecimal(_ value: Int) -> String { String(value, radix: 16) }

    /// RFC 6570, section 2; an apostrophe is a literal since erratum 6937.
    private static let uriTemplate: Definition = {
        let encoded = "%[0-9A-Fa-f]{2}"
        let literal =
            "(?:[!#$&'()*+,./0-9:;=?@A-Z\\[\\]_a-z~\(ucsLetters)\(privateLetters)-]|\(encoded))"
        let character = "(?:[A-Za-z0-9_]|\(encoded))"
        let name = "\(character)(?:\\.?\(character))*"
        let variable = "\(name)(?::[1-9]\\d{0,3}|\\*)?"
        let expression = "\\{[+#./;?&=,!@|]?\(variable)(?:,\(variable))*\\}"
        return Definition("(?:\(literal)|\(expression))*")
    }()

    // MARK: Others

    private static let uuid = Definition(
        "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}")

    private static let jsonPointer = Definition("(?:/(?:[^~/]|~[01])*)*")
    private static let relativeJSONPointer = Definition(
        "(?:0|[1-9]\\d*)(?:#|(?:/(?:[^~/]|~[01])*)*)")

    private static let regex = Definition(
        "[^]*", check: { RegularExpression.isECMAScript($0) })
}
