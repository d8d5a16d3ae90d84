// SPDX-License-Identifier: Apache-2.0

/// What one string or number may be asked for by itself.
enum ScalarAtom: Hashable {
    /// A string that the automaton of that number accepts.
    case automaton(Int32)
    /// A string of so many code points.
    case length(least: Int, most: Int?)
    /// A string that is in the word list of that number.
    case words(Int32)
    /// A number without a fractional part.
    case integer
    /// A number of at least so much, or above it.
    case atLeast(ExactNumber, orEqual: Bool)
    /// A number of at most so much, or below it.
    case atMost(ExactNumber, orEqual: Bool)
    /// A whole multiple.
    case multiple(of: ExactNumber)
    /// A number that is in the number list of that number.
    case numbers(Int32)
    /// What is only known of the whole document.
    case unknown
}

/// Boolean formulas over ``ScalarAtom``s, equal ones stored once.
///
/// A formula is named by its index; operands have smaller indices than what is made of them, so a
/// formula is evaluated in one pass over the indices it reaches, however often parts are shared.
struct FormulaTable {
    /// What a formula is.
    enum Node: Hashable {
        case constant(Bool)
        case atom(ScalarAtom)
        case not(Int32)
        case all([Int32])
        case any([Int32])
        /// Exactly one of them; an operand that is listed twice never is the only one.
        case one([Int32])
    }

    /// Nothing satisfies it.
    static let never: Int32 = 0
    /// Everything satisfies it.
    static let always: Int32 = 1

    private(set) var nodes: [Node] = [.constant(false), .constant(true)]
    private var indices: [Node: Int32] = [.constant(false): 0, .constant(true): 1]

    /// A formula that is an atom.
    mutating func atom(_ atom: ScalarAtom) -> Int32 { index(of: .atom(atom)) }

    /// What a formula does not allow.
    mutating func not(_ formula: Int32) -> Int32 {
        switch nodes[Int(formula)] {
        case .constant(let value): value ? Self.never : Self.always
        case .not(let operand): operand
        default: index(of: .not(formula))
        }
    }

    /// What all of some formulas allow.
    mutating func all(_ formulas: [Int32]) -> Int32 {
        var operands: Set<Int32> = []
        for formula in formulas where formula != Self.always {
            if formula == Self.never { return Self.never }
            if case .all(let inner) = nodes[Int(formula)] {
                operands.formUnion(inner)
            } else {
                operands.insert(formula)
            }
        }
        if operands.count < 2 { return operands.first ?? Self.always }
        return index(of: .all(operands.sorted()))
    }

    /// What any of some formulas allows.
    mutating func any(_ formulas: [Int32]) -> Int32 {
        var operands: Set<Int32> = []
        for formula in formulas where formula != Self.never {
            if formula == Self.always { return Self.always }
            if case .any(let inner) = nodes[Int(formula)] {
                operands.formUnion(inner)
            } else {
                operands.insert(formula)
            }
        }
        if operands.count < 2 { return operands.first ?? Self.never }
        return index(of: .any(operands.sorted()))
    }

    /// What exactly one of some formulas allows.
    mutating func one(_ formulas: [Int32]) -> Int32 {
        let operands = formulas.filter { $0 != Self.never }.sorted()
        switch operands.count {
        case 0: return Self.never
        case 1: return operands[0]
        default: break
        }
        let certain = operands.count { $0 == Self.always }
        if certain > 1 { return Self.never }
        if certain == 1 { return not(any(operands.filter { $0 != Self.always })) }
        return index(of: .one(operands))
    }

    private mutating func index(of node: Node) -> Int32 {
        if let index = indices[node] { return index }
        let index = Int32(nodes.count)
        nodes.append(node)
        indices[node] = index
        return index
    }

    /// The formulas that one is made of, itself included, operands first.
    func parts(of formula: Int32) -> [Int32] {
        var found: Set<Int32> = []
        var open = [formula]
        while let next = open.popLast() {
            guard found.insert(next).inserted else { continue }
            switch nodes[Int(next)] {
            case .constant, .atom: break
            case .not(let operand): open.append(operand)
            case .all(let operands), .any(let operands), .one(let operands):
                open.append(contentsOf: operands)
            }
        }
        return found.sorted()
    }
}

/// Whether something holds, as far as is known yet.
enum Tendency: UInt8 {
    case never, open, always

    init(_ value: Bool) { self = value ? .always : .never }

    static prefix func ! (value: Tendency) -> Tendency {
        switch value {
        case .never: .always
        case .open: .open
        case .always: .never
        }
    }
}

/// A formula made ready to be evaluated many times, with its atoms numbered from 0.
struct Formula {
    private enum Step {
        case constant(Bool)
        case atom(Int)
        case not(Int)
        case all([Int])
        case any([Int])
        case one([Int])
    }

    /// The atoms, in the order in which ``evaluate(_:)`` is asked of them.
    let atoms: [ScalarAtom]

    /// Whether what holds for an atom never speaks against the formula, so that no atom need be
    /// known to hold before the end.
    let isMonotone: Bool

    private let steps: [Step]

    /// Makes a formula of a table ready.
    init(_ formula: Int32, in table: FormulaTable) {
        let parts = table.parts(of: formula)
        var places: [Int32: Int] = [:]
        for (place, part) in parts.enumerated() { places[part] = place }
        func place(_ part: Int32) -> Int { places[part] ?? 0 }
        var atoms: [ScalarAtom] = []
        var steps: [Step] = []
        for part in parts {
            switch table.nodes[Int(part)] {
            case .constant(let value): steps.append(.constant(value))
            case .atom(let atom):
                steps.append(.atom(atoms.count))
                atoms.append(atom)
            case .not(let operand): steps.append(.not(place(operand)))
            case .all(let operands): steps.append(.all(operands.map(place)))
            case .any(let operands): steps.append(.any(operands.map(place)))
            case .one(let operands): steps.append(.one(operands.map(place)))
            }
        }
        self.atoms = atoms
        self.steps = steps
        isMonotone = steps.allSatisfy {
            switch $0 {
            case .not, .one: false
            default: true
            }
        }
    }

    /// Evaluates the formula by what is known of the atom of each index.
    func evaluate(_ atom: (Int) -> Tendency) -> Tendency {
        if steps.count == 1, case .atom(let index) = steps[0] { return atom(index) }
        var values: [Tendency] = []
        values.reserveCapacity(steps.count)
        for step in steps {
            switch step {
            case .constant(let value): values.append(Tendency(value))
            case .atom(let index): values.append(atom(index))
            case .not(let operand): values.append(!values[operand])
            case .all(let operands):
                var value = Tendency.always
                for operand in operands where values[operand].rawValue < value.rawValue {
                    value = values[operand]
                }
                values.append(value)
            case .any(let operands):
                var value = Tendency.never
                for operand in operands where values[operand].rawValue > value.rawValue {
                    value = values[operand]
                }
                values.append(value)
            case .one(let operands):
                let certain = operands.count { values[$0] == .always }
                let possible = operands.count { values[$0] != .never }
                values.append(
                    certain > 1 || possible == 0
                        ? .never : certain == 1 && possible == 1 ? .always : .open)
            }
        }
        return values.last ?? .always
    }
}
