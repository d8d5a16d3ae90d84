// SPDX-License-Identifier: Apache-2.0

extension TemplateInterpreter {
    /// Runs a loop over a sequence.
    func run(
        _ definition: TemplateLoopDefinition, over sequence: TemplateValue,
        in scope: TemplateScope, recursionDepth: Int
    ) throws(TemplateError) -> Flow {
        var items = try runtime.iterate(sequence)
        if let filter = definition.filter {
            var kept: [TemplateValue] = []
            for item in items {
                let inner = TemplateScope(parent: scope)
                try assign(item, to: definition.target, in: inner)
                if try evaluate(filter, in: inner).isTrue { kept.append(item) }
            }
            items = kept
        }
        guard !items.isEmpty else {
            return definition.otherwise.isEmpty
                ? .next : try execute(definition.otherwise, in: TemplateScope(parent: scope))
        }
        let loop = TemplateLoop(
            items: items, definition: definition.isRecursive ? definition : nil, scope: scope,
            recursionDepth: recursionDepth)
        try runtime.checkDepth(loop.depth)
        for (index, item) in items.enumerated() {
            loop.index = index
            let inner = TemplateScope(parent: scope)
            inner.variables["loop"] = .loop(loop)
            try assign(item, to: definition.target, in: inner)
            let flow = try execute(definition.body, in: inner)
            if flow == .breaks { break }
        }
        return .next
    }

    /// The rendering of a recursive loop's body over an inner sequence.
    func recurse(
        _ loop: TemplateLoop, over sequence: TemplateValue
    ) throws(TemplateError) -> TemplateValue {
        guard let definition = loop.definition else {
            throw runtime.failure(
                "The loop must have the 'recursive' marker to be called recursively.")
        }
        try enter()
        defer { leave() }
        let (outer, position) = (swapOutput(TemplateString()), runtime.position)
        _ = try run(
            definition, over: sequence, in: loop.scope, recursionDepth: loop.recursionDepth + 1)
        runtime.position = position
        return .string(swapOutput(outer))
    }

    /// An attribute of `loop`.
    func attribute(
        _ name: String, of loop: TemplateLoop
    ) -> TemplateValue? {
        let count = loop.items.count
        switch name {
        case "index": return .integer(loop.index + 1)
        case "index0": return .integer(loop.index)
        case "revindex": return .integer(count - loop.index)
        case "revindex0": return .integer(count - loop.index - 1)
        case "first": return .bool(loop.index == 0)
        case "last": return .bool(loop.index == count - 1)
        case "length": return .integer(count)
        case "depth": return .integer(loop.recursionDepth + 1)
        case "depth0": return .integer(loop.recursionDepth)
        case "previtem":
            return loop.index > 0
                ? loop.items[loop.index - 1] : .undefined("there is no previous item")
        case "nextitem":
            return loop.index + 1 < count
                ? loop.items[loop.index + 1] : .undefined("there is no next item")
        case "cycle", "changed": return .callable(.method(.loop(loop), name))
        default: return nil
        }
    }

    /// A call of `loop.cycle` or `loop.changed`.
    func callMethod(
        _ name: String, of loop: TemplateLoop, _ arguments: TemplateArguments
    ) throws(TemplateError) -> TemplateValue {
        let values = arguments.positional
        if name == "cycle" {
            guard !values.isEmpty else { throw runtime.failure("no items for cycling given") }
            return values[loop.index % values.count]
        }
        let isSame: Bool
        if let last = loop.lastChanged, last.count == values.count {
            isSame = try runtime.equals(
                .list(TemplateSequence(last)), .list(TemplateSequence(values)))
        } else {
            isSame = false
        }
        loop.lastChanged = values
        return .bool(!isSame)
    }
}
