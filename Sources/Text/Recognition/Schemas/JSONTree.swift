// SPDX-License-Identifier: Apache-2.0

/// A JSON text as a flat list of values, numbers and strings kept as they are written.
///
/// A value stands before what it holds, and knows where what follows it begins; the members of an
/// object are a key and a value each. Of equal keys the last counts, as Python's `json` has it.
struct JSONTree {
    /// What a value is; the raw values are for one byte.
    enum Kind: UInt8 {
        case null, `false`, `true`, integer, fraction, string, array, object
        /// A key that occurs again later in its object.
        case shadowed

        /// The kind in a sentence.
        var phrase: String {
            switch self {
            case .null: "null"
            case .false, .true: "a boolean"
            case .integer: "an integer"
            case .fraction: "a fraction"
            case .string, .shadowed: "a string"
            case .array: "an array"
            case .object: "an object"
            }
        }

        /// The types that a value of this kind has.
        var types: Schema.Types {
            switch self {
            case .null: .null
            case .false, .true: .boolean
            case .integer: .integer
            case .fraction: .fraction
            case .string, .shadowed: .string
            case .array: .array
            case .object: .object
            }
        }
    }

    /// A value or a key.
    struct Node {
        var kind: Kind
        /// Elements of an array, distinct keys of an object.
        var count: Int32
        /// The node after this one and all that it holds.
        var next: Int32
        /// The text of a number or the decoded bytes of a string, within ``bytes``.
        var start: Int
        var end: Int
        /// The first byte of the value in the text.
        var place: Int
        /// Of a string's bytes.
        var hash: UInt64
    }

    /// The text, and after it the strings that were written with escapes.
    private(set) var bytes: [UInt8] = []
    /// The values; the first one is that of the whole text.
    private(set) var nodes: [Node] = []
    /// What is equal has equal hashes; 0 where not computed.
    private var hashes: [UInt64] = []
    /// The containers that are open.
    private var open: [Int] = []
    private var textCount = 0
    private var offset = 0

    /// Differs between runs, so that nobody can send strings of equal hashes.
    private static let seed = UInt64.random(in: .min ... .max)

    /// A tree of nothing.
    init() {}

    /// Why a text is not JSON.
    struct Flaw {
        let offset: Int
        let reason: String
    }

    /// Reads one JSON text.
    ///
    /// - Complexity: O(n log n), without recursion.
    mutating func parse(_ text: ArraySlice<UInt8>, maxDepth: Int) -> Flaw? {
        bytes.removeAll(keepingCapacity: true)
        bytes.append(contentsOf: text)
        nodes.removeAll(keepingCapacity: true)
        hashes.removeAll(keepingCapacity: true)
        open.removeAll(keepingCapacity: true)
        textCount = text.count
        offset = 0
        guard textCount < Int32.max else { return Flaw(offset: 0, reason: "the text is too long") }
        return parseAll(maxDepth: maxDepth)
    }

    // MARK: Parsing

    private mutating func parseAll(maxDepth: Int) -> Flaw? {
        while true {
            skipWhiteSpace()
            guard offset < textCount else { return flaw("the text ends within a value") }
            switch bytes[offset] {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                guard open.count < maxDepth else {
                    return flaw("the text nests deeper than \(maxDepth) levels")
                }
                let isObject = bytes[offset] == UInt8(ascii: "{")
                append(isObject ? .object : .array, offset, offset)
                offset += 1
                skipWhiteSpace()
                if offset < textCount, bytes[offset] == (isObject ? 0x7D : 0x5D) {
                    offset += 1
                    break
                }
                open.append(nodes.count - 1)
                if isObject, let flaw = parseKey() { return flaw }
                continue
            case UInt8(ascii: "\""):
                if let flaw = parseString() { return flaw }
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                if let flaw = parseNumber() { return flaw }
            case UInt8(ascii: "t"): if let flaw = parse("true", .true) { return flaw }
            case UInt8(ascii: "f"): if let flaw = parse("false", .false) { return flaw }
            case UInt8(ascii: "n"): if let flaw = parse("null", .null) { return flaw }
            default: return flaw("expected a value")
            }
            if let flaw = parseAfterValue() { return flaw }
            if open.isEmpty {
                return offset == textCount ? nil : flaw("expected the end of the text")
            }
        }
    }

    /// Closes the containers that end after a value, up to where the next value begins.
    private mutating func parseAfterValue() -> Flaw? {
        skipWhiteSpace()
        while let container = open.last {
            nodes[container].count += 1
            guard offset < textCount else { return flaw("the text ends within a value") }
            let isObject = nodes[container].kind == .object
            switch bytes[offset] {
            case UInt8(ascii: ","):
                offset += 1
                guard isObject else { return nil }
                skipWhiteSpace()
                return parseKey()
            case UInt8(ascii: "}") where isObject, UInt8(ascii: "]") where !isObject:
                offset += 1
                nodes[container].next = Int32(nodes.count)
                if isObject { shadowEqualKeys(of: container) }
                open.removeLast()
                skipWhiteSpace()
            default: return flaw(isObject ? "expected ',' or '}'" : "expected ',' or ']'")
            }
        }
        return nil
    }

