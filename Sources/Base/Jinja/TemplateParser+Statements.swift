// SPDX-License-Identifier: Apache-2.0

extension TemplateParser {
    /// The statement whose tag name is the current token, up to but without the end of its last tag.
    mutating func statement() throws(TemplateError) -> [TemplateStatement] {
        let position = current.position
        guard case .name(let name) = current.kind else {
            throw unexpected(wanted: "a tag name")
        }
        advance()
        let kind: TemplateStatement.Kind
        switch name {
        case "for": kind = try loop()
        case "if": kind = try branches()
        case "set": kind = try assignment()
        case "macro": kind = try macro()
        case "call": kind = try callBlock()
        case "filter": kind = try filterBlock()
        case "with": kind = try scope()
        case "generation":
            kind = .generation(try macroBody(until: "endgeneration"))
        case "break", "continue":
            guard loopDepth > 0 else {
                throw .syntax("'\(name)' outside a loop", at: position)
            }
            kind = name == "break" ? .breakLoop : .continueLoop
        case "block", "extends", "include", "import", "from", "autoescape", "print":
            throw .unsupported("statement \"\(name)\"", at: position)
        default:
            throw .syntax("unknown tag '\(name.prefix(40))'", at: position)
        }
        return [TemplateStatement(kind: kind, position: position)]
    }

    private mutating func loop() throws(TemplateError) -> TemplateStatement.Kind {
        let position = current.position
        let target = try target(allowsMembers: false, endsAt: "in")
        guard !target.names.contains("loop") else {
            throw .syntax(
                "Can't assign to special loop variable in for-loop target", at: position)
        }
        guard skip(name: "in") else { throw unexpected(wanted: "'in'") }
        let sequence = try tupleOrExpression(allowsConditional: false, endsAt: "recursive")
        let wasSoft = allowsUnknownNames
        allowsUnknownNames = false
        defer { allowsUnknownNames = wasSoft }
        let filter = skip(name: "if") ? try expression() : nil
        let isRecursive = skip(name: "recursive")
        loopDepth += 1
        let body = try body(until: ["endfor", "else"])
        loopDepth -= 1
        var otherwise: [TemplateStatement] = []
        if skip(name: "else") {
            otherwise = try self.body(until: ["endfor"])
        }
        advance()
        return .loop(
            TemplateLoopDefinition(
                target: target, sequence: sequence, filter: filter, isRecursive: isRecursive,
                body: body, otherwise: otherwise))
    }

    private mutating func branches() throws(TemplateError) -> TemplateStatement.Kind {
        let wasSoft = allowsUnknownNames
        allowsUnknownNames = true
        defer { allowsUnknownNames = wasSoft }
        var branches: [(test: TemplateExpression, body: [TemplateStatement])] = []
        while true {
            let test = try tupleOrExpression(allowsConditional: false)
            branches.append((test, try body(until: ["elif", "else", "endif"])))
            if skip(name: "elif") { continue }
            var otherwise: [TemplateStatement] = []
            if skip(name: "else") {
                otherwise = try body(until: ["endif"])
            }
            advance()
            return .branches(branches, otherwise: otherwise)
        }
    }

    private mutating func assignment() throws(TemplateError) -> TemplateStatement.Kind {
        let target = try target(allowsMembers: true, endsAt: nil)
        if skip(.assign) {
            return .assignment(target, try tupleOrExpression())
        }
        let filters = isCurrent(.pipe) ? try filterChain() : []
        let body = try innerBody(until: "endset")
        return .captured(target, filters: filters, body: body)
    }

    private mutating func macro() throws(TemplateError) -> TemplateStatement.Kind {
        let name = try expectName()
        usedNames.append([])
        let parameters = try parameters()
        let definition = try macroDefinition(name: name, parameters: parameters, end: "endmacro")
        return .macro(definition)
    }

    private mutating func callBlock() throws(TemplateError) -> TemplateStatement.Kind {
        let position = current.position
        usedNames.append([])
        let parameters = isCurrent(.leftParenthesis) ? try parameters() : []
        let signatureNames = usedNames.removeLast()
        let call = try expression()
        guard case .call = call.kind else { throw .syntax("expected call", at: position) }
        usedNames.append(signatureNames)
        let definition = try macroDefinition(
            name: "caller", parameters: parameters, end: "endcall")
        return .call(call, caller: definition)
    }

