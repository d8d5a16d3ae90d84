// SPDX-License-Identifier: Apache-2.0

package import AnswerParsing
package import JSON

/// The tools that a request offers, and which of them shall be called.
package struct ToolFields: Hashable, Sendable {
    /// How an API writes tools.
    package enum Notation: Hashable, Sendable {
        /// What a tool is stands within a member of its type's name (Chat).
        case nested

        /// What a tool is stands beside its type, and namespaces have tools in them (Responses).
        case flat

        fileprivate var types: String {
            self == .nested
                ? "'function' and 'custom' are" : "'function', 'custom' and 'namespace' are"
        }
    }

    /// A tool of a namespace, as the client knows it.
    package struct Member: Hashable, Sendable {
        /// The namespace.
        package let namespace: String

        /// The tool's name in it.
        package let name: String

        /// What the model calls it: names of tools have no parts for it.
        package var joinedName: String {
            namespace + (namespace.hasSuffix("__") ? "" : "__") + name
        }
    }

    /// The tools, in the client's order; none where none may be called.
    package private(set) var tools: [Tool] = []

    /// What of each tool says what a call carries, for errors.
    package private(set) var inputPaths: [FieldPath] = []

    /// Which of them are called.
    package private(set) var choice = ToolChoice.auto(allowed: nil)

    /// Whether there may be more than one call.
    package private(set) var allowsParallelCalls = true

    /// Whether they came in OpenAI's older `functions`, whose answers have one `function_call`.
    package private(set) var areFunctions = false

    /// The tools that are in namespaces, by the names that the model calls them by.
    package private(set) var members: [String: Member] = [:]

    private let notation: Notation

    /// Types of tools that are left out without a word.
    private let ignoredTypes: Set<String>

    /// Reads `tools`, `tool_choice` and `parallel_tool_calls`, or `functions` and `function_call`.
    ///
    /// - Parameters:
    ///   - fields: the body.
    ///   - limits: how many tools there may be.
    ///   - notation: how the API writes them.
    ///   - ignoredTypes: what the client sends without meaning to, and which changes nothing.
    /// - Throws: `FieldError`, which names the tool.
    init(
        _ fields: FieldReader, limits: RequestLimits, as notation: Notation = .nested,
        ignoring ignoredTypes: Set<String> = []
    ) throws(FieldError) {
        self.notation = notation
        self.ignoredTypes = ignoredTypes
        try readTools(fields, limits: limits)
        if notation == .nested { try readFunctions(fields, limits: limits) }
        let allowsParallelCalls = try fields.read(Self.allowsParallelCalls)
        if areFunctions {
            if let value = fields.value("tool_choice"), value != "auto" {
                throw .invalid(
                    fields.path.appending("tool_choice"),
                    expected: "nothing beside functions, whose choice is function_call")
            }
            choice = try functionChoice(fields)
        } else {
            let choice = try toolChoice(fields)
            self.choice = choice.choice
            // A tool that is named is called once.
            self.allowsParallelCalls = allowsParallelCalls && !choice.isNamed
        }
        if choice == .none {
            tools = []
            inputPaths = []
        }
    }

    /// Tools that were read already.
    ///
    /// - Parameters:
    ///   - offered: each tool, and what of it says what a call carries.
    ///   - choice: which of them are called.
    ///   - allowsParallelCalls: whether there may be more than one call.
    init(
        _ offered: [(tool: Tool, input: FieldPath)], choice: ToolChoice, allowsParallelCalls: Bool
    ) {
        notation = .nested
        ignoredTypes = []
        self.choice = choice
        self.allowsParallelCalls = allowsParallelCalls
        if choice == .none { return }
        tools = offered.map { $0.tool }
        inputPaths = offered.map { $0.input }
    }

    /// The definitions for the prompt, as the client wrote them.
    package var definitions: [JSONValue] { tools.map(\.definition) }

    // MARK: Tools

    private mutating func readTools(
        _ fields: FieldReader, limits: RequestLimits
    ) throws(FieldError) {
        for (value, path) in try fields.array("tools", maxCount: limits.maxTools) ?? [] {
            try read(FieldReader(value, at: path), limits: limits)
        }
        guard tools.count <= limits.maxTools else {
            throw .invalid(
                fields.path.appending("tools"), expected: "at most \(limits.maxTools) tools in all")
        }
    }

    private mutating func read(
        _ tool: FieldReader, in namespace: String? = nil, limits: RequestLimits
    ) throws(FieldError) {
        let type = try tool.string("type") ?? "function"
        switch type {
        case "function":
            let function = try members(type, of: tool)
            // A definition that templates can read is made of what stands flat.
            let definition: JSONValue? =
                notation == .nested ? .object(tool.object) : Optional.none
            try add(
                Self.function(function, definition: definition), in: namespace, function,
                "parameters")
        case "custom":
            let custom = try members(type, of: tool)
            try add(
                Self.custom(custom, definition: .object(tool.object)), in: namespace, custom,
                "format")
        case "namespace" where notation == .flat && namespace == nil:
            try readNamespace(tool, limits: limits)
        case _ where ignoredTypes.contains(type): break
        default:
            throw .unsupported(
                tool.path.appending("type"),
                reason: "tools of type '\(EchoableText.of(type))' are not supported; "
                    + "only \(notation.types)")
        }
    }

    /// What says what a tool is.
    private func members(_ type: String, of tool: FieldReader) throws(FieldError) -> FieldReader {
        let nested = try tool.object(type)
        return notation == .flat ? nested ?? tool : try tool.require(type, nested)
    }

    /// Adds the tools of a namespace, the first of which tells the model what they are for.
    private mutating func readNamespace(
        _ namespace: FieldReader, limits: RequestLimits
    ) throws(FieldError) {
        let name = try namespace.require("name", namespace.string("name"))
        try Self.checkName(name, at: namespace.path.appending("name"))
        let description = try namespace.string("description") ?? ""
        let first = tools.count
        for (value, path) in try namespace.require(
            "tools", namespace.array("tools", maxCount: limits.maxTools))
        {
            try read(FieldReader(value, at: path), in: name, limits: limits)
        }
        guard tools.indices.contains(first), !description.isEmpty else { return }
        tools[first] = tools[first].described(after: description)
    }

    private mutating func readFunctions(
        _ fields: FieldReader, limits: RequestLimits
    ) throws(FieldError) {
        let functions = try fields.array("functions", maxCount: limits.maxTools) ?? []
        guard !functions.isEmpty else { return }
        guard tools.isEmpty else {
            throw .invalid(
                fields.path.appending("functions"), expected: "nothing, for tools are there")
        }
        for (value, path) in functions {
            let function = try FieldReader(value, at: path)
            try add(
                Self.function(function, definition: ["type": "function", "function": value]),
                in: nil, function, "parameters")
        }
        areFunctions = true
        allowsParallelCalls = false
    }

    /// Adds a tool, unless an equal one is there already.
    private mutating func add(
        _ tool: Tool, in namespace: String?, _ fields: FieldReader, _ input: String
    ) throws(FieldError) {
        var tool = tool
        if let namespace {
            let member = Member(namespace: namespace, name: tool.name)
            tool = tool.named(member.joinedName)
            try Self.checkName(tool.name, at: fields.path.appending("name"))
            members[tool.name] = member
        }
        if let other = tools.first(where: { $0.name == tool.name }) {
            if other == tool { return }
            throw .invalid(
                fields.path.appending("name"), expected: "a name that no other tool has")
        }
        tools.append(tool)
        inputPaths.append(fields.path.appending(input))
    }

    private static func function(
        _ function: FieldReader, definition: JSONValue?
    ) throws(FieldError) -> Tool {
        let name = try function.require("name", function.string("name"))
        try checkName(name, at: function.path.appending("name"))
        // Arguments are always kept to their schema.
        _ = try function.bool("strict")
        return Tool(
            name: name, description: try function.string("description"),
            input: .arguments(try parameters(function)), definition: definition)
    }

    /// The schema of a function's arguments, which is the member of that name.
    ///
    /// A function without parameters takes none, as OpenAI says. Any other schema is one of objects,
    /// though it may not say so.
    static func parameters(
        _ function: FieldReader, _ key: String = "parameters"
    ) throws(FieldError) -> JSONValue {
        guard let given = try function.object(key) else {
            return ["type": "object", "properties": [:], "additionalProperties": false]
        }
        var schema = given.object
        let object: JSONValue = "object"
        switch schema["type"] {
        case object?: break
        case .array(let types)? where types.contains(object): schema["type"] = object
        case nil, .null?:
            // Drafts before 2019-09 read nothing beside a reference.
            if let reference = schema["$ref"] {
                schema["$ref"] = nil
                let others = schema["allOf"]?.arrayValue ?? []
                schema["allOf"] = .array([["$ref": reference]] + others)
            }
            if !schema.isEmpty { schema["type"] = object }
        default:
            throw .invalid(
                given.path.appending("type"), expected: "'object', for arguments have names")
        }
        return .object(schema)
    }

    private static func custom(
        _ custom: FieldReader, definition: JSONValue
    ) throws(FieldError) -> Tool {
        let name = try custom.require("name", custom.string("name"))
        try checkName(name, at: custom.path.appending("name"))
        return Tool(
            name: name, description: try custom.string("description"),
            input: try input(custom), definition: definition)
    }

    /// What a custom tool takes, by its `format`.
    private static func input(_ custom: FieldReader) throws(FieldError) -> Tool.Input {
        guard let format = try custom.object("format") else { return .text }
        let type = try format.require("type", format.string("type", oneOf: ["text", "grammar"]))
        guard type == "grammar" else { return .text }
        // The Responses API has the members of `grammar` beside `type`.
        let grammar = try format.object("grammar") ?? format
        let text = try grammar.require("definition", grammar.string("definition"))
        let syntax = try grammar.require(
            "syntax", grammar.string("syntax", oneOf: ["lark", "regex"]))
        return syntax == "lark" ? .grammar(text) : .expression(text)
    }

    /// Throws unless the name can stand in every format.
    ///
    /// OpenAI allows 64 letters, digits, `_` and `-`. Names that were made of a server's name and a
    /// tool's, as clients of MCP make them, are longer and have `.`, `:` and `/` in them.
    static func checkName(_ name: String, at path: FieldPath) throws(FieldError) {
        let isValid =
            (1...128).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), UInt8(ascii: "-"),
                    UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "/"):
                    true
                default: false
                }
            }
        if !isValid {
            throw .invalid(path, expected: "1 to 128 letters, digits, '_', '-', '.', ':' or '/'")
        }
    }

    // MARK: Which of them

    private func toolChoice(
        _ fields: FieldReader
    ) throws(FieldError) -> (choice: ToolChoice, isNamed: Bool) {
        let path = fields.path.appending("tool_choice")
        switch fields.value("tool_choice") {
        case nil: return (tools.isEmpty ? .none : .auto(allowed: nil), false)
        case .string(let mode)?: return (try self.mode(mode, at: path), false)
        case .object(let object)?:
            let choice = FieldReader(object, at: path)
            return try self.choice(choice, type: choice.string("type") ?? "function")
        case let value?:
            throw .wrongType(path, expected: "a string or an object", found: value.kindName)
        }
    }

    private func mode(_ mode: String, at path: FieldPath) throws(FieldError) -> ToolChoice {
        guard Self.modes.contains(mode) else {
            throw .invalid(path, expected: "one of \(FieldReader.list(Self.modes)), or an object")
        }
        if mode == "none" { return .none }
        if mode == "auto" { return tools.isEmpty ? .none : .auto(allowed: nil) }
        try checkOffered(at: path)
        return .required(allowed: nil)
    }

    private func choice(
        _ choice: FieldReader, type: String
    ) throws(FieldError) -> (choice: ToolChoice, isNamed: Bool) {
        switch type {
        case "auto", "none", "any", "required":
            return (try mode(type, at: choice.path), false)
        case "function", "custom":
            try checkOffered(at: choice.path)
            // The Responses API has the name beside `type`.
            let named = try choice.object(type) ?? choice
            return (.required(allowed: [try name(named)]), true)
        case "allowed_tools":
            try checkOffered(at: choice.path)
            let allowed = try choice.object("allowed_tools") ?? choice
            return (try allowedTools(allowed), false)
        default:
            throw .invalid(
                choice.path.appending("type"),
                expected: "one of 'function', 'custom', 'allowed_tools', "
                    + FieldReader.list(Self.modes))
        }
    }

    private func allowedTools(_ allowed: FieldReader) throws(FieldError) -> ToolChoice {
        let mode = try allowed.require(
            "mode", allowed.string("mode", oneOf: ["auto", "required"]))
        var names: Set<String> = []
        for (value, path) in try allowed.require(
            "tools", allowed.array("tools", maxCount: tools.count))
        {
            let tool = try FieldReader(value, at: path)
            let type = try tool.string("type", oneOf: ["function", "custom"]) ?? "function"
            names.insert(try name(tool.object(type) ?? tool))
        }
        if names.isEmpty {
            throw .invalid(allowed.path.appending("tools"), expected: "at least one tool")
        }
        return mode == "auto" ? .auto(allowed: names) : .required(allowed: names)
    }

    private func functionChoice(_ fields: FieldReader) throws(FieldError) -> ToolChoice {
        let path = fields.path.appending("function_call")
        switch fields.value("function_call") {
        case nil, .string("auto")?: return .auto(allowed: nil)
        case .string("none")?: return .none
        case .object(let object)?:
            return .required(allowed: [try name(FieldReader(object, at: path))])
        case let value?:
            throw .invalid(
                path, expected: "'none', 'auto' or an object with a name, found \(value.kindName)")
        }
    }

    /// The name of a tool that is offered, as the model knows it.
    private func name(_ fields: FieldReader) throws(FieldError) -> String {
        let name = try fields.require("name", fields.string("name"))
        let namespace = notation == .flat ? try fields.string("namespace") : nil
        let joined = namespace.map { Member(namespace: $0, name: name).joinedName } ?? name
        if tools.contains(where: { $0.name == joined }) { return joined }
        // A choice of OpenAI's has no namespace.
        let member = tools.first { namespace == nil && members[$0.name]?.name == name }
        guard let member else {
            throw .invalid(fields.path.appending("name"), expected: "the name of one of the tools")
        }
        return member.name
    }

    private func checkOffered(at path: FieldPath) throws(FieldError) {
        if tools.isEmpty {
            throw .invalid(path, expected: "'auto' or 'none', for there are no tools")
        }
    }
}

extension Tool {
    /// Whether it takes text instead of arguments.
    var isCustom: Bool {
        if case .arguments = input { false } else { true }
    }

    /// The tool under another name.
    fileprivate func named(_ name: String) -> Tool {
        Tool(name: name, description: description, input: input)
    }

    /// The tool with a text before its description.
    fileprivate func described(after text: String) -> Tool {
        let description = description.map { text + "\n\n" + $0 } ?? text
        return Tool(name: name, description: description, input: input)
    }
}

extension AnswerPlan {
    /// What a request asks of an answer's form.
    init(_ calls: ToolFields, _ options: GenerationOptions) {
        self.init()
        tools = calls.tools
        choice = calls.choice
        allowsParallelCalls = calls.allowsParallelCalls
        output = options.output?.structure
        allowsThinking = options.thinking.isAllowed
    }
}
