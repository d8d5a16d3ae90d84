// SPDX-License-Identifier: Apache-2.0

/// Says of each byte whether a text can still become one of a structure's.
///
/// A state is a *column*, the set of positions of the structure's grammar that the text may be at,
/// each with the stack of calls that led there (``GrammarStacks``). Equal columns are one, so that
/// the moves from it are found once. Where all that a text may be within is one terminal, such as a
/// JSON value, the state is a *place*: the terminal's own state beside a number for what stands
/// around it, and the terminal's scanners are the structure's.
package final class StructureRecognizer: Recognizer {
    private typealias Item = GrammarColumns.Item

    /// What stands around a terminal.
    private struct Context {
        var position: Int32
        var node: Int32
        var terminal: Int
        /// The state after the terminal, once asked for.
        var exit: RecognizerState?
    }

    /// A trigger found at the end of a free text.
    private struct Ending: Hashable {
        var context: Int
        var found: Int32
    }

    private let network: GrammarNetwork
    private let terminals: [GrammarTerminal]
    private let documents: [Int: SchemaDocument]
    private let maxBytes: Int
    private var isFull = false
    private var starts: [UInt64]
    private var stacks = GrammarStacks()
    private var columns = GrammarColumns()
    private var closure: GrammarClosure
    private var contexts: [Context] = []
    private var contextNumbers: [UInt64: Int] = [:]
    /// The columns of places that go on both within their terminal and after it.
    private var opened: [UInt64: RecognizerState] = [:]
    private var endings: [Ending: RecognizerState] = [:]
    /// Where no text has been read.
    private let noText = RecognizedText()

    package private(set) var start = RecognizerState.dead

    /// A recognizer of a structure.
    ///
    /// - Parameters:
    ///   - structure: what a text must look like.
    ///   - controls: the control tokens that its grammars may name, as the vocabulary does.
    ///   - style: how freely its JSON texts may be written.
    ///   - limits: how much work it may be.
    /// - Throws: where it cannot be honoured, or where no text at all has the structure.
    package convenience init(
        _ structure: Structure, controls: ControlTokens = [:],
        style: RecognitionStyle = .generated, limits: RecognitionLimits = .init()
    ) throws(RecognitionError) {
        let limits = limits.begun()
        let grammar = try StructureCompiler.grammar(
            of: structure, controls: controls, style: style, limits: limits)
        try self.init(grammar, limits: limits)
    }

    /// A recognizer of a grammar.
    init(_ grammar: Grammar, limits: RecognitionLimits) throws(RecognitionError) {
        terminals = grammar.terminals
        documents = grammar.documents
        maxBytes = max(1 << 20, limits.maxBytes / 2)
        starts = grammar.terminals.map(\.start)
        let facts = grammar.terminals.map { terminal in
            (isNullable: terminal.canBeEmpty, isAlive: terminal.start != .max)
        }
        network = try GrammarNetworkBuilder.network(of: grammar, terminals: facts, limits: limits)
        closure = GrammarClosure(network)
        let unproductive = network.unproductive.first { [rules = grammar.rules] in
            $0 < rules.count && !rules[$0].name.isEmpty
        }
        if let unproductive {
            let rule = grammar.rules[unproductive]
            throw RecognitionError(
                at: rule.place,
                "the rule \(rule.name) derives no text; give it an alternative that"
                    + " does not need the rule itself")
        }
        start = initialState()
        guard !start.isDead else {
            throw RecognitionError(at: "", "no text has this structure")
        }
    }

    /// A recognizer of the same texts whose terminals are others.
    private init(_ other: StructureRecognizer, _ terminals: [GrammarTerminal]) {
        network = other.network
        self.terminals = terminals
        documents = [:]
        maxBytes = other.maxBytes
        starts = terminals.map(\.start)
        closure = GrammarClosure(network)
        start = initialState()
    }

    package var checking: (any Recognizer)? {
        var isAny = false
        let checked = terminals.enumerated().map { index, terminal in
            guard let other = terminal.checking(documents[index]) else { return terminal }
            isAny = true
            return other
        }
        return isAny ? StructureRecognizer(self, checked) : nil
    }

    private func initialState() -> RecognizerState {
        closure.begin(stacks)
        closure.push(network.entries[Int(network.root)], GrammarStacks.root)
        return closed(after: noText)
    }

    // MARK: Places

    private static let placeBit = UInt64(1) << 63
    private static let stateBits: UInt64 = 48
    private static let maxContexts = 0x7FFF

    /// The state within a terminal; nil where it has to be a column.
    private func place(_ item: Item) -> RecognizerState? {
        guard item.state >> Self.stateBits == 0 else { return nil }
        let key =
            UInt64(UInt32(bitPattern: item.position)) << 32 | UInt64(UInt32(bitPattern: item.node))
        if let known = contextNumbers[key] { return state(known, item.state) }
        guard contexts.count < Self.maxContexts else { return nil }
        let terminal = Int(network.positions[Int(item.position)].argument)
        contexts.append(
            Context(position: item.position, node: item.node, terminal: terminal, exit: nil))
        contextNumbers[key] = contexts.count - 1
        return state(contexts.count - 1, item.state)
    }

    private func state(_ context: Int, _ inner: UInt64) -> RecognizerState {
        RecognizerState(rawValue: Self.placeBit | UInt64(context) << Self.stateBits | inner)
    }

    /// The context and the terminal's state of a place; nil for columns and what is no state.
    private func split(_ state: RecognizerState) -> (context: Int, inner: UInt64)? {
        guard state.rawValue & Self.placeBit != 0 else { return nil }
        let context = Int((state.rawValue & ~Self.placeBit) >> Self.stateBits)
        guard context < contexts.count else { return nil }
        return (context, state.rawValue & (1 << Self.stateBits - 1))
    }

    /// The column of a state; nil for places and what is no state.
    private func column(_ state: RecognizerState) -> Int? {
        guard state.rawValue < UInt64(columns.count) else { return nil }
        return Int(truncatingIfNeeded: state.rawValue)
    }

    /// The state within a terminal, and nowhere else.
    private func within(
        _ context: Int, _ inner: UInt64, after text: RecognizedText, adding byte: UInt8? = nil
    ) -> RecognizerState {
        if inner >> Self.stateBits == 0 { return state(context, inner) }
        closure.begin(stacks)
        carry(context, inner)
        return closed(after: text, adding: byte)
    }

    private func carry(_ context: Int, _ inner: UInt64) {
        let around = contexts[context]
        closure.carry(Item(position: around.position, node: around.node, state: inner))
    }

    /// What follows the terminal of a context; never a place that could be left at once.
    private func exit(_ context: Int) -> RecognizerState {
        if let known = contexts[context].exit { return known }
        let around = contexts[context]
        closure.begin(stacks)
        closure.push(network.positions[Int(around.position)].next, around.node)
        var exit = closed(after: noText)
        if let place = split(exit), canLeave(place.context, place.inner, after: noText) {
            exit = open(exit, place.context, place.inner, after: noText)
        }
        contexts[context].exit = exit
        return exit
    }

    /// The column of a place.
    private func open(
        _ state: RecognizerState, _ context: Int, _ inner: UInt64, after text: RecognizedText
    ) -> RecognizerState {
        if let known = opened[state.rawValue] { return known }
        closure.begin(stacks)
        carry(context, inner)
        let column = closed(after: text, asColumn: true)
        if !terminals[contexts[context].terminal].isGuarded(inner) {
            opened[state.rawValue] = column
        }
        return column
    }

    private func canLeave(_ context: Int, _ inner: UInt64, after text: RecognizedText) -> Bool {
        terminals[contexts[context].terminal].canEnd(inner, after: text)
    }

    // MARK: Columns

    /// The state of what was pushed and carried.
    private func closed(
        after text: RecognizedText, adding byte: UInt8? = nil, asColumn: Bool = false
    ) -> RecognizerState {
        closure.drain(network, stacks, starts: starts)
        if !asColumn, !closure.canEnd, closure.waiting.isEmpty, closure.carried.count == 1 {
            closure.resolve(network, &stacks)
            if let place = place(closure.resolved(closure.carried[0], network)) { return place }
        }
        var index = 0
        while index < closure.carried.count {
            let item = closure.carried[index]
            let position = network.positions[Int(item.position)]
            let terminal = terminals[Int(position.argument)]
            if terminal.canEnd(item.state, after: text, adding: byte) {
                closure.push(position.next, item.node)
                closure.drain(network, stacks, starts: starts)
            }
            index += 1
        }
        guard !closure.isFull, stacks.byteCount + columns.byteCount < maxBytes else {
            isFull = true
            return .dead
        }
        closure.resolve(network, &stacks)
        return intern()
    }

    private func intern() -> RecognizerState {
        var items: [Item] = []
        items.reserveCapacity(closure.waiting.count + closure.carried.count)
        for item in closure.waiting { items.append(closure.resolved(item, network)) }
        for item in closure.carried { items.append(closure.resolved(item, network)) }
        return intern(&items, canEnd: closure.canEnd)
    }

    private func intern(_ items: inout [Item], canEnd: Bool) -> RecognizerState {
        guard !items.isEmpty || canEnd else { return .dead }
        items.sort()
        var kept = 0
        for index in items.indices where index == 0 || items[index] != items[kept - 1] {
            items[kept] = items[index]
            kept += 1
        }
        items.removeLast(items.count - kept)
        let column = columns.column(
            items, canEnd: canEnd, isGuarded: items.contains { isGuarded($0) })
        return RecognizerState(rawValue: UInt64(column))
    }

    private func isGuarded(_ item: Item) -> Bool {
        let position = network.positions[Int(item.position)]
        guard position.kind == .terminal else { return false }
        return terminals[Int(position.argument)].isGuarded(item.state)
    }

    // MARK: Bytes

    package func advance(
        _ state: RecognizerState, by byte: UInt8, after text: RecognizedText
    ) -> RecognizerState {
        guard let column = column(state) else {
            guard let (context, inner) = split(state) else { return .dead }
            return advance(state, context, inner, by: byte, after: text)
        }
        let known = columns.move(column, byte)
        if known != GrammarColumns.unknown { return RecognizerState(rawValue: known) }
        let next = move(column, by: byte, after: text)
        // A guarded value remembers where it began, so the move into it is not the same elsewhere.
        if !columns.isGuarded(column), !isGuarded(next) {
            columns.setMove(column, byte, to: next.rawValue)
        }
        return next
    }

    private func move(
        _ column: Int, by byte: UInt8, after text: RecognizedText
    ) -> RecognizerState {
        closure.begin(stacks)
        for index in columns.range(of: column) {
            let item = columns[index]
            let position = network.positions[Int(item.position)]
            switch position.kind {
            case .range, .set:
                if network.takes(position, byte) { closure.push(position.next, item.node) }
            case .terminal:
                let terminal = terminals[Int(position.argument)]
                let moved = terminal.next(item.state, by: byte, after: text)
                if moved != .max {
                    closure.carry(Item(position: item.position, node: item.node, state: moved))
                }
            default: break
            }
        }
        return closed(after: text, adding: byte)
    }

    /// The move of a place.
    private func advance(
        _ state: RecognizerState, _ context: Int, _ inner: UInt64, by byte: UInt8,
        after text: RecognizedText
    ) -> RecognizerState {
        let terminal = terminals[contexts[context].terminal]
        if case .freeText(let triggers) = terminal {
            let found = triggers.next(Int32(truncatingIfNeeded: inner), byte)
            return triggers.isEnd(found)
                ? ending(context, triggers, found, after: text, adding: byte)
                : self.state(context, UInt64(found))
        }
        let moved = terminal.next(inner, by: byte, after: text)
        guard terminal.canEnd(inner, after: text) else {
            return moved == .max ? .dead : within(context, moved, after: text, adding: byte)
        }
        let other = advance(exit(context), by: byte, after: text)
        if moved == .max { return other }
        if other.isDead { return within(context, moved, after: text, adding: byte) }
        return advance(open(state, context, inner, after: text), by: byte, after: text)
    }

    /// The state after the triggers that end where a free text has come to one.
    private func ending(
        _ context: Int, _ triggers: TriggerAutomaton, _ found: Int32, after text: RecognizedText,
        adding byte: UInt8?
    ) -> RecognizerState {
        let key = Ending(context: context, found: found)
        if let known = endings[key] { return known }
        var isGuarded = false
        var ends: [RecognizerState] = []
        for trigger in triggers.triggers(endingIn: found) {
            // What follows may look at the text before it, which ends where the trigger begins; most
            // often it only counts.
            let known = max(0, text.count - trigger.count + (byte == nil ? 0 : 1))
            let blank = RecognizedText(Array(repeating: 0, count: known))
            var end = afterExit(context, trigger, after: blank)
            if blank.wasRead {
                end = afterExit(
                    context, trigger, after: RecognizedText(Array(text.bytes.prefix(known))))
            }
            isGuarded = isGuarded || end.isGuarded
            if !end.state.isDead { ends.append(end.state) }
        }
        let state = ends.count > 1 ? union(ends) : ends.first ?? .dead
        if !isGuarded { endings[key] = state }
        return state
    }

    /// The state after a terminal and these bytes, and whether it depends on the text before.
    private func afterExit(
        _ context: Int, _ bytes: [UInt8], after text: RecognizedText
    ) -> (state: RecognizerState, isGuarded: Bool) {
        var state = exit(context)
        var isGuarded = false
        for byte in bytes where !state.isDead {
            isGuarded = isGuarded || self.isGuarded(state)
            state = advance(state, by: byte, after: text)
            text.append(byte)
        }
        return (state, isGuarded || self.isGuarded(state) || text.wasRead)
    }

    /// A state whose future is that of all of these.
    private func union(_ states: [RecognizerState]) -> RecognizerState {
        var items: [Item] = []
        var canEnd = false
        for state in states {
            var state = state
            if let (context, inner) = split(state) {
                state = open(state, context, inner, after: noText)
            }
            guard let column = column(state) else { continue }
            for index in columns.range(of: column) { items.append(columns[index]) }
            canEnd = canEnd || columns.canEnd(column)
        }
        return intern(&items, canEnd: canEnd)
    }

    package func canEnd(_ state: RecognizerState, after text: RecognizedText) -> Bool {
        if let column = column(state) { return columns.canEnd(column) }
        guard let (context, inner) = split(state), canLeave(context, inner, after: text) else {
            return false
        }
        guard let column = column(exit(context)) else { return false }
        return columns.canEnd(column)
    }

    package func isGuarded(_ state: RecognizerState) -> Bool {
        if let column = column(state) { return columns.isGuarded(column) }
        guard let (context, inner) = split(state) else { return false }
        let terminal = terminals[contexts[context].terminal]
        if terminal.isGuarded(inner) { return true }
        guard terminal.canEnd(inner, after: noText) else { return false }
        let exit = exit(context)
        if let column = column(exit) { return columns.isGuarded(column) }
        guard let (next, inner) = split(exit) else { return false }
        return terminals[contexts[next].terminal].isGuarded(inner)
    }

    // MARK: Control tokens

    package func controls(at state: RecognizerState, after text: RecognizedText) -> [Int32] {
        var tokens: Set<Int32> = []
        if let (context, inner) = split(state) {
            let terminal = terminals[contexts[context].terminal]
            tokens.formUnion(terminal.controls(at: inner, after: text))
            if terminal.canEnd(inner, after: text) {
                tokens.formUnion(controls(at: exit(context), after: text))
            }
        } else if let column = column(state) {
            for index in columns.range(of: column) {
                let item = columns[index]
                let position = network.positions[Int(item.position)]
                if position.kind == .control {
                    tokens.insert(position.argument)
                } else if position.kind == .terminal {
                    let terminal = terminals[Int(position.argument)]
                    tokens.formUnion(terminal.controls(at: item.state, after: text))
                }
            }
        }
        return tokens.sorted()
    }

    package func advance(
        _ state: RecognizerState, byControl token: Int32, after text: RecognizedText
    ) -> RecognizerState {
        var state = state
        if let (context, inner) = split(state) {
            state = open(state, context, inner, after: text)
        }
        guard let column = column(state) else { return .dead }
        closure.begin(stacks)
        for index in columns.range(of: column) {
            let item = columns[index]
            let position = network.positions[Int(item.position)]
            if position.kind == .control, position.argument == token {
                closure.push(position.next, item.node)
            } else if position.kind == .terminal {
                let terminal = terminals[Int(position.argument)]
                let moved = terminal.next(item.state, byControl: token, after: text)
                if moved != .max {
                    closure.carry(Item(position: item.position, node: item.node, state: moved))
                }
            }
        }
        return closed(after: text)
    }

    // MARK: Scanners

    // The scanners of a terminal are every n-th number, where n is how many terminals there are.
    // Exits are the terminal's own, since they are of a state, which knows its terminal.

    package func scanner(of state: RecognizerState) -> Int32 {
        guard let (context, inner) = split(state) else { return -1 }
        let terminal = contexts[context].terminal
        return numbered(terminals[terminal].scanner(of: inner), terminal)
    }

    package func scanner(of state: RecognizerState, within byteCount: Int) -> Int32 {
        guard let (context, inner) = split(state) else { return -1 }
        let terminal = contexts[context].terminal
        return numbered(terminals[terminal].scanner(of: inner, within: byteCount), terminal)
    }

    private func numbered(_ local: Int32, _ terminal: Int) -> Int32 {
        guard local >= 0 else { return -1 }
        return Int32(exactly: Int(local) * terminals.count + terminal) ?? -1
    }

    /// The terminal of a scanner and its own number for it.
    private func divided(_ scanner: Int32) -> (terminal: GrammarTerminal, local: Int32)? {
        guard scanner >= 0, !terminals.isEmpty else { return nil }
        let (local, terminal) = Int(scanner).quotientAndRemainder(dividingBy: terminals.count)
        return (terminals[terminal], Int32(truncatingIfNeeded: local))
    }

    package func state(_ state: RecognizerState, within byteCount: Int) -> RecognizerState {
        guard let (context, inner) = split(state) else { return state }
        let like = terminals[contexts[context].terminal].state(inner, within: byteCount)
        return like >> Self.stateBits == 0 ? self.state(context, like) : state
    }

    package func identity(of scanner: Int32) -> UInt64? {
        guard let (terminal, local) = divided(scanner) else { return nil }
        guard case .embedded(let recognizer) = terminal else { return nil }
        return recognizer.identity(of: local)
    }

    package func likeness(of scanner: Int32) -> ScannerLikeness? {
        guard let (terminal, local) = divided(scanner) else { return nil }
        guard case .embedded(let recognizer) = terminal else { return nil }
        return recognizer.likeness(of: local)
    }

    package func scan(_ scanner: Int32, by byte: UInt8) -> Int32 {
        guard scanner >= 0, !terminals.isEmpty else { return -1 }
        let (local, terminal) = Int(scanner).quotientAndRemainder(dividingBy: terminals.count)
        let next = terminals[terminal].scan(Int32(truncatingIfNeeded: local), by: byte)
        return next >= 0 ? numbered(next, terminal) : next
    }

    package func exit(of scanner: Int32) -> Int32 {
        guard let (terminal, local) = divided(scanner) else { return -1 }
        return terminal.exit(of: local)
    }

    package func leave(
        _ state: RecognizerState, by exit: Int32, after text: RecognizedText
    ) -> RecognizerState {
        guard exit >= 0, let (context, inner) = split(state) else { return .dead }
        switch terminals[contexts[context].terminal] {
        case .automaton: return self.exit(context)
        case .freeText(let triggers):
            return ending(context, triggers, exit, after: text, adding: nil)
        case .embedded(let recognizer):
            let next = recognizer.leave(RecognizerState(rawValue: inner), by: exit, after: text)
            return next.isDead ? .dead : within(context, next.rawValue, after: text)
        }
    }

    // MARK: Memory

    package var isExhausted: Bool { isFull || terminals.contains(where: \.isExhausted) }

    package var byteCount: Int {
        terminals.reduce(
            network.byteCount + stacks.byteCount + columns.byteCount + closure.byteCount
                + contexts.count * 80 + (opened.count + endings.count) * 64
        ) { $0 + $1.byteCount }
    }

    package func forgetStates() {
        for terminal in terminals { terminal.forgetStates() }
        starts = terminals.map(\.start)
        isFull = false
        stacks = GrammarStacks()
        columns = GrammarColumns()
        closure = GrammarClosure(network)
        contexts = []
        contextNumbers = [:]
        opened = [:]
        endings = [:]
        start = initialState()
    }
}
