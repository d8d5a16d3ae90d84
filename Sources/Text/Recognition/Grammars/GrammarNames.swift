// SPDX-License-Identifier: Apache-2.0

/// The rules of one grammar by name, of which some may be used before they are defined.
struct GrammarNames {
    private var numbers: [String: Int] = [:]
    /// Where each name was first used, in order; the byte.
    private var uses: [(name: String, place: Int)] = []
    private var defined: Set<String> = []

    /// The number of the rule of a name.
    mutating func number(
        of name: String, at place: Int, in compiler: inout StructureCompiler
    ) -> Int {
        if let known = numbers[name] { return known }
        let number = compiler.addRule(name)
        numbers[name] = number
        uses.append((name, place))
        return number
    }

    /// Defines a rule.
    mutating func define(
        _ name: String, as expression: GrammarExpression, at place: Int, _ cursor: GrammarCursor,
        in compiler: inout StructureCompiler
    ) throws(RecognitionError) {
        guard defined.insert(name).inserted else {
            throw cursor.error("the rule \(name) is defined twice", at: place)
        }
        let number = number(of: name, at: place, in: &compiler)
        compiler.setRule(number, expression, place: cursor.place(of: place))
    }

    /// The number of the first rule, when all have been read.
    func root(_ name: String, _ cursor: GrammarCursor) throws(RecognitionError) -> Int {
        for use in uses where !defined.contains(use.name) {
            throw cursor.error("the rule \(use.name) is not defined", at: use.place)
        }
        guard let root = numbers[name] else {
            throw RecognitionError(
                at: "", "the grammar has no rule \(name), which its texts begin with")
        }
        return root
    }
}
