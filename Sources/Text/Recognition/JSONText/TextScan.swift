// SPDX-License-Identifier: Apache-2.0

/// How far a string or a key has been read, after its opening quote.
///
/// What the escapes stand for is read by the automata and lists of several threads at once, one for
/// each term of a string or each offer of keys that still allows it.
struct TextScan: Hashable {
    /// What a byte makes of it.
    enum Step {
        case none
        case within(TextScan)
        case complete(LexemeExit)
    }

    /// Where the next byte stands.
    private enum Place: Hashable {
        case plain
        /// In a character of several bytes, the next of which is in a range.
        case character(left: UInt8, low: UInt8, high: UInt8)
        case escape
        case hexadecimal(count: UInt8, value: UInt32)
        /// After the first half of a surrogate pair.
        case secondEscape(high: UInt32)
        case secondLetter(high: UInt32)
        case secondHalf(high: UInt32, count: UInt8, value: UInt32)
    }

    /// One of the terms or offers.
    private struct Thread: Hashable {
        /// The term, or the offer where a key is read.
        var rule: Int32
        /// The states of its automata and lists.
        var states: [Int32]
    }

    private let isKey: Bool
    private var place = Place.plain
    /// The code points so far, as far as they are counted.
    private var count: Int32 = 0
    private var countLimit: Int32
    private var isFrozen = false
    private var threads: [Thread] = []

    // The states of a key's thread begin with these, the patterns' and the name's atoms follow.
    private static let word = 0
    private static let isWordOpen = 1
    private static let isOtherOpen = 2
    private static let firstPattern = 3

    /// A string of any of some terms.
    init(strings terms: [Int32], in scalars: ScalarTerms) {
        isKey = false
        countLimit = 0
        for rule in terms {
            let term = scalars.terms[Int(rule)]
            countLimit = max(countLimit, Int32(clamping: term.countLimit))
            threads.append(Thread(rule: rule, states: Self.starts(term, scalars)))
        }
    }

    /// A key of any of some offers.
    init(keys offers: [Int32], in table: ScannerTable, _ scalars: ScalarTerms) {
        isKey = true
        countLimit = 0
        for rule in offers {
            let offer = table.offers[Int(rule)]
            let shape = offer.shape
            var states: [Int32] = [0, 1, offer.allowsOthers ? 1 : 0]
            states += shape.patterns.map { scalars.automata[Int($0)].start }
            if shape.nameTerm >= 0 {
                let term = scalars.terms[Int(shape.nameTerm)]
                countLimit = max(countLimit, Int32(clamping: term.countLimit))
                states += Self.starts(term, scalars)
            }
            threads.append(Thread(rule: rule, states: states))
        }
    }

    private static func starts(_ term: ScalarTerm, _ scalars: ScalarTerms) -> [Int32] {
        term.formula.atoms.map {
            if case .automaton(let index) = $0 { scalars.automata[Int(index)].start } else { 0 }
        }
    }

    /// A number for plain strings, which read alike everywhere.
    var identity: UInt64? {
        guard !isKey, threads.count == 1, threads[0].rule == ScalarTerms.anyString else {
            return nil
        }
        return placeIdentity
    }

    /// The plain string that it reads like from here on, for how many bytes, and what it is itself
    /// when complete.
    func likeness(
        in table: ScannerTable, _ shapes: ShapeTable
    ) -> (identity: UInt64, exit: LexemeExit, reach: Int)? {
        let reader = Reader(table: table, shapes: shapes)
        guard reader.isFree(self), let exit = reader.exit(of: self) else { return nil }
        return (placeIdentity, exit, reader.reach(of: self))
    }

