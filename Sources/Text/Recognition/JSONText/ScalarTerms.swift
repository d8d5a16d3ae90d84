// SPDX-License-Identifier: Apache-2.0

import JSON

/// What a string or a number must be, as scanners read it.
final class ScalarTerm {
    let formula: Formula

    /// Whether it says nothing about a string but its length, so that any escape may stand in it.
    let isFree: Bool

    /// The greatest count of code points that tells anything, and one more; 0 where none does.
    let countLimit: Int

    /// Whether it allows strings that must be looked at again.
    let isInexact: Bool

    /// What a number may be; none where it may be any that the formula allows.
    let bounds: [NumberBounds]

    /// Whether any number will do that is whole, or any at all.
    let isAnyNumber: Bool
    let isAnyInteger: Bool

    init(_ root: Int32, in terms: ScalarTerms) {
        formula = Formula(root, in: terms.formulas)
        isInexact = terms.isInexact(formula)
        var isFree = true
        var countLimit = 0
        for atom in formula.atoms {
            if case .length(let least, let most) = atom {
                countLimit = max(countLimit, least, most.map { $0 + 1 } ?? 0)
            } else {
                isFree = false
            }
        }
        self.isFree = isFree
        self.countLimit = countLimit
        bounds = NumberBounds.alternatives(of: root, in: terms)
        isAnyNumber = root == FormulaTable.always
        isAnyInteger = formula.atoms == [.integer] && bounds.count == 1 && bounds[0].isInteger
    }
}

/// The numbers that a list of constants allows, and how each is written.
final class NumberList {
    let values: [ExactNumber]
    let texts: [[UInt8]]

    init(_ constants: [JSONValue]) {
        var values: [ExactNumber] = []
        var texts: [[UInt8]] = []
        var known: Set<ExactNumber> = []
        for constant in constants {
            guard let value = constant.exactNumber, known.insert(value).inserted else { continue }
            values.append(value)
            texts.append(Array(constant.serialized().utf8))
        }
        self.values = values
        self.texts = texts
    }
}

extension JSONValue {
    /// The number exactly, or nil for any other kind.
    var exactNumber: ExactNumber? {
        switch self {
        case .integer(let value): ExactNumber(value)
        case .number(let value): ExactNumber(value)
        case .decimal(let digits): ExactNumber(digits)
        default: nil
        }
    }
}

/// The formulas of strings and numbers, the automata and lists that they speak of, and the terms
/// that are made of them.
final class ScalarTerms {
    /// The term of any string, of any number, and of any whole number.
    static let anyString: Int32 = 0
    static let anyNumber: Int32 = 1
    static let anyInteger: Int32 = 2

    var formulas = FormulaTable()

    private(set) var automata: [LazyAutomaton] = []
    private var expressions: [RegularExpression] = []
    private var inexactAutomata: Set<Int32> = []
    private var intersections: [[Int32]: Int32] = [:]
    private(set) var wordLists: [WordList] = []
    private(set) var numberLists: [NumberList] = []
    private(set) var terms: [ScalarTerm] = []
    private var termIndices: [Int64: Int32] = [:]
    private let limits: RecognitionLimits

    /// Up to which length an automaton counts code points by itself.
    private static let maxSpelledLength = 128

    init(limits: RecognitionLimits) {
        self.limits = limits
        _ = stringTerm(FormulaTable.always)
        _ = numberTerm(FormulaTable.always)
        _ = numberTerm(formulas.atom(.integer))
    }

    /// The term of a formula over strings; -1 where nothing satisfies it.
    func stringTerm(_ formula: Int32) -> Int32 {
        let formula = narrow(formula)
        return formula == FormulaTable.never ? -1 : term(formula, key: Int64(formula) << 1)
    }

    /// The term of a formula over numbers; -1 where nothing satisfies it.
    func numberTerm(_ formula: Int32) -> Int32 {
        let formula = narrow(formula)
        guard formula != FormulaTable.never else { return -1 }
        return term(formula, key: Int64(formula) << 1 | 1)
    }

    private func term(_ formula: Int32, key: Int64) -> Int32 {
        if let index = termIndices[key] { return index }
        let index = Int32(terms.count)
        terms.append(ScalarTerm(formula, in: self))
        termIndices[key] = index
        return index
    }

    // MARK: Atoms