    private func flaw(_ reason: String) -> Flaw { Flaw(offset: offset, reason: reason) }

    private mutating func append(_ kind: Kind, _ start: Int, _ end: Int, _ hash: UInt64 = 0) {
        nodes.append(
            Node(
                kind: kind, count: 0, next: Int32(nodes.count + 1), start: start, end: end,
                place: offset, hash: hash))
    }

    private mutating func skipWhiteSpace() {
        while offset < textCount {
            switch bytes[offset] {
            case 0x20, 0x0A, 0x0D, 0x09: offset += 1
            default: return
            }
        }
    }

    private mutating func parse(_ word: StaticString, _ kind: Kind) -> Flaw? {
        append(kind, offset, offset)
        for byte in word.description.utf8 {
            guard offset < textCount, bytes[offset] == byte else {
                return flaw("expected \(word)")
            }
            offset += 1
        }
        return nil
    }

    private mutating func parseKey() -> Flaw? {
        guard offset < textCount, bytes[offset] == UInt8(ascii: "\"") else {
            return flaw("expected a key")
        }
        if let flaw = parseString() { return flaw }
        skipWhiteSpace()
        guard offset < textCount, bytes[offset] == UInt8(ascii: ":") else {
            return flaw("expected ':'")
        }
        offset += 1
        return nil
    }

