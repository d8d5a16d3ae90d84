// SPDX-License-Identifier: Apache-2.0

/// Decides, byte by byte, whether a text can still become one of an expression's.
///
/// Its states are derivatives of the expression, made when they are first reached, and places
/// within a code point. Equal futures mostly get equal states. Not safe to use from two threads at
/// once.
///
/// States stay valid until ``forgetStates()``. When their memory exceeds the limits, no further
/// ones are made: ``isExhausted`` turns true, and what is not known already is refused. Whoever
/// keeps an automaton for long looks at ``byteCount`` between texts and forgets in time.
@safe
package final class LazyAutomaton {
    /// The state from which no text is accepted; every other state accepts some text, except where
    /// to see that there is none would have taken more than ``ExpressionLife/maxVisits`` steps.
    package static let dead: Int32 = 0

    /// The state of the empty text; dead where the expression stands for no text.
    package private(set) var start: Int32 = 0

    /// Whether the limits kept a state from being made since states were last forgotten.
    package private(set) var isExhausted = false

    /// What ``next(_:_:)`` reads: apart from the object, so that reading it costs nothing.
    @unsafe private struct Table {
        /// A row of `1 << shift` cells for each state, -1 where it is not known yet.
        var cells: UnsafeMutablePointer<Int32>
        var stateCount: Int32
        var shift: Int
        var capacity: Int
    }

    /// Code points that follow within a character of several bytes, counted from the first that
    /// the bytes so far allow, and the node after each range of them.
    private struct Window: Hashable {
        var bytesLeft: Int
        var arrows: [ExpressionArena.Arrow]
    }

    private static let unknown: Int32 = -1

    /// The alternatives that a text may be at, at least as many as may always be.
    private static let minWidth = 4096

    private let maxBytes: Int
    private let maxWidth: Int
    private let original: ExpressionArena
    private let root: ExpressionArena.Node
    private let table: UnsafeMutablePointer<Table>
    /// The column of each byte: bytes that no set of the expression tells apart share one.
    private let columns: UnsafeMutablePointer<UInt8>
    /// A byte of each column.
    private let representatives: [UInt8]
    private let byteColumns: ByteColumns

    private var arena: ExpressionArena
    private var life = ExpressionLife()
    /// The expression of each state, or else `-1 - index` of its window.
    private var contents: [Int32] = []
    /// The state of each expression.
    private var states: [Int32] = []
    private var windows: [Window] = []
    private var windowStates: [Window: Int32] = [:]
    private var windowBytes = 0

    /// An automaton of an expression.
    ///
    /// - Throws: where the expression alone takes more memory than the limits allow.
    package init(
        _ expression: RegularExpression, limits: RecognitionLimits = .init()
    ) throws(RecognitionError) {
        maxBytes = limits.maxBytes / 4
        original = expression.arena
        root = expression.root
        arena = expression.arena
        maxWidth = max(Self.minWidth, 2 * arena.width)
        arena.maxBytes = maxBytes
        arena.maxWidth = maxWidth
        let layout = expression.columns ?? ByteColumns(of: expression.arena)
        byteColumns = layout
        representatives = layout.representatives
        unsafe columns = .allocate(capacity: 256)
        unsafe columns.initialize(from: layout.columns, count: 256)
        var shift = 0
        while 1 << shift < layout.representatives.count { shift += 1 }
        unsafe table = .allocate(capacity: 1)
        let capacity = 16
        let cells = UnsafeMutablePointer<Int32>.allocate(capacity: capacity << shift)
        unsafe cells.initialize(repeating: Self.unknown, count: capacity << shift)
        unsafe table.initialize(
            to: Table(cells: cells, stateCount: 0, shift: shift, capacity: capacity))
        begin()
        if isExhausted {
            throw RecognitionError(at: "", "the expression takes too much memory")
        }
    }

    deinit {
        unsafe table.pointee.cells.deallocate()
        unsafe table.deallocate()
        unsafe columns.deallocate()
    }

    // MARK: Moving

    /// The state after one more byte.
    package func next(_ state: Int32, _ byte: UInt8) -> Int32 {
        let table = unsafe table
        // A state that was forgotten is refused rather than read.
        guard unsafe UInt32(bitPattern: state) < UInt32(bitPattern: table.pointee.stateCount) else {
            return Self.dead
        }
        let cell = unsafe Int(state) << table.pointee.shift | Int(columns[Int(byte)])
        let known = unsafe table.pointee.cells[cell]
        return known >= 0 ? known : make(state, byte)
    }

    /// The state after more bytes.
    package func next(_ state: Int32, _ bytes: some Sequence<UInt8>) -> Int32 {
        var state = state
        for byte in bytes where state != Self.dead { state = next(state, byte) }
        return state
    }

    /// Whether the text so far is one of the expression's.
    package func accepts(_ state: Int32) -> Bool {
        guard let content = content(of: state), content >= 0 else { return false }
        return arena.isNullable(content)
    }

    /// Whether a whole text is one of the expression's.
    package func accepts(_ text: some Sequence<UInt8>) -> Bool { accepts(next(start, text)) }

    /// Whether every valid text that goes on from here is one of the expression's; false within a
    /// code point, and where to see it would have taken too many steps.
    package func acceptsEverything(_ state: Int32) -> Bool {
        guard let content = content(of: state), content >= 0 else { return false }
        if content == ExpressionArena.everything { return true }
        guard arena.isNullable(content), !arena.isExhausted else { return false }
        let others = arena.complement(content)
        return life.verdict(of: others, in: &arena) == .dead
    }

    // MARK: Looking ahead

    /// A shortest rest of the text, in bytes; nil where there is none, or none among the first
    /// `maxStates` states that follow.
    package func completion(_ state: Int32, maxStates: Int = 20_000) -> [UInt8]? {
        if state == Self.dead { return nil }
        if accepts(state) { return [] }
        var origins: [Int32: (from: Int32, byte: UInt8)] = [:]
        var queue = [state]
        var index = 0
        while index < queue.count, queue.count < maxStates {
            let current = queue[index]
            index += 1
            for byte in representatives {
                let next = next(current, byte)
                if next == Self.dead || next == state || origins[next] != nil { continue }
                origins[next] = (current, byte)
                if accepts(next) {
                    var rest: [UInt8] = []
                    var place = next
                    while place != state, let origin = origins[place] {
                        rest.append(origin.byte)
                        place = origin.from
                    }
                    return rest.reversed()
                }
                queue.append(next)
            }
        }
        return nil
    }

    // MARK: Memory

    /// The expression with all that was found out about it, so that automata of it need not find
    /// it again.
    var preparedExpression: RegularExpression {
        RegularExpression(arena, root, columns: byteColumns)
    }

    /// Makes the states that are nearest to the start.
    func prepare(maxStates: Int) {
        var state: Int32 = 1
        while state < contents.count, contents.count < maxStates {
            for byte in representatives { _ = next(state, byte) }
            state += 1
        }
    }

    /// About how many bytes the states take.
    package var byteCount: Int {
        let cells = unsafe table.pointee.capacity << (table.pointee.shift + 2)
        return cells + arena.byteCount + contents.count * 4 + states.count * 4 + windowBytes
            + life.byteCount
    }

    /// Gives up all states but a new ``start``.
    package func forgetStates() {
        arena = original
        arena.maxBytes = maxBytes
        arena.maxWidth = maxWidth
        life = ExpressionLife()
        contents = []
        states = []
        windows = []
        windowStates = [:]
        windowBytes = 0
        unsafe table.pointee.cells.deallocate()
        let shift = unsafe table.pointee.shift
        let cells = UnsafeMutablePointer<Int32>.allocate(capacity: 16 << shift)
        unsafe cells.initialize(repeating: Self.unknown, count: 16 << shift)
        unsafe table.pointee = Table(cells: cells, stateCount: 0, shift: shift, capacity: 16)
        isExhausted = false
        begin()
    }

    // MARK: Making states

    private func begin() {
        let dead = append(ExpressionArena.nothing)
        for column in representatives.indices { set(dead, column, dead) }
        start = state(of: root)
    }

    private func content(of state: Int32) -> Int32? {
        state >= 0 && Int(state) < contents.count ? contents[Int(state)] : nil
    }

    private func append(_ content: Int32) -> Int32 {
        let state = Int32(contents.count)
        contents.append(content)
        let capacity = unsafe table.pointee.capacity
        let shift = unsafe table.pointee.shift
        if Int(state) == capacity {
            let larger = UnsafeMutablePointer<Int32>.allocate(capacity: capacity << (shift + 1))
            let old = unsafe table.pointee.cells
            unsafe larger.moveInitialize(from: old, count: capacity << shift)
            unsafe (larger + capacity << shift).initialize(
                repeating: Self.unknown, count: capacity << shift)
            unsafe old.deallocate()
            unsafe table.pointee.cells = larger
            unsafe table.pointee.capacity = capacity * 2
        }
        unsafe table.pointee.stateCount = state + 1
        return state
    }

    private func set(_ state: Int32, _ column: Int, _ next: Int32) {
        unsafe table.pointee.cells[Int(state) << table.pointee.shift | column] = next
    }

    /// The state of an expression; dead where it stands for no text.
    private func state(of node: ExpressionArena.Node) -> Int32 {
        if Int(node) < states.count, states[Int(node)] >= 0 { return states[Int(node)] }
        if life.verdict(of: node, in: &arena) == .dead { return Self.dead }
        if isFull { return Self.dead }
        if states.count <= Int(node) {
            let missing = arena.records.count - states.count
            states.append(contentsOf: repeatElement(Self.unknown, count: missing))
        }
        let state = append(node)
        states[Int(node)] = state
        return state
    }

    /// Whether no more states may be made.
    private var isFull: Bool {
        if arena.isExhausted || byteCount > maxBytes { isExhausted = true }
        return isExhausted
    }

    private func make(_ state: Int32, _ byte: UInt8) -> Int32 {
        if isFull { return Self.dead }
        let column = unsafe Int(columns[Int(byte)])
        let content = contents[Int(state)]
        let next: Int32
        if content < 0 {
            next = follow(windows[Int(-1 - content)], byte)
        } else if byte < 0x80 {
            let (first, end) = arena.derivative(of: content)
            let index = arena.arrow(from: first, to: end, over: UInt32(byte))
            let arrow = arena.arrows[index]
            let lower = index > first ? arena.arrows[index - 1].upper + 1 : 0
            next = self.state(of: arrow.target)
            if isExhausted || arena.isExhausted { return Self.dead }
            for (column, other) in representatives.enumerated()
            where other < 0x80 && UInt32(other) >= lower && UInt32(other) <= arrow.upper {
                set(state, column, next)
            }
            return next
        } else {
            next = lead(content, byte)
        }
        if isExhausted || arena.isExhausted { return Self.dead }
        set(state, column, next)
        return next
    }

    /// The state after the first byte of several of a code point.
    private func lead(_ node: ExpressionArena.Node, _ byte: UInt8) -> Int32 {
        let low: UInt32
        let bytesLeft: Int
        let valid: ClosedRange<UInt32>
        switch byte {
        case 0xC2...0xDF: (low, bytesLeft, valid) = (UInt32(byte & 0x1F) << 6, 1, 0x80...0x7FF)
        case 0xE0...0xEF:
            (low, bytesLeft, valid) = (UInt32(byte & 0xF) << 12, 2, 0x800...0xFFFF)
        case 0xF0...0xF4:
            (low, bytesLeft, valid) = (UInt32(byte & 7) << 18, 3, 0x1_0000...0x10_FFFF)
        default: return Self.dead
        }
        let high = low + (1 << UInt32(6 * bytesLeft)) - 1
        let (first, end) = arena.derivative(of: node)
        if arena.isExhausted { return Self.dead }
        var arrows: [ExpressionArena.Arrow] = []
        func add(_ upper: UInt32, _ target: ExpressionArena.Node) {
            if arrows.last?.target == target {
                arrows[arrows.count - 1].upper = upper - low
            } else {
                arrows.append(.init(upper: upper - low, target: target))
            }
        }
        if low < valid.lowerBound { add(valid.lowerBound - 1, ExpressionArena.nothing) }
        var position = max(low, valid.lowerBound)
        let last = min(high, valid.upperBound)
        var index = arena.arrow(from: first, to: end, over: position)
        while position <= last {
            let arrow = arena.arrows[index]
            let upper = min(arrow.upper, last)
            let target = alive(arrow.target)
            if position <= 0xDFFF, upper >= 0xD800 {
                if position < 0xD800 { add(0xD7FF, target) }
                add(min(upper, 0xDFFF), ExpressionArena.nothing)
                if upper > 0xDFFF { add(upper, target) }
            } else {
                add(upper, target)
            }
            position = upper + 1
            index += 1
        }
        if last < high { add(high, ExpressionArena.nothing) }
        return state(of: Window(bytesLeft: bytesLeft, arrows: arrows))
    }

    /// The node itself, or else nothing where it stands for no text.
    private func alive(_ node: ExpressionArena.Node) -> ExpressionArena.Node {
        life.verdict(of: node, in: &arena) == .dead ? ExpressionArena.nothing : node
    }

    /// The state after a further byte of a code point.
    private func follow(_ window: Window, _ byte: UInt8) -> Int32 {
        guard byte & 0xC0 == 0x80 else { return Self.dead }
        let size = UInt32(1) << UInt32(6 * (window.bytesLeft - 1))
        let low = UInt32(byte & 0x3F) * size
        let high = low + size - 1
        var arrows: [ExpressionArena.Arrow] = []
        for arrow in window.arrows where arrow.upper >= low {
            if window.bytesLeft == 1 { return state(of: arrow.target) }
            arrows.append(.init(upper: min(arrow.upper, high) - low, target: arrow.target))
            if arrow.upper >= high { break }
        }
        return state(of: Window(bytesLeft: window.bytesLeft - 1, arrows: arrows))
    }

    private func state(of window: Window) -> Int32 {
        if window.arrows.allSatisfy({ $0.target == ExpressionArena.nothing }) { return Self.dead }
        if let known = windowStates[window] { return known }
        if isFull { return Self.dead }
        let state = append(Int32(-1 - windows.count))
        windows.append(window)
        windowStates[window] = state
        windowBytes += 96 + 8 * window.arrows.count
        return state
    }
}