    private var placeIdentity: UInt64 {
        switch place {
        case .plain: 1
        case .character(let left, let low, let high):
            2 << 32 | UInt64(left) << 16 | UInt64(low) << 8 | UInt64(high)
        case .escape: 2
        case .hexadecimal(let count, let value): 3 << 32 | UInt64(count) << 24 | UInt64(value)
        case .secondEscape(let high): 4 << 32 | UInt64(high)
        case .secondLetter(let high): 5 << 32 | UInt64(high)
        case .secondHalf(let high, let count, let value):
            6 << 56 | UInt64(high) << 32 | UInt64(count) << 24 | UInt64(value)
        }
    }

    // MARK: Moving

    /// What a byte makes of it.
    func next(_ byte: UInt8, in table: ScannerTable, _ shapes: ShapeTable) -> Step {
        let reader = Reader(table: table, shapes: shapes)
        var next = self
        switch place {
        case .plain:
            if byte == UInt8(ascii: "\"") {
                return reader.exit(of: self).map { .complete($0) } ?? .none
            }
            guard byte >= 0x20, let place = Self.place(after: byte) else { return .none }
            next.place = place
            next.countOne()
            if place == .escape {
                reader.keepThreads(of: &next) { reader.canEscape($0, $1, "") }
            } else {
                reader.feed(&next, CollectionOfOne(byte))
            }
        case .character(let left, let low, let high):
            guard byte >= low, byte <= high else { return .none }
            next.place = left == 1 ? .plain : .character(left: left - 1, low: 0x80, high: 0xBF)
            reader.feed(&next, CollectionOfOne(byte))
        case .escape:
            if byte == UInt8(ascii: "u") {
                next.place = .hexadecimal(count: 0, value: 0)
                reader.keepThreads(of: &next) { reader.canEscape($0, $1, "u") }
            } else {
                guard let meaning = Self.meaning(of: byte) else { return .none }
                next.place = .plain
                reader.feed(&next, CollectionOfOne(meaning), isNeeded: byte != UInt8(ascii: "/"))
            }
        case .hexadecimal(let count, let value):
            guard let digit = Self.digit(byte) else { return .none }
            return reader.read(digit, isCapital: byte < 0x61 && byte > 0x39, count, value, next)
        case .secondEscape(let high):
            guard byte == UInt8(ascii: "\\") else { return .none }
            next.place = .secondLetter(high: high)
        case .secondLetter(let high):
            guard byte == UInt8(ascii: "u") else { return .none }
            next.place = .secondHalf(high: high, count: 0, value: 0)
        case .secondHalf(let high, let count, let value):
            guard let digit = Self.digit(byte) else { return .none }
            let value = value << 4 | digit
            guard count > 0 || value == 0xD, count != 1 || value >= 0xDC else { return .none }
            if count < 3 {
                next.place = .secondHalf(high: high, count: count + 1, value: value)
            } else {
                let scalar = 0x10000 + (high & 0x3FF) << 10 + (value & 0x3FF)
                next.place = .plain
                reader.feed(&next, Self.bytes(of: scalar), isNeeded: false)
            }
        }
        return next.threads.isEmpty ? .none : .within(next)
    }

    private mutating func countOne() {
        if !isFrozen, count < countLimit { count += 1 }
    }

    private static func place(after byte: UInt8) -> Place? {
        switch byte {
        case UInt8(ascii: "\\"): .escape
        case 0x20..<0x80: .plain
        case 0xC2...0xDF: .character(left: 1, low: 0x80, high: 0xBF)
        case 0xE0: .character(left: 2, low: 0xA0, high: 0xBF)
        case 0xED: .character(left: 2, low: 0x80, high: 0x9F)
        case 0xE1...0xEF: .character(left: 2, low: 0x80, high: 0xBF)
        case 0xF0: .character(left: 3, low: 0x90, high: 0xBF)
        case 0xF1...0xF3: .character(left: 3, low: 0x80, high: 0xBF)
        case 0xF4: .character(left: 3, low: 0x80, high: 0x8F)
        default: nil
        }
    }

