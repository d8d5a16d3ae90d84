// SPDX-License-Identifier: Apache-2.0

import Recognition

/// Makes masks over a vocabulary for the states of a recognizer, and keeps them.
///
/// The mask of a state within a lexeme is put together from what the lexeme's scanner makes of all
/// tokens, which is kept for all places where such a lexeme may stand, and a short walk over what
/// tokens have behind the lexeme's end. Elsewhere the vocabulary's tree is walked with the
/// recognizer, which most often stops at the first byte of a token.
///
/// Used by one thread at a time.
final class MaskBuilder {
    /// Reads the texts.
    let recognizer: any Recognizer

    /// The tokens.
    let vocabulary: ConstraintVocabulary

    private struct StateKey: Hashable {
        let state: RecognizerState
        let dropsSpace: Bool
    }

    private var rows: ScannerRows
    private let reference: StringReference?
    private var scannerMasks: RecentMasks<Int32, ScannerMask>
    private var stateMasks: RecentMasks<StateKey, TokenMask>
    private let maxBytes: Int
    /// How many bytes states may take before they are forgotten: more than what one answer needs.
    private var maxStateBytes: Int

    // The path of a walk, by depth: the state before the byte there, or where a lexeme began and the
    // row of the scanner that has read it since.
    private var states: [RecognizerState]
    private var rowsByDepth: [Int32]
    private var path: [UInt8]

    /// How many masks have been made since the bytes were counted.
    private var madeCount = 0
    /// Whether the states were forgotten since then.
    private var isNew = false
    private static let masksPerCount = 16

    /// How often the states have been forgotten.
    private(set) var generation = 0

    /// When the mask that is being made has to be done, by the time of this thread.
    private var deadline: ProcessorTime?
    /// Until when it cannot be too late by the clock on the wall, which takes less time to read.
    private var nextLook = ContinuousClock.now
    private var isLate = false
    private var stepCount = 0
    private static let stepsPerLook = 64

    /// Where a look for any token ends, by its steps: what it finds decides which tokens are forced,
    /// and so must not depend on the machine.
    private var lastStep: Int?
    static let mostSteps = 1 << 14

    /// A builder without any mask.
    ///
    /// - Parameters:
    ///   - recognizer: nobody else uses it.
    ///   - vocabulary: the model's.
    ///   - maxBytes: how much memory states and masks may take, about.
    init(_ recognizer: any Recognizer, _ vocabulary: ConstraintVocabulary, maxBytes: Int) {
        self.recognizer = recognizer
        self.vocabulary = vocabulary
        self.maxBytes = maxBytes
        maxStateBytes = maxBytes / 4
        reference = vocabulary.stringReference
        rows = ScannerRows(placeNumbers: reference?.numbers ?? [:])
        scannerMasks = RecentMasks(maxBytes: maxBytes / 4)
        stateMasks = RecentMasks(maxBytes: maxBytes / 4)
        let depth = vocabulary.longestTokenByteCount + 2
        states = Array(repeating: .dead, count: depth)
        rowsByDepth = Array(repeating: -1, count: depth)
        path = Array(repeating: 0, count: depth)
    }

    /// About how many bytes the recognizer and the masks take.
    var byteCount: Int {
        recognizer.byteCount + scannerMasks.byteCount + stateMasks.byteCount + rows.byteCount
    }

    /// Forgets all states where they take too much; the generation says that it did.
    ///
    /// States are made where masks are, and to count their bytes takes time, so that this is done
    /// once for some masks.
    func trim() {
        guard madeCount >= Self.masksPerCount else { return }
        madeCount = 0
        let byteCount = recognizer.byteCount
        if isNew {
            // What an answer needs from its beginning is made again each time.
            isNew = false
            maxStateBytes = max(maxBytes / 4, min(maxBytes, 2 * byteCount))
        }
        guard byteCount > maxStateBytes else { return }
        isNew = true
        recognizer.forgetStates()
        rows = ScannerRows(placeNumbers: reference?.numbers ?? [:])
        scannerMasks = RecentMasks(maxBytes: maxBytes / 4)
        stateMasks = RecentMasks(maxBytes: maxBytes / 4)
        generation += 1
    }

