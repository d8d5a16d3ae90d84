// SPDX-License-Identifier: Apache-2.0

/// One thing that is asked of a value: to satisfy a schema, to violate it, or to equal a constant.
struct Requirement: Hashable, Comparable {
    /// What is asked.
    enum Relation: Int32 {
        case satisfies, violates, equals
    }

    private let packed: Int32

    /// A requirement of the schema or the constant of that index in the ``ShapeTable``.
    init(_ relation: Relation, _ index: Int32) { packed = index << 2 | relation.rawValue }

    /// What is asked of the schema or constant.
    var relation: Relation { Relation(rawValue: packed & 3) ?? .satisfies }

    /// The index of the schema or constant in the ``ShapeTable``.
    var index: Int32 { packed >> 2 }

    /// The opposite; nil for a constant.
    var opposite: Requirement? {
        switch relation {
        case .satisfies: Requirement(.violates, index)
        case .violates: Requirement(.satisfies, index)
        case .equals: nil
        }
    }

    static func < (left: Requirement, right: Requirement) -> Bool { left.packed < right.packed }
}

/// The kinds of value whose rules have nothing to do with each other.
enum ValueKind: UInt8 {
    case null, `false`, `true`, number, string, object, array
}

/// All that is asked of the value at one place, made into rules for each kind when first needed.
final class Expectation {
    /// What is asked; sorted, each once.
    let requirements: [Requirement]

    /// The terms of a string and a number: -1 where there may be none, -2 until they are made.
    var stringTerm: Int32 = -2
    var numberTerm: Int32 = -2

    /// Which of null, false and true may stand here; nil until it is known.
    var words: (null: Bool, false: Bool, true: Bool)?

    /// The objects and arrays that may stand here; nil until they are made.
    var objects: [ContainerRule]?
    var arrays: [ContainerRule]?

    /// Whether any value may stand here, once that is known.
    var isPossible: Bool?

    init(_ requirements: [Requirement]) { self.requirements = requirements }
}

/// One way in which an object or an array may satisfy an ``Expectation``.
struct ContainerRule: Hashable {
    /// Its index among the object shapes or the array shapes.
    var shape: Int32

    /// The index of the requirements that are checked when it closes; 0 for none.
    var guards: Int32
}