    private static func meaning(of letter: UInt8) -> UInt8? {
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): letter
        case UInt8(ascii: "b"): 8
        case UInt8(ascii: "f"): 12
        case UInt8(ascii: "n"): 10
        case UInt8(ascii: "r"): 13
        case UInt8(ascii: "t"): 9
        default: nil
        }
    }

    private static func digit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte - 0x30)
        case 0x41...0x46: UInt32(byte - 0x37)
        case 0x61...0x66: UInt32(byte - 0x57)
        default: nil
        }
    }

    private static func bytes(of scalar: UInt32) -> [UInt8] {
        Unicode.Scalar(scalar).map { Array(UTF8.encode($0) ?? UTF8.EncodedScalar()) } ?? []
    }

    // MARK: Lengths

    /// Whether it counts code points.
    var isCounting: Bool { countLimit > 0 && !isFrozen && count < countLimit }

    /// Whether it counts code points, or somebody else does for it.
    var mayCount: Bool { countLimit > 0 && (isFrozen || count < countLimit) }

    /// The code points so far, as far as they are counted.
    var codePointCount: Int { Int(count) }

    /// Whether the next byte begins a code point, if it does not end the lexeme.
    var isBetweenCharacters: Bool { place == .plain }

    /// The next count that tells anything new; nil where none does.
    func nextChange(in table: ScannerTable, _ scalars: ScalarTerms) -> Int? {
        var next: Int?
        for thread in threads {
            let index =
                isKey ? table.offers[Int(thread.rule)].shape.nameTerm : thread.rule
            guard index >= 0 else { continue }
            for case .length(let least, let most) in scalars.terms[Int(index)].formula.atoms {
                for change in [least, most.map { $0 + 1 } ?? 0] where change > Int(count) {
                    next = min(next ?? change, change)
                }
            }
        }
        return next
    }

    /// The same after so many code points.
    func counting(_ count: Int) -> TextScan {
        var scan = self
        scan.count = min(Int32(clamping: count), countLimit)
        scan.isFrozen = false
        return scan
    }

    /// The same without a count, where no length comes within reach of so many bytes.
    func frozen(within byteCount: Int, in table: ScannerTable, _ scalars: ScalarTerms) -> TextScan?
    {
        guard isCounting else { return nil }
        var floor = 0
        for thread in threads {
            let index =
                isKey ? table.offers[Int(thread.rule)].shape.nameTerm : thread.rule
            guard index >= 0 else { continue }
            for case .length(let least, let most) in scalars.terms[Int(index)].formula.atoms {
                for change in [least, most.map { $0 + 1 } ?? 0] {
                    if Int(count) >= change {
                        floor = max(floor, change)
                    } else if Int(count) + byteCount >= change {
                        return nil
                    }
                }
            }
        }
        var frozen = self
        frozen.count = Int32(floor)
        frozen.isFrozen = true
        return frozen
    }

    // MARK: Threads

    /// Moves threads with what a scan stands among.
    private struct Reader {
        let table: ScannerTable
        let shapes: ShapeTable
        var scalars: ScalarTerms { shapes.terms }

        /// One digit of an escape by number.
        func read(
            _ digit: UInt32, isCapital: Bool, _ count: UInt8, _ value: UInt32, _ scan: TextScan
        ) -> Step {
            var next = scan
            let value = value << 4 | digit
            if count == 1, (0xDC...0xDF).contains(value) { return .none }
            if isCapital { keepThreads(of: &next) { takesAnyEscape($0, $1) } }
            if count < 3 {
                next.place = .hexadecimal(count: count + 1, value: value)
                var digits = String(value, radix: 16)
                digits = String(repeating: "0", count: Int(count) + 1 - digits.count) + digits
                keepThreads(of: &next) { canEscape($0, $1, "u" + digits) }
            } else if (0xD800...0xDBFF).contains(value) {
                next.place = .secondEscape(high: value)
                keepThreads(of: &next) { takesAnyEscape($0, $1) }
            } else {
                next.place = .plain
                feed(&next, TextScan.bytes(of: value), isNeeded: Self.isNumbered(value))
            }
            return next.threads.isEmpty ? .none : .within(next)
        }

        /// Whether the shortest escape of a character is its number.
        private static func isNumbered(_ scalar: UInt32) -> Bool {
            scalar < 0x20 && ![8, 9, 10, 12, 13].contains(scalar)
        }

        /// The escapes that cannot be avoided, and what they stand for.
        private static let neededEscapes: [(text: String, meaning: UInt8)] =
            [("\"", 0x22), ("\\", 0x5C), ("b", 8), ("t", 9), ("n", 10), ("f", 12), ("r", 13)]
            + (0..<0x20).filter { isNumbered($0) }.map {
                ("u00" + ($0 < 16 ? "0" : "") + String($0, radix: 16), UInt8($0))
            }

        /// Whether a thread may go on from an escape that begins so.
        func canEscape(_ thread: Thread, _ scan: TextScan, _ begin: String) -> Bool {
            if !shapes.style.isCanonical || takesAnyEscape(thread, scan) {
                return isOpen(thread, scan)
            }
            return Self.neededEscapes.contains { escape in
                guard escape.text.hasPrefix(begin) else { return false }
                var moved = thread
                return move(&moved, CollectionOfOne(escape.meaning), scan.isKey)
                    && isOpen(moved, scan)
            }
        }

        private func takesAnyEscape(_ thread: Thread, _ scan: TextScan) -> Bool {
            guard shapes.style.isCanonical else { return true }
            guard scan.isKey else { return scalars.terms[Int(thread.rule)].isFree }
            let shape = table.offers[Int(thread.rule)].shape
            return thread.states[TextScan.isOtherOpen] == 1 && shape.patterns.isEmpty
                && (shape.nameTerm < 0 || scalars.terms[Int(shape.nameTerm)].isFree)
        }

        func keepThreads(of scan: inout TextScan, _ isKept: (Thread, TextScan) -> Bool) {
            let whole = scan
            let kept = whole.threads.filter { isKept($0, whole) }
            if kept.count < scan.threads.count { scan.threads = kept }
        }

        /// Moves all threads by what some bytes of the text stand for, which were needed if it
        /// could not have been written shorter.
        ///
        /// Most bytes change no thread, and then nothing is copied.
        func feed(_ scan: inout TextScan, _ bytes: some Collection<UInt8>, isNeeded: Bool = true) {
            var changed: [Thread]?
            for index in scan.threads.indices {
                let before = scan.threads[index]
                var thread = before
                var isKept = isNeeded || !shapes.style.isCanonical
                if !isKept, takesAnyEscape(thread, scan) {
                    isKept = true
                    if scan.isKey { thread.states[TextScan.isWordOpen] = 0 }
                }
                isKept = isKept && move(&thread, bytes, scan.isKey) && isOpen(thread, scan)
                if changed == nil {
                    if isKept, thread == before { continue }
                    changed = Array(scan.threads[..<index])
                }
                if isKept { changed?.append(thread) }
            }
            if let changed { scan.threads = changed }
        }

        /// Moves a thread; false where a key cannot be one of its offer any more.
        private func move(
            _ thread: inout Thread, _ bytes: some Collection<UInt8>, _ isKey: Bool
        ) -> Bool {
            if !isKey {
                move(&thread.states, from: 0, by: scalars.terms[Int(thread.rule)], bytes)
                return true
            }
            let shape = table.offers[Int(thread.rule)].shape
            let isOtherOpen = thread.states[TextScan.isOtherOpen] == 1
            let word = thread.states[TextScan.word]
            var next = word
            for byte in bytes where next >= 0 { next = shape.names.next(next, byte) }
            if next < 0, !isOtherOpen { return false }
            if next != word { thread.states[TextScan.word] = next }
            if next < 0, thread.states[TextScan.isWordOpen] != 0 {
                thread.states[TextScan.isWordOpen] = 0
            }
            guard isOtherOpen else { return true }
            for (index, automaton) in shape.patterns.enumerated() {
                move(
                    &thread.states, at: TextScan.firstPattern + index,
                    by: scalars.automata[Int(automaton)], bytes)
            }
            if shape.nameTerm >= 0 {
                move(
                    &thread.states, from: TextScan.firstPattern + shape.patterns.count,
                    by: scalars.terms[Int(shape.nameTerm)], bytes)
            }
            return true
        }

        private func move(
            _ states: inout [Int32], from first: Int, by term: ScalarTerm,
            _ bytes: some Collection<UInt8>
        ) {
            for (index, atom) in term.formula.atoms.enumerated() {
                let place = first + index
                switch atom {
                case .automaton(let automaton):
                    move(&states, at: place, by: scalars.automata[Int(automaton)], bytes)
                case .words(let list):
                    let list = scalars.wordLists[Int(list)]
                    let before = states[place]
                    var state = before
                    for byte in bytes where state >= 0 { state = list.next(state, byte) }
                    if state != before { states[place] = state }
                default: break
                }
            }
        }

        /// Moves one automaton; states that stay are not written, since that would copy them.
        private func move(
            _ states: inout [Int32], at place: Int, by automaton: LazyAutomaton,
            _ bytes: some Collection<UInt8>
        ) {
            let before = states[place]
            var state = before
            for byte in bytes where state != LazyAutomaton.dead {
                state = automaton.next(state, byte)
            }
            if state != before { states[place] = state }
        }

        // MARK: Verdicts

        private func isOpen(_ thread: Thread, _ scan: TextScan) -> Bool {
            if !scan.isKey {
                return isOpen(thread.states, 0, scalars.terms[Int(thread.rule)], scan)
            }
            let offer = table.offers[Int(thread.rule)]
            if thread.states[TextScan.isWordOpen] == 1,
                offer.offers(offer.shape.names.range(at: thread.states[TextScan.word]))
            {
                return true
            }
            guard thread.states[TextScan.isOtherOpen] == 1 else { return false }
            let shape = offer.shape
            let end = TextScan.firstPattern + shape.patterns.count
            if shape.nameTerm >= 0,
                !isOpen(thread.states, end, scalars.terms[Int(shape.nameTerm)], scan)
            {
                return false
            }
            return shape.canBeOther(thread.states[TextScan.firstPattern..<end])
        }

        private func isOpen(
            _ states: [Int32], _ first: Int, _ term: ScalarTerm, _ scan: TextScan
        ) -> Bool {
            term.formula.evaluate { index in
                let state = states[first + index]
                switch term.formula.atoms[index] {
                case .automaton(let automaton):
                    if state == LazyAutomaton.dead { return .never }
                    if term.formula.isMonotone { return .open }
                    return scalars.automata[Int(automaton)].acceptsEverything(state)
                        ? .always : .open
                case .words: return state < 0 ? .never : .open
                case .length(let least, let most):
                    if let most { return Int(scan.count) > most ? .never : .open }
                    return Int(scan.count) >= least ? .always : .open
                case .unknown: return .open
                default: return .never
                }
            } != .never
        }

        /// For how many bytes no length tells anything new.
        func reach(of scan: TextScan) -> Int {
            if scan.isFrozen { return .max }
            var reach = Int.max
            for thread in scan.threads {
                let index =
                    scan.isKey ? table.offers[Int(thread.rule)].shape.nameTerm : thread.rule
                guard index >= 0 else { continue }
                for case .length(let least, let most) in scalars.terms[Int(index)].formula.atoms {
                    for bound in [least - 1, most ?? -1] where Int(scan.count) <= bound {
                        reach = min(reach, bound - Int(scan.count))
                    }
                }
            }
            return reach
        }

        /// Whether each thread allows whatever may follow, within reach of the next length.
        func isFree(_ scan: TextScan) -> Bool {
            scan.threads.allSatisfy { thread in
                guard takesAnyEscape(thread, scan) else { return false }
                guard scan.isKey else {
                    return isFree(thread.states, 0, scalars.terms[Int(thread.rule)], scan)
                }
                let shape = table.offers[Int(thread.rule)].shape
                let end = TextScan.firstPattern + shape.patterns.count
                return thread.states[TextScan.word] < 0 && thread.states[TextScan.isOtherOpen] == 1
                    && shape.patterns.indices.allSatisfy { index in
                        let state = thread.states[TextScan.firstPattern + index]
                        let automaton = scalars.automata[Int(shape.patterns[index])]
                        return state == LazyAutomaton.dead || automaton.acceptsEverything(state)
                    }
                    && (shape.nameTerm < 0
                        || isFree(thread.states, end, scalars.terms[Int(shape.nameTerm)], scan))
            }
        }

        private func isFree(
            _ states: [Int32], _ first: Int, _ term: ScalarTerm, _ scan: TextScan
        ) -> Bool {
            term.formula.evaluate { index in
                let state = states[first + index]
                switch term.formula.atoms[index] {
                case .automaton(let automaton):
                    if state == LazyAutomaton.dead { return .never }
                    return scalars.automata[Int(automaton)].acceptsEverything(state)
                        ? .always : .open
                case .words: return state < 0 ? .never : .open
                case .length(let least, let most):
                    return Tendency(
                        Int(scan.count) >= least && Int(scan.count) <= most ?? Int.max)
                case .unknown: return .open
                default: return .never
                }
            } == .always
        }

        private func accepts(
            _ states: [Int32], _ first: Int, _ term: ScalarTerm, _ scan: TextScan
        ) -> Bool {
            term.formula.evaluate { index in
                let state = states[first + index]
                switch term.formula.atoms[index] {
                case .automaton(let automaton):
                    return scalars.verdict(
                        of: automaton,
                        state != LazyAutomaton.dead
                            && scalars.automata[Int(automaton)].accepts(state))
                case .words(let list):
                    return Tendency(
                        state >= 0 && scalars.wordLists[Int(list)].word(at: state) != nil)
                case .length(let least, let most):
                    return Tendency(
                        Int(scan.count) >= least && Int(scan.count) <= most ?? Int.max)
                case .unknown: return .open
                default: return .never
                }
            } != .never
        }

        /// What a text is that ends here; nil where no thread allows it.
        func exit(of scan: TextScan) -> LexemeExit? {
            if !scan.isKey {
                let accepted = scan.threads.filter {
                    accepts($0.states, 0, scalars.terms[Int($0.rule)], scan)
                }
                return accepted.isEmpty ? nil : .value(accepted.map(\.rule))
            }
            let choices = scan.threads.compactMap { choice(of: $0, scan) }
            return choices.isEmpty ? nil : .key(choices)
        }

        private func choice(of thread: Thread, _ scan: TextScan) -> KeyChoice? {
            let offer = table.offers[Int(thread.rule)]
            let shape = offer.shape
            let node = thread.states[TextScan.word]
            if node >= 0, let word = shape.names.word(at: node) {
                guard thread.states[TextScan.isWordOpen] == 1, offer.offers(word..<(word + 1))
                else {
                    return nil
                }
                let property = shape.names.marks[word]
                return KeyChoice(
                    offer: thread.rule, property: Int32(property),
                    expectation: shape.expectation(of: property))
            }
            guard thread.states[TextScan.isOtherOpen] == 1 else { return nil }
            let end = TextScan.firstPattern + shape.patterns.count
            if shape.nameTerm >= 0,
                !accepts(thread.states, end, scalars.terms[Int(shape.nameTerm)], scan)
            {
                return nil
            }
            let matches = shape.patterns.enumerated().map { index, automaton in
                let state = thread.states[TextScan.firstPattern + index]
                return state != LazyAutomaton.dead
                    && scalars.automata[Int(automaton)].accepts(state)
            }
            let expectation = shape.expectation(ofOther: matches)
            return expectation < 0
                ? nil : KeyChoice(offer: thread.rule, property: -1, expectation: expectation)
        }
    }
}