    /// Writes the mask of a state.
    ///
    /// - Parameters:
    ///   - mask: receives it, whatever it held.
    ///   - state: not dead.
    ///   - text: all bytes so far; unchanged afterwards.
    ///   - dropsSpace: whether a space at the beginning of the next token is not part of the text.
    ///   - time: the processor time that it may take.
    /// - Returns: the time that it took, if that was measured; nil where it would have been too much,
    ///   and the mask is empty.
    func fill(
        _ mask: inout TokenMask, at state: RecognizerState, after text: RecognizedText,
        dropsSpace: Bool, within time: Duration
    ) -> Duration? {
        // Masks do not look further than a token, so that many states have the same one.
        let state = recognizer.state(state, within: vocabulary.longestTokenByteCount)
        let key = StateKey(state: state, dropsSpace: dropsSpace)
        if let kept = stateMasks.value(of: key, byteCount: { $0.words.count * 8 }) {
            mask = kept
            return .zero
        }
        madeCount += 1
        let start = ProcessorTime.now
        deadline = start + time
        nextLook = .now + time
        isLate = false
        defer { deadline = nil }
        rows.trim()
        text.wasRead = false
        var made: TokenMask
        var wasRead = false
        if dropsSpace {
            made = TokenMask(tokenCount: vocabulary.tokenCount)
            walkDroppingSpace(from: state, after: text, &made)
        } else if let lexeme = scannerMask(at: state) {
            made = lexeme.staying
            if let branch = lexeme.stringBranch {
                leaveString(state, by: branch, within: lexeme, after: text, &wasRead, &made)
            }
            for branch in lexeme.branches {
                leave(state, by: branch, after: text, &wasRead, &made)
            }
        } else {
            made = TokenMask(tokenCount: vocabulary.tokenCount)
            walk(vocabulary.trie, 0..<vocabulary.trie.nodes.count, from: state, after: text, &made)
        }
        for token in controls(at: state, after: text) { made[token] = true }
        if recognizer.canEnd(state, after: text) {
            for token in vocabulary.endTokens { made[token] = true }
        }
        guard !isLate else {
            mask = TokenMask(tokenCount: vocabulary.tokenCount)
            return nil
        }
        if !wasRead, !text.wasRead {
            stateMasks.insert(made, of: key, byteCount: made.words.count * 8)
        }
        mask = made
        return ProcessorTime.now - start
    }

    /// Whether the mask takes too long, looked at once for some steps.
    private func isTooLate() -> Bool {
        stepCount += 1
        if let lastStep, stepCount > lastStep { isLate = true }
        if stepCount & (Self.stepsPerLook - 1) == 0, let deadline {
            let wall = ContinuousClock.now
            if wall > nextLook {
                let left = deadline - ProcessorTime.now
                if left < .zero { isLate = true }
                nextLook = wall + left
            }
        }
        return isLate
    }

    /// The control tokens that may follow; a token with bytes, which a grammar names by its id, is
    /// none.
    func controls(at state: RecognizerState, after text: RecognizedText) -> [Int32] {
        recognizer.controls(at: state, after: text).filter { token in
            token >= 0 && Int(token) < vocabulary.tokenCount && vocabulary.range(of: token).isEmpty
        }
    }

    /// Whether a token may come next.
    func allows(
        _ token: Int32, at state: RecognizerState, after text: RecognizedText, dropsSpace: Bool
    ) -> Bool {
        let count = text.count
        defer { text.truncate(to: count) }
        return !advance(state, byTextOf: token, after: text, dropsSpace: dropsSpace).isDead
    }

    /// The state after the bytes of a token, which are added to the text as far as they fit.
    func advance(
        _ state: RecognizerState, byTextOf token: Int32, after text: RecognizedText,
        dropsSpace: Bool
    ) -> RecognizerState {
        var range = vocabulary.range(of: token)
        if range.isEmpty { return .dead }
        if dropsSpace, vocabulary.storage[range.lowerBound] == UInt8(ascii: " ") {
            range.removeFirst()
        }
        var state = state
        for index in range {
            let byte = vocabulary.storage[index]
            state = recognizer.advance(state, by: byte, after: text)
            if state.isDead { return state }
            text.append(byte)
        }
        return state
    }

