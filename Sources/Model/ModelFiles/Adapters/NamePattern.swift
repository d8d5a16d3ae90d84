// SPDX-License-Identifier: Apache-2.0

/// The part of Python's regular expressions that adapters name modules with: letters, `.` for any
/// character, `.*` for any number of them, a backslash before what is meant as it stands, `^` before
/// and `$` after all.
///
/// It matches the end of a name, from its beginning or from after a dot on, as PEFT has it.
struct NamePattern {
    private enum Element: Equatable {
        case character(UInt8)
        case any
        case anyNumber
    }

    private var elements: [Element] = []
    /// Whether it is that of a whole name.
    private var isWhole = false

    /// A pattern; nil where it asks for more than that.
    init?(_ text: String) {
        var bytes = Array(text.utf8)[...]
        if bytes.first == UInt8(ascii: "^") {
            isWhole = true
            bytes = bytes.dropFirst()
        }
        if bytes.last == UInt8(ascii: "$") { bytes = bytes.dropLast() }
        while let byte = bytes.popFirst() {
            switch byte {
            case UInt8(ascii: "."): elements.append(.any)
            case UInt8(ascii: "*"):
                guard elements.last == .any else { return nil }
                elements[elements.count - 1] = .anyNumber
            case UInt8(ascii: "\\"):
                guard let next = bytes.popFirst(), next == UInt8(ascii: ".") else { return nil }
                elements.append(.character(next))
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                elements.append(.character(byte))
            default: return nil
            }
        }
    }

    /// Whether it is the end of a name.
    ///
    /// - Complexity: O(pattern · name).
    func matches(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        // Which places of the name the elements so far may end at.
        var places = [Bool](repeating: false, count: bytes.count + 1)
        for place in places.indices {
            places[place] =
                place == 0 || !isWhole && bytes[place - 1] == UInt8(ascii: ".")
        }
        for element in elements {
            var next = [Bool](repeating: false, count: places.count)
            for place in places.indices {
                switch element {
                case .anyNumber: next[place] = places[place] || place > 0 && next[place - 1]
                case .any: next[place] = place > 0 && places[place - 1]
                case .character(let byte):
                    next[place] = place > 0 && places[place - 1] && bytes[place - 1] == byte
                }
            }
            places = next
        }
        return places.last ?? false
    }
}
