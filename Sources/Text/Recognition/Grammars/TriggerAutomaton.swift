// SPDX-License-Identifier: Apache-2.0

/// Finds the first place in a text where one of several triggers ends (Aho and Corasick, 1975).
///
/// State 0 is that of a text without the beginning of a trigger at its end.
struct TriggerAutomaton {
    /// The triggers, none of them empty.
    let triggers: [[UInt8]]

    /// The column of each byte in ``moves``; 0 for bytes of no trigger.
    private var columns = [UInt8](repeating: 0, count: 256)
    private var columnCount = 1
    /// The next state for each state and column.
    private var moves: [Int32] = []
    /// For each state, the longest trigger that ends there, or -1.
    private var ending: [Int32] = []
    /// For each state, the nearest shorter suffix of it at which a trigger ends, or 0.
    private var shorter: [Int32] = []

    /// An automaton for triggers; empty ones are left out.
    init(_ texts: [[UInt8]]) {
        triggers = texts.filter { !$0.isEmpty }
        for byte in Set(triggers.joined()).sorted() {
            columns[Int(byte)] = UInt8(truncatingIfNeeded: columnCount)
            columnCount += 1
        }
        // All 256 bytes in use leave none for column 0, so that 256 columns are enough.
        if columnCount > 256 {
            for byte in 0..<256 { columns[byte] = UInt8(byte) }
            columnCount = 256
        }
        addState()
        for (index, trigger) in triggers.enumerated() { insert(trigger, index: index) }
        linkSuffixes()
    }

    /// How many states an automaton of such triggers has at most times its row, for limits.
    static func cellCount(_ texts: [[UInt8]]) -> Int {
        (texts.reduce(1) { $0 + $1.count }) * min(256, Set(texts.joined()).count + 1)
    }

    private mutating func addState() {
        moves.append(contentsOf: repeatElement(-1, count: columnCount))
        ending.append(-1)
        shorter.append(0)
    }

    private mutating func insert(_ trigger: [UInt8], index: Int) {
        var state = 0
        for byte in trigger {
            let cell = state * columnCount + Int(columns[Int(byte)])
            if moves[cell] < 0 {
                moves[cell] = Int32(ending.count)
                addState()
            }
            state = Int(moves[cell])
        }
        ending[state] = Int32(index)
    }

    /// Completes the moves of the tree, breadth first.
    private mutating func linkSuffixes() {
        var suffix = [Int](repeating: 0, count: ending.count)
        var queue = [0]
        var head = 0
        while head < queue.count {
            let state = queue[head]
            head += 1
            let link = suffix[state]
            shorter[state] = ending[link] >= 0 && link != state ? Int32(link) : shorter[link]
            for column in 0..<columnCount {
                let cell = state * columnCount + column
                let fallback = state == 0 ? 0 : moves[link * columnCount + column]
                if moves[cell] < 0 {
                    moves[cell] = fallback
                } else {
                    suffix[Int(moves[cell])] = state == 0 ? 0 : Int(fallback)
                    queue.append(Int(moves[cell]))
                }
            }
        }
    }

    /// The state after one more byte.
    func next(_ state: Int32, _ byte: UInt8) -> Int32 {
        moves[Int(state) * columnCount + Int(columns[Int(byte)])]
    }

    /// Whether a trigger ends in a state.
    func isEnd(_ state: Int32) -> Bool {
        ending[Int(state)] >= 0 || shorter[Int(state)] > 0
    }

    /// The triggers that end in a state, the longest first.
    func triggers(endingIn state: Int32) -> [[UInt8]] {
        var found: [[UInt8]] = []
        var state = state
        if ending[Int(state)] < 0 { state = shorter[Int(state)] }
        while state > 0 {
            found.append(triggers[Int(ending[Int(state)])])
            state = shorter[Int(state)]
        }
        return found
    }

    /// How many bytes the automaton takes.
    var byteCount: Int { moves.count * 4 + ending.count * 8 + 512 }
}