    /// Whether any token below a node of the vocabulary's tree may follow, by the bytes it has there.
    ///
    /// - Parameters:
    ///   - node: of the tree.
    ///   - state: what comes before the node's own bytes.
    ///   - text: what was recognized so far.
    ///   - steps: how many there may be; those that it took are taken off.
    /// - Returns: the answer; true where it takes more steps to tell.
    func allowsAny(
        below node: Int, from state: RecognizerState, after text: RecognizedText,
        within steps: inout Int
    ) -> Bool {
        var mask = TokenMask(tokenCount: vocabulary.tokenCount)
        let end = Int(vocabulary.trie.nodes[node].end)
        let firstStep = stepCount
        lastStep = firstStep + steps
        isLate = false
        defer {
            lastStep = nil
            steps = max(0, steps - (stepCount - firstStep))
        }
        walk(vocabulary.trie, node + 1..<end, from: state, after: text, &mask)
        return isLate || !mask.isEmpty
    }

    /// A space at the beginning of a token is skipped, so that the token's next byte comes first.
    private func walkDroppingSpace(
        from state: RecognizerState, after text: RecognizedText, _ mask: inout TokenMask
    ) {
        let trie = vocabulary.trie
        var index = 0
        while index < trie.nodes.count {
            let node = trie.nodes[index]
            let end = Int(node.end)
            if node.byte == UInt8(ascii: " ") {
                trie.forEachToken(of: node) { mask[$0] = true }
                walk(trie, index + 1..<end, from: state, after: text, &mask)
            } else {
                walk(trie, index..<end, from: state, after: text, &mask)
            }
            index = end
        }
    }

    // MARK: Scanners

    /// What the scanner of a state makes of all tokens; nil where there is no scanner.
    private func scannerMask(at state: RecognizerState) -> ScannerMask? {
        let horizon = vocabulary.longestTokenByteCount
        let scanner = recognizer.scanner(of: state, within: horizon)
        guard scanner >= 0 else { return nil }
        if let mask = scannerMasks.value(of: scanner, byteCount: \.byteCount) { return mask }
        let identity = recognizer.identity(of: scanner)
        if let identity, let mask = vocabulary.sharedMasks.mask(of: identity) {
            scannerMasks.insert(mask, of: scanner, byteCount: 64)
            return mask
        }
        let mask = makeMask(of: scanner, mending: reference)
        if isLate { return mask }
        if let identity { vocabulary.sharedMasks.insert(mask, of: identity) }
        scannerMasks.insert(mask, of: scanner, byteCount: identity == nil ? mask.byteCount : 64)
        return mask
    }

    /// Nodes of the vocabulary's tree after which a lexeme ends by one exit.
    private struct Leaves {
        /// The byte of the node completes the lexeme.
        var closing: [Int32] = []
        /// The lexeme may end after the node.
        var before: [Int32] = []
    }

