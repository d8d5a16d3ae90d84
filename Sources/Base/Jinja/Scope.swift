// SPDX-License-Identifier: Apache-2.0

/// Variables of a template, a loop's iteration, a macro's call or a block, inside outer ones.
final class Scope {
    let parent: Scope?
    var variables: [String: Value] = [:]

    /// Whether the runtime will empty this scope at the end, since a macro in it may refer to it.
    var isRegistered = false

    init(parent: Scope?) {
        self.parent = parent
    }

    func value(of name: String) -> Value? {
        var scope: Scope? = self
        while let current = scope {
            if let value = current.variables[name] { return value }
            scope = current.parent
        }
        return nil
    }
}

/// The state of a loop, which a template sees as `loop`.
final class Loop {
    let items: [Value]
    let definition: LoopDefinition?
    let scope: Scope
    let recursionDepth: Int
    let depth: Int
    var index = 0
    var lastChanged: [Value]?

    init(
        items: [Value], definition: LoopDefinition?, scope: Scope,
        recursionDepth: Int
    ) {
        self.items = items
        self.definition = definition
        self.scope = scope
        self.recursionDepth = recursionDepth
        self.depth = ValueList(items).depth
    }

    /// An attribute of `loop`.
    func attribute(_ name: String) -> Value? {
        let count = items.count
        switch name {
        case "index": return .integer(index + 1)
        case "index0": return .integer(index)
        case "revindex": return .integer(count - index)
        case "revindex0": return .integer(count - index - 1)
        case "first": return .bool(index == 0)
        case "last": return .bool(index == count - 1)
        case "length": return .integer(count)
        case "depth": return .integer(recursionDepth + 1)
        case "depth0": return .integer(recursionDepth)
        case "previtem":
            return index > 0
                ? items[index - 1] : .undefined("there is no previous item")
        case "nextitem":
            return index + 1 < count
                ? items[index + 1] : .undefined("there is no next item")
        case "cycle", "changed": return .callable(.method(.loop(self), name))
        default: return nil
        }
    }

    /// A call of `loop.cycle` or `loop.changed`.
    func call(
        _ name: String, _ values: [Value], _ runtime: Runtime
    ) throws(TemplateError) -> Value {
        if name == "cycle" {
            guard !values.isEmpty else { throw runtime.failure("no items for cycling given") }
            return values[index % values.count]
        }
        let isSame: Bool
        if let last = lastChanged, last.count == values.count {
            isSame = try runtime.comparison.equals(
                .list(ValueList(last)), .list(ValueList(values)))
        } else {
            isSame = false
        }
        lastChanged = values
        return .bool(!isSame)
    }
}

/// Something that a template can call.
indirect enum Callable {
    case function(String)
    case method(Value, String)
    case macro(Macro)

    var depth: Int {
        switch self {
        case .method(let receiver, _): receiver.depth + 1
        default: 0
        }
    }
}

/// A macro with the scope that it was defined in.
final class Macro {
    let definition: MacroDefinition
    let scope: Scope

    init(definition: MacroDefinition, scope: Scope) {
        self.definition = definition
        self.scope = scope
    }
}