    private mutating func parseNumber() -> Flaw? {
        let start = offset
        var end = start
        var isWhole = true
        while end < textCount {
            switch bytes[end] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): break
            case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "+"):
                isWhole = false
            default:
                return finishNumber(start..<end, isWhole)
            }
            end += 1
        }
        return finishNumber(start..<end, isWhole)
    }

    private mutating func finishNumber(_ range: Range<Int>, _ isWhole: Bool) -> Flaw? {
        let digits = bytes[range.lowerBound] == UInt8(ascii: "-") ? range.dropFirst() : range
        guard let number = ExactNumber(bytes.span, range),
            let first = digits.first,
            bytes[first] != 0x30 || digits.count == 1
                || bytes[first + 1] &- 0x30 >= 10
        else { return flaw("expected a number") }
        append(
            isWhole || number.isInteger ? .integer : .fraction, range.lowerBound, range.upperBound)
        offset = range.upperBound
        return nil
    }

    private mutating func parseString() -> Flaw? {
        let quote = offset
        var end = quote + 1
        while end < textCount {
            let byte = bytes[end]
            if byte == UInt8(ascii: "\"") {
                append(.string, quote + 1, end, Self.hash(bytes.span, quote + 1..<end))
                offset = end + 1
                return nil
            }
            if byte == UInt8(ascii: "\\") { return parseEscapedString(from: quote, escape: end) }
            let length = byte < 0x20 ? 0 : byte < 0x80 ? 1 : characterByteCount(at: end)
            guard length > 0 else {
                offset = end
                return flaw("a string holds \(byte < 0x20 ? "a control character" : "no UTF-8")")
            }
            end += length
        }
        offset = textCount
        return flaw("the text ends within a string")
    }

    /// The length of the UTF-8 sequence at an offset, or 0 where there is none (RFC 3629 §4).
    private func characterByteCount(at offset: Int) -> Int {
        let first = bytes[offset]
        let count = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0
        guard count > 0, offset + count <= textCount else { return 0 }
        let second = bytes[offset + 1]
        let least: UInt8 = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80
        let most: UInt8 = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF
        guard (least...most).contains(second) else { return 0 }
        for index in offset + 2..<max(offset + 2, offset + count)
        where bytes[index] & 0xC0 != 0x80 { return 0 }
        return count
    }

    /// Goes on with a string at its first escape: what it stands for goes to the end of ``bytes``.
    private mutating func parseEscapedString(from quote: Int, escape: Int) -> Flaw? {
        let start = bytes.count
        for index in quote + 1..<escape { bytes.append(bytes[index]) }
        var end = escape
        while end < textCount {
            let byte = bytes[end]
            if byte == UInt8(ascii: "\"") {
                append(.string, start, bytes.count, Self.hash(bytes.span, start..<bytes.count))
                offset = end + 1
                return nil
            }
            if byte == UInt8(ascii: "\\") {
                let length = decodeEscape(at: end)
                guard length > 0 else {
                    offset = end
                    return flaw("no such escape")
                }
                end += length
                continue
            }
            let length = byte < 0x20 ? 0 : byte < 0x80 ? 1 : characterByteCount(at: end)
            guard length > 0 else {
                offset = end
                return flaw("a string holds \(byte < 0x20 ? "a control character" : "no UTF-8")")
            }
            for index in end..<end + length { bytes.append(bytes[index]) }
            end += length
        }
        offset = textCount
        return flaw("the text ends within a string")
    }

    /// Decodes one escape.
    ///
    /// A surrogate without its partner is kept, in the form that UTF-8 would give it.
    ///
    /// - Returns: how many bytes it is written with; 0 where it is none.
    private mutating func decodeEscape(at offset: Int) -> Int {
        guard offset + 1 < textCount else { return 0 }
        switch bytes[offset + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
            bytes.append(bytes[offset + 1])
        case UInt8(ascii: "b"): bytes.append(8)
        case UInt8(ascii: "f"): bytes.append(12)
        case UInt8(ascii: "n"): bytes.append(10)
        case UInt8(ascii: "r"): bytes.append(13)
        case UInt8(ascii: "t"): bytes.append(9)
        case UInt8(ascii: "u"):
            guard let unit = codeUnit(at: offset) else { return 0 }
            if unit & 0xFC00 == 0xD800, let low = codeUnit(at: offset + 6), low & 0xFC00 == 0xDC00 {
                append(scalar: 0x10000 + (unit & 0x3FF) << 10 + (low & 0x3FF))
                return 12
            }
            append(scalar: unit)
            return 6
        default: return 0
        }
        return 2
    }

    /// The number of an escape `\uXXXX`, if one stands at an offset.
    private func codeUnit(at offset: Int) -> UInt32? {
        guard offset + 6 <= textCount, bytes[offset] == UInt8(ascii: "\\"),
            bytes[offset + 1] == UInt8(ascii: "u")
        else { return nil }
        var unit: UInt32 = 0
        for index in offset + 2..<offset + 6 {
            guard let digit = Character(UnicodeScalar(bytes[index])).hexDigitValue else {
                return nil
            }
            unit = unit << 4 | UInt32(digit)
        }
        return unit
    }

    private mutating func append(scalar: UInt32) {
        switch scalar {
        case 0..<0x80: bytes.append(UInt8(scalar))
        case 0x80..<0x800:
            bytes.append(UInt8(0xC0 | scalar >> 6))
            bytes.append(UInt8(0x80 | scalar & 0x3F))
        case 0x800..<0x10000:
            bytes.append(UInt8(0xE0 | scalar >> 12))
            bytes.append(UInt8(0x80 | scalar >> 6 & 0x3F))
            bytes.append(UInt8(0x80 | scalar & 0x3F))
        default:
            bytes.append(UInt8(0xF0 | scalar >> 18))
            bytes.append(UInt8(0x80 | scalar >> 12 & 0x3F))
            bytes.append(UInt8(0x80 | scalar >> 6 & 0x3F))
            bytes.append(UInt8(0x80 | scalar & 0x3F))
        }
    }

    /// Marks the keys of an object that occur again later.
    private mutating func shadowEqualKeys(of object: Int) {
        let count = Int(nodes[object].count)
        guard count > 1 else { return }
        if count <= 8 {
            var key = object + 1
            for _ in 1..<count {
                var later = Int(nodes[key + 1].next)
                let end = Int(nodes[object].next)
                while later < end {
                    if isEqualString(key, self, later) {
                        nodes[key].kind = .shadowed
                        nodes[object].count -= 1
                        break
                    }
                    later = Int(nodes[later + 1].next)
                }
                key = Int(nodes[key + 1].next)
            }
            return
        }
        var last: [UInt64: [Int]] = [:]
        last.reserveCapacity(count)
        var key = object + 1
        for _ in 0..<count {
            let hash = nodes[key].hash
            let earlier = last[hash, default: []].firstIndex { isEqualString($0, self, key) }
            if let earlier {
                nodes[last[hash, default: []][earlier]].kind = .shadowed
                nodes[object].count -= 1
                last[hash]?[earlier] = key
            } else {
                last[hash, default: []].append(key)
            }
            key = Int(nodes[key + 1].next)
        }
    }

    // MARK: Values

    /// The exact number of a node that is one.
    func number(_ node: Int) -> ExactNumber {
        ExactNumber(bytes.span, nodes[node].start..<nodes[node].end) ?? .zero
    }

    /// Whether a number is written without a point and without an exponent.
    func isPlain(_ node: Int) -> Bool {
        bytes[nodes[node].start..<nodes[node].end].allSatisfy {
            $0 <= UInt8(ascii: "9") && $0 != 0x2E
        }
    }

    /// How many code points a string has.
    func codePointCount(_ node: Int) -> Int {
        var count = 0
        let span = bytes.span
        for index in nodes[node].start..<nodes[node].end where span[index] & 0xC0 != 0x80 {
            count += 1
        }
        return count
    }

    /// The nodes of an object's keys, without those that occur again; the value is the next node.
    func nextKey(_ key: Int, before end: Int) -> Int? {
        var key = key
        while key < end {
            if nodes[key].kind != .shadowed { return key }
            key = Int(nodes[key + 1].next)
        }
        return nil
    }

    /// The hash of a string's bytes.
    static func hash(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> UInt64 {
        var hash = seed
        var index = range.lowerBound
        while index + 8 <= range.upperBound {
            var word: UInt64 = 0
            for place in 0..<8 { word = word << 8 | UInt64(bytes[index + place]) }
            hash = mix(hash ^ word)
            index += 8
        }
        var word = UInt64(range.count)
        while index < range.upperBound {
            word = word << 8 | UInt64(bytes[index])
            index += 1
        }
        return mix(hash ^ word)
    }

    private static func mix(_ word: UInt64) -> UInt64 {
        let product = word.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return product.high ^ product.low ^ seed
    }

    /// Whether two strings are the same code points.
    func isEqualString(_ node: Int, _ other: borrowing JSONTree, _ otherNode: Int) -> Bool {
        let (left, right) = (nodes[node], other.nodes[otherNode])
        let count = left.end - left.start
        guard left.hash == right.hash, count == right.end - right.start else { return false }
        for index in 0..<count
        where bytes[left.start + index] != other.bytes[right.start + index] { return false }
        return true
    }

    /// A hash that equal values share, however they are written.
    mutating func valueHash(_ root: Int) -> UInt64 {
        if hashes.count != nodes.count {
            hashes = [UInt64](repeating: 0, count: nodes.count)
        }
        guard hashes[root] == 0 else { return hashes[root] }
        // What a value holds stands after it, so from the end all hashes come in time.
        for node in (root..<Int(nodes[root].next)).reversed() where hashes[node] == 0 {
            let kind = nodes[node].kind
            var hash = UInt64(kind.rawValue) &+ Self.seed
            switch kind {
            case .null, .false, .true: break
            case .integer, .fraction: hash ^= UInt64(truncatingIfNeeded: number(node).hashValue)
            case .string, .shadowed: hash = nodes[node].hash
            case .array:
                var element = node + 1
                while element < Int(nodes[node].next) {
                    hash = Self.mix(hash ^ hashes[element])
                    element = Int(nodes[element].next)
                }
            case .object:
                let end = Int(nodes[node].next)
                var key = nextKey(node + 1, before: end)
                while let member = key {
                    hash &+= Self.mix(hashes[member] &+ Self.mix(hashes[member + 1]))
                    key = nextKey(Int(nodes[member + 1].next), before: end)
                }
            }
            hashes[node] = max(1, Self.mix(hash))
        }
        return hashes[root]
    }

    /// Whether two values are equal: numbers by what they are worth, objects in any order.
    ///
    /// Recursion is bounded by the depth that ``parse(_:maxDepth:)`` allowed.
    func isEqual(_ node: Int, _ other: borrowing JSONTree, _ otherNode: Int) -> Bool {
        let (left, right) = (nodes[node], other.nodes[otherNode])
        guard left.kind == right.kind, left.count == right.count else { return false }
        switch left.kind {
        case .null, .false, .true: return true
        case .integer, .fraction: return number(node) == other.number(otherNode)
        case .string, .shadowed: return isEqualString(node, other, otherNode)
        case .array:
            var (element, otherElement) = (node + 1, otherNode + 1)
            while element < Int(left.next) {
                guard isEqual(element, other, otherElement) else { return false }
                element = Int(nodes[element].next)
                otherElement = Int(other.nodes[otherElement].next)
            }
            return true
        case .object:
            let keys = other.keysByHash(of: otherNode)
            var key = nextKey(node + 1, before: Int(left.next))
            while let member = key {
                guard
                    let partner = keys[nodes[member].hash]?.first(where: {
                        isEqualString(member, other, $0)
                    }), isEqual(member + 1, other, partner + 1)
                else { return false }
                key = nextKey(Int(nodes[member + 1].next), before: Int(left.next))
            }
            return true
        }
    }

    private func keysByHash(of object: Int) -> [UInt64: [Int]] {
        var keys: [UInt64: [Int]] = [:]
        let end = Int(nodes[object].next)
        var key = nextKey(object + 1, before: end)
        while let member = key {
            keys[nodes[member].hash, default: []].append(member)
            key = nextKey(Int(nodes[member + 1].next), before: end)
        }
        return keys
    }
}