    /// What a scanner makes of all tokens.
    ///
    /// - Parameters:
    ///   - scanner: at the first byte of the tokens.
    ///   - reference: where the scanner reads like this string, the tree is not walked further.
    /// - Returns: its mask.
    func makeMask(of scanner: Int32, mending reference: StringReference?) -> ScannerMask {
        let trie = vocabulary.trie
        var staying: [Int32] = []
        var leaves: [Int32: Leaves] = [:]
        var alike: [Range<Int>] = []
        var alikeExit: Int32 = -1
        let first = rows.row(of: scanner, in: recognizer)
        if let reference, rows.stringPlaces[Int(first)] == reference.firstPlace,
            rows.stringReaches[Int(first)] >= trie.depth
        {
            let branch = ScannerMask.StringBranch(
                exit: rows.stringExits[Int(first)], exceptions: [])
            return ScannerMask(
                staying: reference.mask.staying, branches: [], stringBranch: branch)
        }
        rowsByDepth[0] = first
        var index = 0
        while index < trie.nodes.count {
            if isTooLate() { break }
            let node = trie.nodes[index]
            let depth = Int(node.depth)
            let move = rows.move(rowsByDepth[depth], by: node.byte, in: recognizer)
            if move < 0 {
                if move < -1 { leaves[-2 - move, default: Leaves()].closing.append(Int32(index)) }
                index = Int(node.end)
                continue
            }
            let place = rows.stringPlaces[Int(move)]
            if place > 0, let reference, reference.places[index] == place,
                rows.stringReaches[Int(move)] >= Int(node.height), node.height < .max
            {
                let exit = rows.stringExits[Int(move)]
                if alikeExit < 0 { alikeExit = exit }
                if alikeExit == exit {
                    alike.append(index..<Int(node.end))
                    index = Int(node.end)
                    continue
                }
            }
            trie.forEachToken(of: node) { staying.append($0) }
            let exit = rows.exits[Int(move)]
            if exit >= 0, Int(node.end) > index + 1 {
                leaves[exit, default: Leaves()].before.append(Int32(index))
            }
            rowsByDepth[depth + 1] = move
            index += 1
        }
        let immediate = rows.exits[Int(first)]
        if immediate >= 0, leaves[immediate] == nil { leaves[immediate] = Leaves() }
        var mask = TokenMask(tokenCount: vocabulary.tokenCount)
        var stringBranch: ScannerMask.StringBranch?
        if let reference, !alike.isEmpty {
            (mask, stringBranch) = mend(reference, where: alike, leavingBy: alikeExit, &leaves)
        }
        for token in staying { mask[token] = true }
        let branches = leaves.keys.sorted().map { exit in
            branch(by: exit, leaves[exit] ?? Leaves(), isImmediate: exit == immediate)
        }
        return ScannerMask(staying: mask, branches: branches, stringBranch: stringBranch)
    }

    /// Takes over what a string without rules makes of some nodes and all that is below them.
    ///
    /// - Parameters:
    ///   - reference: the string.
    ///   - alike: ascending ranges of nodes.
    ///   - exit: what the lexeme comes to where the string is complete.
    ///   - leaves: receives the nodes that complete it, where these are few.
    /// - Returns: the tokens that stay within the lexeme, and those that leave it like the string.
    private func mend(
        _ reference: StringReference, where alike: [Range<Int>], leavingBy exit: Int32,
        _ leaves: inout [Int32: Leaves]
    ) -> (TokenMask, ScannerMask.StringBranch?) {
        let trie = vocabulary.trie
        let isMost = alike.reduce(0) { $0 + $1.count } * 2 > trie.nodes.count
        var mask = isMost ? reference.mask.staying : TokenMask(tokenCount: vocabulary.tokenCount)
        var exceptions: [Int32] = []
        var closing = reference.closingNodes[...]
        var start = 0
        for range in alike + [trie.nodes.count..<trie.nodes.count] {
            while let node = closing.first, node < range.lowerBound {
                closing.removeFirst()
                guard isMost else { continue }
                for index in Int(node)..<Int(trie.nodes[Int(node)].end) {
                    trie.forEachToken(of: trie.nodes[index]) { exceptions.append($0) }
                }
            }
            while let node = closing.first, node < range.upperBound {
                closing.removeFirst()
                if !isMost { leaves[exit, default: Leaves()].closing.append(node) }
            }
            if isMost {
                for index in start..<range.lowerBound {
                    trie.forEachToken(of: trie.nodes[index]) { mask[$0] = false }
                }
            } else {
                for index in range {
                    trie.forEachToken(of: trie.nodes[index]) { token in
                        if reference.mask.staying[token] { mask[token] = true }
                    }
                }
            }
            start = range.upperBound
        }
        let branch = ScannerMask.StringBranch(exit: exit, exceptions: exceptions)
        return (mask, isMost ? branch : nil)
    }

