// SPDX-License-Identifier: Apache-2.0

/// Finds marks in a stream of symbols and holds back what may be the beginning of one.
///
/// Where one mark begins like another, the shorter one is found.
struct MarkMatcher: Sendable {
    private let marks: [Mark]
    /// The first byte of each mark that is text.
    private let firsts: Set<UInt8>
    private var held: [UInt8] = []

    init(_ marks: [Mark]) {
        self.marks = marks
        firsts = Set(marks.filter { $0.control == nil }.compactMap(\.bytes.first))
    }

    /// What a symbol made certain.
    struct Finding {
        /// Bytes that belong to no mark.
        var plain: [UInt8] = []
        /// The mark that is complete, by its place; it follows ``plain``.
        var mark: Int?
        /// A control token that is none of the marks.
        var control: Int32?
    }

    mutating func take(_ symbol: AnswerSymbol) -> Finding {
        switch symbol {
        case .control(let id):
            var finding = Finding(plain: release())
            finding.mark = marks.firstIndex { $0.control == id }
            if finding.mark == nil { finding.control = id }
            return finding
        case .byte(let byte):
            if held.isEmpty, !firsts.contains(byte) { return Finding(plain: [byte]) }
            return take(byte)
        }
    }

    private mutating func take(_ byte: UInt8) -> Finding {
        held.append(byte)
        var finding = Finding()
        while !held.isEmpty {
            var isBeginning = false
            for (place, mark) in marks.enumerated()
            where mark.control == nil && mark.bytes.starts(with: held) {
                if mark.bytes.count == held.count {
                    held = []
                    finding.mark = place
                    return finding
                }
                isBeginning = true
            }
            if isBeginning { break }
            finding.plain.append(held.removeFirst())
        }
        return finding
    }

    /// What is held back, which is no mark after all.
    mutating func release() -> [UInt8] {
        defer { held = [] }
        return held
    }

    /// Takes what follows a whole call: white space, and the mark that closes it.
    ///
    /// - Returns: what becomes of the call; it has ended without its mark where anything else comes,
    ///   which then follows the call.
    mutating func close(_ symbol: AnswerSymbol) -> CallStep {
        let finding = take(symbol)
        if finding.mark != nil { return .ended(rest: []) }
        let plain = finding.plain.drop { $0.isJSONSpace }
        if plain.isEmpty, finding.control == nil { return .inside }
        // What was held back after these bytes follows them.
        return .ended(
            rest: (plain + release()).map { .byte($0) }
                + (finding.control.map { [.control($0)] } ?? []))
    }
}