    /// The formula of an expression, not all of whose texts are meant where it is not exact.
    func matching(_ expression: RegularExpression, isExact: Bool = true) -> Int32 {
        // What takes too much memory is refused.
        guard let automaton = try? LazyAutomaton(expression, limits: limits),
            automaton.start != LazyAutomaton.dead
        else { return FormulaTable.never }
        automata.append(automaton)
        expressions.append(expression)
        if !isExact { inexactAutomata.insert(Int32(automata.count - 1)) }
        return formulas.atom(.automaton(Int32(automata.count - 1)))
    }

    /// The formula of the strings of a list.
    func anyWord(_ words: [[UInt8]]) -> Int32 {
        guard !words.isEmpty else { return FormulaTable.never }
        let list = WordList(words.map { ($0, 0) })
        if let same = wordLists.firstIndex(where: { $0.words == list.words }) {
            return formulas.atom(.words(Int32(same)))
        }
        wordLists.append(list)
        return formulas.atom(.words(Int32(wordLists.count - 1)))
    }

    /// The formula of the numbers of a list.
    func anyNumber(_ constants: [JSONValue]) -> Int32 {
        let list = NumberList(constants)
        guard !list.values.isEmpty else { return FormulaTable.never }
        if let same = numberLists.firstIndex(where: { $0.texts == list.texts }) {
            return formulas.atom(.numbers(Int32(same)))
        }
        numberLists.append(list)
        return formulas.atom(.numbers(Int32(numberLists.count - 1)))
    }

    // MARK: Evaluation

    /// Whether a formula allows a string, as far as automata tell.
    func allows(_ formula: Int32, string: [UInt8]) -> Bool {
        allows(Formula(formula, in: formulas), string: string)
    }

    /// Whether a formula allows a string.
    func allows(_ formula: Formula, string: [UInt8]) -> Bool {
        formula.evaluate { index in
            switch formula.atoms[index] {
            case .automaton(let automaton):
                return self.verdict(of: automaton, self.matches(Int(automaton), string))
            case .length(let least, let most):
                let count = string.count { $0 & 0xC0 != 0x80 }
                return Tendency(count >= least && count <= most ?? Int.max)
            case .words(let list):
                return Tendency(self.wordLists[Int(list)].index(of: string) != nil)
            case .unknown: return .open
            default: return .never
            }
        } != .never
    }

    /// What it means that an automaton accepts a string, or does not.
    func verdict(of automaton: Int32, _ accepts: Bool) -> Tendency {
        accepts && inexactAutomata.contains(automaton) ? .open : Tendency(accepts)
    }

    /// Whether a formula allows strings that must be looked at again.
    func isInexact(_ formula: Formula) -> Bool {
        !inexactAutomata.isEmpty
            && formula.atoms.contains {
                if case .automaton(let index) = $0 {
                    inexactAutomata.contains(index)
                } else {
                    false
                }
            }
    }

    /// Whether an automaton accepts a string.
    func matches(_ automaton: Int, _ string: [UInt8]) -> Bool {
        let automaton = automata[automaton]
        var state = automaton.start
        for byte in string {
            guard state != LazyAutomaton.dead else { return false }
            state = automaton.next(state, byte)
        }
        return automaton.accepts(state)
    }

    /// Whether a formula allows a number.
    func allows(_ formula: Formula, number: ExactNumber) -> Bool {
        formula.evaluate { index in
            switch formula.atoms[index] {
            case .integer: Tendency(number.isInteger)
            case .atLeast(let bound, let orEqual):
                Tendency(number > bound || orEqual && number == bound)
            case .atMost(let bound, let orEqual):
                Tendency(number < bound || orEqual && number == bound)
            case .multiple(let unit): Tendency(number.isMultiple(of: unit))
            case .numbers(let list):
                Tendency(self.numberLists[Int(list)].values.contains(number))
            case .unknown: .open
            default: .never
            }
        } != .never
    }

    // MARK: Narrowing

    /// An equal formula in which lists are as short as the rest allows.
    private func narrow(_ formula: Int32) -> Int32 {
        var narrowed: [Int32: Int32] = [:]
        for part in formulas.parts(of: formula) {
            func operands(_ parts: [Int32]) -> [Int32] { parts.map { narrowed[$0] ?? $0 } }
            switch formulas.nodes[Int(part)] {
            case .constant: narrowed[part] = part
            case .atom(let atom): narrowed[part] = isEmpty(atom) ? FormulaTable.never : part
            case .not(let operand): narrowed[part] = formulas.not(narrowed[operand] ?? operand)
            case .all(let parts): narrowed[part] = narrowAll(operands(parts))
            case .any(let parts): narrowed[part] = narrowAny(operands(parts))
            case .one(let parts): narrowed[part] = formulas.one(operands(parts))
            }
        }
        return narrowed[formula] ?? formula
    }

