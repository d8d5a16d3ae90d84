// SPDX-License-Identifier: Apache-2.0

/// Variables of a template, a loop's iteration, a macro's call or a block, inside outer ones.
final class TemplateScope {
    let parent: TemplateScope?
    var variables: [String: TemplateValue] = [:]

    /// Whether the runtime will empty this scope at the end, since a macro in it may refer to it.
    var isRegistered = false

    init(parent: TemplateScope?) {
        self.parent = parent
    }

    func value(of name: String) -> TemplateValue? {
        var scope: TemplateScope? = self
        while let current = scope {
            if let value = current.variables[name] { return value }
            scope = current.parent
        }
        return nil
    }
}

/// The state of a loop, which a template sees as `loop`.
final class TemplateLoop {
    let items: [TemplateValue]
    let definition: TemplateLoopDefinition?
    let scope: TemplateScope
    let recursionDepth: Int
    let depth: Int
    var index = 0
    var lastChanged: [TemplateValue]?

    init(
        items: [TemplateValue], definition: TemplateLoopDefinition?, scope: TemplateScope,
        recursionDepth: Int
    ) {
        self.items = items
        self.definition = definition
        self.scope = scope
        self.recursionDepth = recursionDepth
        self.depth = TemplateSequence(items).depth
    }
}

/// Something that a template can call.
indirect enum TemplateCallable {
    case function(String)
    case method(TemplateValue, String)
    case macro(TemplateMacro)

    var depth: Int {
        switch self {
        case .method(let receiver, _): receiver.depth + 1
        default: 0
        }
    }
}

/// A macro with the scope that it was defined in.
final class TemplateMacro {
    let definition: TemplateMacroDefinition
    let scope: TemplateScope

    init(definition: TemplateMacroDefinition, scope: TemplateScope) {
        self.definition = definition
        self.scope = scope
    }
}