    private func branch(by exit: Int32, _ leaves: Leaves, isImmediate: Bool) -> ScannerMask.Branch {
        let trie = vocabulary.trie
        var ending: [Int32] = []
        var nodes: [UInt8: [Int32]] = [:]
        for index in leaves.closing {
            trie.forEachToken(of: trie.nodes[Int(index)]) { ending.append($0) }
        }
        for index in leaves.closing + leaves.before {
            var child = index + 1
            while child < trie.nodes[Int(index)].end {
                nodes[trie.nodes[Int(child)].byte, default: []].append(child)
                child = trie.nodes[Int(child)].end
            }
        }
        return ScannerMask.Branch(
            exit: exit, ending: ending,
            groups: nodes.keys.sorted().map { TokenGroup(byte: $0, nodes: nodes[$0] ?? []) },
            isImmediate: isImmediate)
    }

    /// Adds the tokens that leave a lexeme as they would leave a string without rules.
    private func leaveString(
        _ state: RecognizerState, by branch: ScannerMask.StringBranch, within lexeme: ScannerMask,
        after text: RecognizedText, _ wasRead: inout Bool, _ mask: inout TokenMask
    ) {
        guard let string = reference?.mask.branches.first else { return }
        let renamed = ScannerMask.Branch(
            exit: branch.exit, ending: string.ending, groups: string.groups, isImmediate: false)
        leave(state, by: renamed, after: text, &wasRead, &mask)
        for token in branch.exceptions { mask[token] = lexeme.staying[token] }
    }

    /// Adds the tokens that leave a lexeme by one exit.
    ///
    /// The branch does not tell what its tokens have within the lexeme, so the text is wrong while it
    /// is walked. Where the recognizer looks at the text, tokens are tried one by one instead.
    private func leave(
        _ state: RecognizerState, by branch: ScannerMask.Branch, after text: RecognizedText,
        _ wasRead: inout Bool, _ mask: inout TokenMask
    ) {
        text.wasRead = false
        let after = recognizer.leave(state, by: branch.exit, after: text)
        let dependsOnText = text.wasRead
        if branch.isImmediate, !after.isDead {
            // Nothing of a token comes before the end of the lexeme: the text is right.
            walk(vocabulary.trie, 0..<vocabulary.trie.nodes.count, from: after, after: text, &mask)
            if text.wasRead { wasRead = true }
        }
        text.wasRead = false
        if dependsOnText {
            wasRead = true
            for token in branch.ending { tryToken(token, at: state, after: text, &mask) }
            for group in branch.groups { tryTokens(of: group, at: state, after: text, &mask) }
            text.wasRead = false
            return
        }
        guard !after.isDead else { return }
        for token in branch.ending { mask[token] = true }
        for group in branch.groups {
            let next = recognizer.advance(after, by: group.byte, after: text)
            if text.wasRead {
                wasRead = true
                tryTokens(of: group, at: state, after: text, &mask)
                text.wasRead = false
            } else if !next.isDead {
                let trie = group.trie(of: vocabulary)
                walk(
                    trie, 0..<trie.nodes.count, from: after, after: text, &mask, within: state,
                    &wasRead)
            }
        }
    }

    private func tryTokens(
        of group: TokenGroup, at state: RecognizerState, after text: RecognizedText,
        _ mask: inout TokenMask
    ) {
        group.forEachToken(of: vocabulary) { token, _ in
            tryToken(token, at: state, after: text, &mask)
        }
    }

    private func tryToken(
        _ token: Int32, at state: RecognizerState, after text: RecognizedText,
        _ mask: inout TokenMask
    ) {
        if !mask[token], !isTooLate() {
            mask[token] = allows(token, at: state, after: text, dropsSpace: false)
        }
    }

    // MARK: Walks

    /// Adds the tokens below some nodes whose bytes the recognizer reads.
    private func walk(
        _ trie: TokenTrie, _ range: Range<Int>, from state: RecognizerState,
        after text: RecognizedText, _ mask: inout TokenMask
    ) {
        var wasRead = false
        walk(trie, range, from: state, after: text, &mask, within: nil, &wasRead)
    }