    private func isEmpty(_ atom: ScalarAtom) -> Bool {
        switch atom {
        case .automaton(let index): automata[Int(index)].start == LazyAutomaton.dead
        case .length(let least, let most): most.map { $0 < least } ?? false
        default: false
        }
    }

    private func narrowAll(_ operands: [Int32]) -> Int32 {
        let whole = formulas.all(operands)
        for operand in operands {
            guard case .atom(let atom) = formulas.nodes[Int(operand)] else { continue }
            let rest = Formula(formulas.all(operands.filter { $0 != operand }), in: formulas)
            if case .words(let list) = atom {
                return anyWord(wordLists[Int(list)].words.filter { allows(rest, string: $0) })
            }
            if case .numbers(let list) = atom {
                let numbers = numberLists[Int(list)]
                let kept = numbers.values.indices.filter {
                    allows(rest, number: numbers.values[$0])
                }
                if kept.count == numbers.values.count { return operand }
                return anyNumber(
                    kept.compactMap {
                        try? JSONParser.parse(numbers.texts[$0], limits: .init(keepsDigits: true))
                    })
            }
        }
        return mergeLengths(operands).map(intersect) ?? intersect(whole)
    }

    /// Several automata as one, so that what can never satisfy all of them is seen early.
    private func intersect(_ formula: Int32) -> Int32 {
        guard case .all(let operands) = formulas.nodes[Int(formula)] else { return formula }
        var parts: [Int32] = []
        var combined: [RegularExpression] = []
        var others: [Int32] = []
        var lengthCount = 0
        for operand in operands {
            switch formulas.nodes[Int(operand)] {
            case .atom(.automaton(let index)) where !inexactAutomata.contains(index):
                parts.append(operand)
                combined.append(expressions[Int(index)])
            case .not(let inner):
                if case .atom(.automaton(let index)) = formulas.nodes[Int(inner)],
                    !inexactAutomata.contains(index)
                {
                    parts.append(operand)
                    combined.append(expressions[Int(index)].complement)
                } else {
                    others.append(operand)
                }
            case .atom(.length(let least, let most)) where most ?? least <= Self.maxSpelledLength:
                parts.append(operand)
                combined.append(RegularExpression(.all).repeated(least, most))
                lengthCount += 1
            default: others.append(operand)
            }
        }
        guard parts.count > max(1, lengthCount) else { return formula }
        let whole = intersections[parts] ?? matching(.intersection(combined))
        intersections[parts] = whole
        return formulas.all(others + [whole])
    }

    /// Several bounds of a length as one.
    private func mergeLengths(_ operands: [Int32]) -> Int32? {
        var (least, most) = (0, Int.max)
        var others: [Int32] = []
        var count = 0
        for operand in operands {
            if case .atom(.length(let low, let high)) = formulas.nodes[Int(operand)] {
                least = max(least, low)
                most = min(most, high ?? Int.max)
                count += 1
            } else {
                others.append(operand)
            }
        }
        guard count > 1 else { return nil }
        guard least <= most else { return FormulaTable.never }
        let length = ScalarAtom.length(least: least, most: most == Int.max ? nil : most)
        return formulas.all(others + [formulas.atom(length)])
    }

    private func narrowAny(_ operands: [Int32]) -> Int32 {
        var words: [[UInt8]] = []
        var others: [Int32] = []
        for operand in operands {
            if case .atom(.words(let list)) = formulas.nodes[Int(operand)] {
                words += wordLists[Int(list)].words
            } else {
                others.append(operand)
            }
        }
        return formulas.any(words.isEmpty ? others : others + [anyWord(words)])
    }

    /// Whether an automaton could not make a state.
    var isExhausted: Bool { automata.contains(where: \.isExhausted) }

    /// Gives up the states of the automata.
    func forgetStates() {
        for automaton in automata { automaton.forgetStates() }
    }

    /// About how many bytes they take.
    var byteCount: Int {
        automata.reduce(0) { $0 + $1.byteCount } + wordLists.reduce(0) { $0 + $1.byteCount }
            + formulas.nodes.count * 64 + terms.count * 128
    }
}