    /// The rest of a macro, whose names are collected in the last set of `usedNames`.
    private mutating func macroDefinition(
        name: String, parameters: [TemplateParameter], end: String
    ) throws(TemplateError) -> TemplateMacroDefinition {
        let body = try macroBody(until: end)
        let used = usedNames.removeLast()
        if let outer = usedNames.indices.last { usedNames[outer].formUnion(used) }
        let declared = Set(parameters.map(\.name))
        return TemplateMacroDefinition(
            name: name, parameters: parameters, body: body,
            usesVariadic: used.contains("varargs") && !declared.contains("varargs"),
            usesKeywords: used.contains("kwargs") && !declared.contains("kwargs"),
            usesCaller: used.contains("caller"))
    }

    /// A body from which the loops around it cannot be left, past the name of the tag that ends it.
    private mutating func macroBody(
        until end: String
    ) throws(TemplateError) -> [TemplateStatement] {
        let outerLoops = loopDepth
        let wasSoft = allowsUnknownNames
        loopDepth = 0
        allowsUnknownNames = false
        defer {
            loopDepth = outerLoops
            allowsUnknownNames = wasSoft
        }
        let body = try body(until: [end])
        advance()
        return body
    }

    private mutating func parameters() throws(TemplateError) -> [TemplateParameter] {
        try expect(.leftParenthesis)
        var result: [TemplateParameter] = []
        while !isCurrent(.rightParenthesis) {
            if !result.isEmpty { try expect(.comma) }
            let name = try expectName()
            if skip(.assign) {
                result.append(TemplateParameter(name: name, fallback: try expression()))
            } else if let last = result.last, last.fallback != nil {
                throw .syntax(
                    "non-default argument follows default argument", at: current.position)
            } else {
                result.append(TemplateParameter(name: name, fallback: nil))
            }
        }
        try expect(.rightParenthesis)
        return result
    }

    private mutating func filterBlock() throws(TemplateError) -> TemplateStatement.Kind {
        let filters = try filterChain(startsInline: true)
        return .filtered(filters: filters, body: try innerBody(until: "endfilter"))
    }

    private mutating func scope() throws(TemplateError) -> TemplateStatement.Kind {
        var bindings: [(TemplateTarget, TemplateExpression)] = []
        while current.kind != .blockEnd {
            if !bindings.isEmpty { try expect(.comma) }
            let target = try target(allowsMembers: false, endsAt: nil)
            try expect(.assign)
            bindings.append((target, try expression()))
        }
        return .scope(bindings, body: try innerBody(until: "endwith"))
    }

    /// A body with a scope of its own, past the name of the tag that ends it.
    private mutating func innerBody(
        until end: String
    ) throws(TemplateError) -> [TemplateStatement] {
        let wasSoft = allowsUnknownNames
        allowsUnknownNames = false
        defer { allowsUnknownNames = wasSoft }
        let body = try body(until: [end])
        advance()
        return body
    }

    /// The target of an assignment: a name, a member of a namespace, or a tuple of these.
    private mutating func target(
        allowsMembers: Bool, endsAt ending: String?
    ) throws(TemplateError) -> TemplateTarget {
        try enter()
        defer { leave() }
        var targets: [TemplateTarget] = []
        var isTuple = false
        while true {
            if !targets.isEmpty {
                try expect(.comma)
                if let ending, isCurrent(name: ending) { break }
                if isCurrent(.rightParenthesis) || isCurrent(.assign) { break }
            }
            if skip(.leftParenthesis) {
                targets.append(try target(allowsMembers: allowsMembers, endsAt: nil))
                try expect(.rightParenthesis)
            } else {
                targets.append(try singleTarget(allowsMembers: allowsMembers))
            }
            guard isCurrent(.comma) else { break }
            isTuple = true
        }
        return isTuple || targets.count != 1 ? .tuple(targets) : targets[0]
    }

    private mutating func singleTarget(
        allowsMembers: Bool
    ) throws(TemplateError) -> TemplateTarget {
        let position = current.position
        let name = try expectName()
        if ["true", "false", "none", "True", "False", "None"].contains(name) {
            throw .syntax("can't assign to '\(name)'", at: position)
        }
        if allowsMembers, skip(.dot) {
            noteUse(of: name)
            return .member(namespace: name, attribute: try expectName())
        }
        return .name(name)
    }

    /// Remembers that the macro being parsed reads this variable.
    mutating func noteUse(of name: String) {
        if let last = usedNames.indices.last { usedNames[last].insert(name) }
    }
}