    /// Adds the tokens below some nodes whose bytes the recognizer reads.
    ///
    /// - Parameters:
    ///   - trie: of whole tokens or of their ends.
    ///   - range: nodes with all that is below them.
    ///   - start: the state before the first of them.
    ///   - text: the bytes so far; unchanged afterwards.
    ///   - mask: receives the tokens.
    ///   - origin: the state before the whole tokens where these are ends; those ends for which the
    ///     recognizer looks at the text are tried from there.
    ///   - wasRead: set where the recognizer looked at the text, if an origin is given.
    private func walk(
        _ trie: TokenTrie, _ range: Range<Int>, from start: RecognizerState,
        after text: RecognizedText, _ mask: inout TokenMask, within origin: RecognizerState?,
        _ wasRead: inout Bool
    ) {
        guard let first = range.first else { return }
        let firstDepth = Int(trie.nodes[first].depth)
        let count = text.count
        enter(start, at: firstDepth)
        var index = first
        while index < range.upperBound {
            if isTooLate() { break }
            let node = trie.nodes[index]
            let depth = Int(node.depth)
            text.truncate(to: count + depth - firstDepth)
            var row: Int32 = -1
            let next = step(node.byte, at: depth, after: text, count - firstDepth, firstDepth, &row)
            if origin != nil, text.wasRead {
                wasRead = true
                text.truncate(to: count)
                if let origin {
                    for inner in index..<Int(node.end) {
                        trie.forEachToken(of: trie.nodes[inner]) {
                            tryToken($0, at: origin, after: text, &mask)
                        }
                    }
                }
                text.wasRead = false
                restore(to: count + depth - firstDepth, from: firstDepth, text)
                index = Int(node.end)
                continue
            }
            if next.isDead {
                index = Int(node.end)
                continue
            }
            trie.forEachToken(of: node) { mask[$0] = true }
            index += 1
            if index < Int(node.end) {
                path[depth] = node.byte
                text.truncate(to: count + depth - firstDepth)
                text.append(node.byte)
                if row >= 0 {
                    states[depth + 1] = next
                    rowsByDepth[depth + 1] = row
                } else {
                    enter(next, at: depth + 1)
                }
            }
        }
        text.truncate(to: count)
    }

    /// Puts a state on the path, and the scanner of the lexeme that begins or goes on there.
    ///
    /// Lexemes that may end before a byte are read by the recognizer itself.
    private func enter(_ state: RecognizerState, at depth: Int) {
        states[depth] = state
        rowsByDepth[depth] = -1
        let scanner = recognizer.scanner(of: state, within: vocabulary.longestTokenByteCount)
        guard scanner >= 0 else { return }
        let row = rows.row(of: scanner, in: recognizer)
        if rows.exits[Int(row)] < 0 { rowsByDepth[depth] = row }
    }

    /// The state after one more byte of the path; within a lexeme the state where that began, and
    /// the row of its scanner.
    private func step(
        _ byte: UInt8, at depth: Int, after text: RecognizedText, _ base: Int, _ firstDepth: Int,
        _ row: inout Int32
    ) -> RecognizerState {
        let scanning = rowsByDepth[depth]
        guard scanning >= 0 else {
            return recognizer.advance(states[depth], by: byte, after: text)
        }
        let move = rows.move(scanning, by: byte, in: recognizer)
        if move >= 0 {
            if rows.exits[Int(move)] < 0 {
                row = move
                return states[depth]
            }
            return replay(byte, at: depth, after: text, base, firstDepth)
        }
        if move == -1 { return .dead }
        text.append(byte)
        return recognizer.leave(states[depth], by: -2 - move, after: text)
    }

    /// Reads the lexeme again by the recognizer, from its beginning to the byte.
    private func replay(
        _ byte: UInt8, at depth: Int, after text: RecognizedText, _ base: Int, _ firstDepth: Int
    ) -> RecognizerState {
        var state = states[depth]
        var start = depth
        while start > firstDepth, rowsByDepth[start - 1] >= 0, states[start - 1] == state {
            start -= 1
        }
        text.truncate(to: base + start)
        for place in start..<depth {
            state = recognizer.advance(state, by: path[place], after: text)
            if state.isDead { return state }
            text.append(path[place])
        }
        return recognizer.advance(state, by: byte, after: text)
    }

    /// Puts the bytes of the path back behind the text.
    private func restore(to count: Int, from firstDepth: Int, _ text: RecognizedText) {
        var depth = firstDepth
        while text.count < count {
            text.append(path[depth])
            depth += 1
        }
    }
}
