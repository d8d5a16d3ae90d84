// SPDX-License-Identifier: Apache-2.0

import JSON

/// Recognizes JSON texts whose value satisfies a schema.
///
/// A text is accepted exactly if its value is valid. What cannot be said of the text as it goes is
/// checked by a ``SchemaValidator`` where the value in question closes.
package final class JSONRecognizer: Recognizer {
    private let document: SchemaDocument
    /// Whether the whole value is validated where it ends, whatever its rules leave to do.
    private let checksWhole: Bool
    private let limits: RecognitionLimits
    private let hasFixedSpace: Bool
    private let shapes: ShapeTable
    private let scanners: ScannerTable
    private let frames = FrameTable()
    private let validator: SchemaValidator
    private var itemReader: ItemReader

    package private(set) var start = RecognizerState.dead

    /// A recognizer of a schema's texts.
    ///
    /// - Throws: an error where it is plain that no value satisfies the schema, or where schemas nest
    ///   too deeply in place.
    package init(
        _ document: SchemaDocument, style: RecognitionStyle = .generated,
        limits: RecognitionLimits = .init()
    ) throws(RecognitionError) {
        if let highest = document.highest {
            throw RecognitionError(
                at: highest.pointer,
                "more than \(SchemaReader.maxHeight) schemas apply to one value within another")
        }
        self.document = document
        self.limits = limits
        // Which schema a dynamic reference names depends on all that is around it.
        checksWhole = document.hasDynamicReferences
        hasFixedSpace = style.whiteSpace == .fixed
        shapes = ShapeTable(document, style: style, limits: limits)
        scanners = ScannerTable(shapes)
        validator = SchemaValidator(document, limits: limits)
        itemReader = ItemReader(maxDepth: limits.maxDepth)
        let root = shapes.expectation([shapes.satisfying(document.root)])
        guard shapes.isPossible(root) else {
            throw RecognitionError(
                at: document.root.pointer,
                "no value satisfies this schema: its keywords contradict each other")
        }
        begin()
    }

    /// A recognizer of the same texts that validates whole values.
    private init(checking other: JSONRecognizer) {
        document = other.document
        limits = other.limits
        checksWhole = true
        hasFixedSpace = other.hasFixedSpace
        shapes = ShapeTable(document, style: other.shapes.style, limits: limits)
        scanners = ScannerTable(shapes)
        validator = other.validator
        itemReader = ItemReader(maxDepth: limits.maxDepth)
        begin()
    }

    package var checking: (any Recognizer)? { JSONRecognizer(checking: self) }

    /// A recognizer of any JSON object.
    package convenience init(
        anyObjectIn style: RecognitionStyle, limits: RecognitionLimits = .init()
    ) throws(RecognitionError) {
        try self.init(SchemaDocument(["type": "object"]), style: style, limits: limits)
    }

    private func begin() {
        let root = shapes.expectation([shapes.satisfying(document.root)])
        var frame = Frame(kind: .document, shape: root)
        if checksWhole {
            frame.guards = shapes.rootGuards
            frame.offset = -1
        }
        start = state(frames.set([frame]), JSONPlace(.value))
    }

    // MARK: States: 24 bits of frames, then 24 of a scanner or of a place with the highest bit set

    private static let placeBit: UInt64 = 1 << 23

    @inline(__always)
    private func state(_ set: Int32, _ place: JSONPlace) -> RecognizerState {
        guard set >= 0 else { return .dead }
        return RecognizerState(
            rawValue: UInt64(set) << 24 | Self.placeBit | UInt64(place.packed))
    }

    @inline(__always)
    private func state(_ set: Int32, scanner: Int32) -> RecognizerState {
        guard set >= 0, scanner >= 0 else { return .dead }
        return RecognizerState(rawValue: UInt64(set) << 24 | UInt64(scanner))
    }

    @inline(__always)
    private func set(of state: RecognizerState) -> Int32 { Int32(state.rawValue >> 24) }

    // MARK: Recognizer

    package func advance(
        _ state: RecognizerState, by byte: UInt8, after text: RecognizedText
    ) -> RecognizerState {
        let set = set(of: state)
        guard state.rawValue & Self.placeBit == 0 else {
            let place = JSONPlace(packed: UInt32(truncatingIfNeeded: state.rawValue) & 0x7F_FFFF)
            return advance(set, place, byte, text)
        }
        let scanner = Int32(truncatingIfNeeded: state.rawValue & 0xFF_FFFF)
        let next = scanners.scan(scanner, by: byte)
        if next >= 0 { return RecognizerState(rawValue: UInt64(set) << 24 | UInt64(next)) }
        if next < -1 { return leave(set, by: -2 - next, text, with: byte) }
        let exit = scanners.exit(of: scanner)
        guard exit >= 0 else { return .dead }
        let after = leave(set, by: exit, text, with: nil)
        return after.isDead ? after : advance(after, by: byte, after: text)
    }

    package func canEnd(_ state: RecognizerState, after text: RecognizedText) -> Bool {
        var set = set(of: state)
        if state.rawValue & Self.placeBit == 0 {
            let exit = scanners.exit(of: Int32(truncatingIfNeeded: state.rawValue & 0xFF_FFFF))
            guard exit >= 0 else { return false }
            let after = leave(set, by: exit, text, with: nil)
            guard !after.isDead else { return false }
            set = self.set(of: after)
        } else {
            let place = JSONPlace(packed: UInt32(truncatingIfNeeded: state.rawValue) & 0x7F_FFFF)
            guard place.expected == .next else { return false }
        }
        return frames.frames(set).contains { frame in
            frame.kind == .document && frame.count == 1
                && holds(frame.guards, from: frame.offset, to: nil, text)
        }
    }

    package func isGuarded(_ state: RecognizerState) -> Bool {
        frames.isGuarded(set(of: state))
    }

    package func scanner(of state: RecognizerState) -> Int32 {
        state.rawValue & Self.placeBit == 0
            ? Int32(truncatingIfNeeded: state.rawValue & 0xFF_FFFF) : -1
    }

    package func scanner(of state: RecognizerState, within byteCount: Int) -> Int32 {
        let scanner = scanner(of: state)
        return scanner < 0 ? scanner : scanners.uncounted(scanner, within: byteCount)
    }

    package func state(_ state: RecognizerState, within byteCount: Int) -> RecognizerState {
        let scanner = scanner(of: state)
        guard scanner >= 0 else { return state }
        return self.state(
            set(of: state), scanner: scanners.uncounted(scanner, within: byteCount))
    }

    package func identity(of scanner: Int32) -> UInt64? { scanners.identity(of: scanner) }

    package func likeness(of scanner: Int32) -> ScannerLikeness? {
        scanners.likeness(of: scanner)
    }

    package func scan(_ scanner: Int32, by byte: UInt8) -> Int32 {
        scanners.scan(scanner, by: byte)
    }

    package func exit(of scanner: Int32) -> Int32 { scanners.exit(of: scanner) }

    package func leave(
        _ state: RecognizerState, by exit: Int32, after text: RecognizedText
    ) -> RecognizerState {
        leave(set(of: state), by: exit, text, with: nil)
    }

    package var isExhausted: Bool { shapes.terms.isExhausted }

    package var byteCount: Int {
        frames.byteCount + scanners.byteCount + shapes.byteCount
    }

    package func forgetStates() {
        frames.forget()
        scanners.forget()
        shapes.terms.forgetStates()
        begin()
    }

    // MARK: Syntax

    private func advance(
        _ set: Int32, _ place: JSONPlace, _ byte: UInt8, _ text: RecognizedText
    ) -> RecognizerState {
        switch place.expected {
        case .null: return word(set, place, "null", .null, byte, text)
        case .false: return word(set, place, "false", .false, byte, text)
        case .true: return word(set, place, "true", .true, byte, text)
        case .spaceBeforeKey:
            return byte == 0x20 ? state(set, JSONPlace(.key)) : .dead
        case .spaceBeforeValue:
            return byte == 0x20 ? state(set, JSONPlace(.value)) : .dead
        default: break
        }
        if byte <= 0x20 {
            let isBreak = byte == 0x0A || byte == 0x0D
            guard !hasFixedSpace, isBreak || byte == 0x20 || byte == 0x09,
                let place = place.afterSpace(isBreak: byte == 0x0A, depth: frames.depth(set))
            else { return .dead }
            return state(set, place)
        }
        switch place.expected {
        case .value: return value(set, byte, text)
        case .firstItem:
            return byte == UInt8(ascii: "]")
                ? close(set, .closeArray, byte, text) : value(set, byte, text)
        case .firstKey where byte == UInt8(ascii: "}"): return close(set, .closeObject, byte, text)
        case .firstKey, .key:
            guard byte == UInt8(ascii: "\"") else { return .dead }
            return state(set, scanner: scanner(set, .key))
        case .colon:
            guard byte == UInt8(ascii: ":") else { return .dead }
            return state(set, JSONPlace(hasFixedSpace ? .spaceBeforeValue : .value))
        default: return next(set, byte, text)
        }
    }

    private func next(_ set: Int32, _ byte: UInt8, _ text: RecognizedText) -> RecognizerState {
        switch byte {
        case UInt8(ascii: ","):
            switch frames.frames(set)[0].kind {
            case .object:
                return state(
                    outcome(set, .nextMember), JSONPlace(hasFixedSpace ? .spaceBeforeKey : .key))
            case .array:
                return state(
                    outcome(set, .nextItem), JSONPlace(hasFixedSpace ? .spaceBeforeValue : .value))
            case .document: return .dead
            }
        case UInt8(ascii: "}"): return close(set, .closeObject, byte, text)
        case UInt8(ascii: "]"): return close(set, .closeArray, byte, text)
        default: return .dead
        }
    }

    private func value(_ set: Int32, _ byte: UInt8, _ text: RecognizedText) -> RecognizerState {
        var set = set
        if checksWhole { set = placed(set, at: text.count) }
        switch byte {
        case UInt8(ascii: "\""): return state(set, scanner: scanner(set, .string))
        case UInt8(ascii: "{"):
            return state(open(set, .openObject, text), JSONPlace(.firstKey))
        case UInt8(ascii: "["):
            return state(open(set, .openArray, text), JSONPlace(.firstItem))
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            let scanner = scanner(set, .number)
            return scanner < 0 ? .dead : state(set, scanner: scanners.scan(scanner, by: byte))
        case UInt8(ascii: "n"): return beginWord(set, .null, .null)
        case UInt8(ascii: "f"): return beginWord(set, .false, .false)
        case UInt8(ascii: "t"): return beginWord(set, .true, .true)
        default: return .dead
        }
    }

    private func beginWord(
        _ set: Int32, _ event: FrameTable.Event, _ word: JSONPlace.Expected
    ) -> RecognizerState {
        outcome(set, event) < 0 ? .dead : state(set, JSONPlace(word, read: 1))
    }

    private func word(
        _ set: Int32, _ place: JSONPlace, _ word: StaticString, _ event: FrameTable.Event,
        _ byte: UInt8, _ text: RecognizedText
    ) -> RecognizerState {
        let read = place.readCount
        guard read < word.utf8CodeUnitCount, unsafe word.utf8Start[read] == byte else {
            return .dead
        }
        if read + 1 < word.utf8CodeUnitCount {
            return state(set, JSONPlace(place.expected, read: read + 1))
        }
        let after = outcome(set, event)
        guard after >= 0, frames.hasUnique(after) else { return state(after, JSONPlace(.next)) }
        return state(
            frames.set(withoutRepeated(frames.frames(after), text, with: byte)), JSONPlace(.next))
    }

    // MARK: Frames

    /// The frames after an event that depends on nothing but them.
    private func outcome(_ set: Int32, _ event: FrameTable.Event) -> Int32 {
        let known = frames.outcome(set, event)
        if known != FrameTable.unknown { return known }
        let kept = frames.frames(set).compactMap { frame -> Frame? in
            switch event {
            case .nextMember: hasNextMember(frame) ? frame : nil
            case .nextItem: hasNextItem(frame) ? frame : nil
            case .null: shapes.words(expectation(of: frame)).null ? past(frame) : nil
            case .false: shapes.words(expectation(of: frame)).false ? past(frame) : nil
            case .true: shapes.words(expectation(of: frame)).true ? past(frame) : nil
            default: nil
            }
        }
        let outcome = frames.set(kept)
        frames.keep(outcome, of: event, at: set)
        return outcome
    }

    private func hasNextMember(_ frame: Frame) -> Bool {
        guard frame.kind == .object, frame.pending < 0 else { return false }
        let offer = scanners.offer(frame.members)
        return !scanners.offers[Int(offer)].isEmpty
    }

    private func hasNextItem(_ frame: Frame) -> Bool {
        frame.kind == .array
            && shapes.arrays[Int(frame.shape)].expectation(of: Int(frame.count)) >= 0
    }

    /// What is expected of the value that a frame waits for; of nothing, where it waits for none.
    private func expectation(of frame: Frame) -> Int32 {
        switch frame.kind {
        case .document: frame.count == 0 ? frame.shape : shapes.nothing
        case .object: frame.pending >= 0 ? frame.pending : shapes.nothing
        case .array:
            max(
                shapes.arrays[Int(frame.shape)].expectation(of: Int(frame.count)), shapes.nothing)
        }
    }

    /// A frame after the value that it waited for.
    private func past(_ frame: Frame) -> Frame {
        var frame = frame
        switch frame.kind {
        case .document: frame.count = 1
        case .object: frame.pending = -1
        case .array:
            let settled = shapes.arrays[Int(frame.shape)].settledCount
            if Int(frame.count) < settled { frame.count += 1 }
        }
        return frame
    }

    private func scanner(_ set: Int32, _ event: FrameTable.Event) -> Int32 {
        let known = frames.outcome(set, event)
        if known != FrameTable.unknown { return known }
        var rules: Set<Int32> = []
        for frame in frames.frames(set) {
            switch event {
            case .string: rules.insert(shapes.stringTerm(expectation(of: frame)))
            case .number: rules.insert(shapes.numberTerm(expectation(of: frame)))
            default:
                if frame.kind == .object, frame.pending < 0 {
                    rules.insert(scanners.offer(frame.members))
                }
            }
        }
        let sorted = rules.filter { $0 >= 0 }.sorted()
        let scanner =
            switch event {
            case .string: scanners.string(sorted)
            case .number: scanners.number(sorted)
            default: scanners.key(sorted)
            }
        frames.keep(scanner, of: event, at: set)
        return scanner
    }

    /// The state after a lexeme, and after the byte that completes it if that is not in the text yet.
    private func leave(
        _ set: Int32, by exit: Int32, _ text: RecognizedText, with last: UInt8?
    ) -> RecognizerState {
        guard exit < scanners.exits.count else { return .dead }
        if let known = frames.outcome(set, leaving: exit) {
            return state(known, place(after: exit))
        }
        var left: [Frame] = []
        var wasChecked = false
        switch scanners.exits[Int(exit)] {
        case .value(let terms):
            for frame in frames.frames(set) {
                let expectation = expectation(of: frame)
                let string = shapes.stringTerm(expectation)
                guard terms.contains(string) || terms.contains(shapes.numberTerm(expectation))
                else {
                    continue
                }
                if string >= 0, terms.contains(string), shapes.terms.terms[Int(string)].isInexact {
                    wasChecked = true
                    guard holds(expectation, ofString: text, with: last) else { continue }
                }
                left.append(past(frame))
            }
        case .key(let choices):
            for frame in frames.frames(set) where frame.kind == .object {
                let offer = scanners.offer(frame.members)
                for choice in choices where choice.offer == offer {
                    left.append(choosing(choice, frame))
                }
            }
        }
        if left.contains(where: \.isUnique) {
            wasChecked = true
            left = withoutRepeated(left, text, with: last)
        }
        let outcome = frames.set(left)
        if !wasChecked { frames.keep(outcome, leaving: exit, at: set) }
        return state(outcome, place(after: exit))
    }

    private func place(after exit: Int32) -> JSONPlace {
        if case .key = scanners.exits[Int(exit)] { JSONPlace(.colon) } else { JSONPlace(.next) }
    }

    /// An object's frame after a key.
    private func choosing(_ choice: KeyChoice, _ frame: Frame) -> Frame {
        var frame = frame
        let shape = shapes.objects[Int(frame.members.shape)]
        frame.pending = choice.expectation
        if shape.countsMembers {
            let limit = max(shape.least, shape.most == Int.max ? 0 : shape.most)
            if Int(frame.members.count) < limit { frame.members.count += 1 }
        }
        let property = Int(choice.property)
        if property >= 0, shape.remembered[property] {
            frame.members.seen = scanners.inserting(property, into: frame.members.seen)
        }
        if shape.keepsOrder {
            frame.members.place = Int32(property >= 0 ? property + 1 : shape.properties.count)
        }
        return frame
    }

    // MARK: Opening and closing

    private func open(_ set: Int32, _ event: FrameTable.Event, _ text: RecognizedText) -> Int32 {
        let known = frames.outcome(set, event)
        if known != FrameTable.unknown { return known }
        guard frames.depth(set) < limits.maxDepth else { return -1 }
        var owners: [ContainerRule: [Frame]] = [:]
        var order: [ContainerRule] = []
        for frame in frames.frames(set) {
            let expectation = expectation(of: frame)
            for rule in event == .openObject
                ? shapes.objects(expectation) : shapes.arrays(expectation)
            {
                let isPossible =
                    event == .openObject
                    ? shapes.objects[Int(rule.shape)].isPossible
                    : shapes.arrays[Int(rule.shape)].isPossible
                guard isPossible else { continue }
                if owners[rule] == nil { order.append(rule) }
                owners[rule, default: []].append(past(frame))
            }
        }
        let opened = order.map { rule in
            var frame = Frame(kind: event == .openObject ? .object : .array)
            frame.guards = rule.guards
            frame.parents = frames.set(owners[rule] ?? [])
            if event == .openObject {
                frame.members.shape = rule.shape
            } else {
                frame.shape = rule.shape
                frame.isUnique = shapes.arrays[Int(rule.shape)].isUnique
            }
            frame.offset = frame.isGuarded ? Int32(clamping: text.count) : 0
            return frame
        }
        let outcome = frames.set(opened)
        // Where a guarded value begins is part of its frame.
        if !opened.contains(where: \.isGuarded) { frames.keep(outcome, of: event, at: set) }
        return outcome
    }

    private func close(
        _ set: Int32, _ event: FrameTable.Event, _ byte: UInt8, _ text: RecognizedText
    ) -> RecognizerState {
        let known = frames.outcome(set, event)
        if known != FrameTable.unknown { return state(known, JSONPlace(.next)) }
        var parents: [Frame] = []
        var wasChecked = false
        for frame in frames.frames(set) {
            guard frame.kind == (event == .closeObject ? .object : .array), canClose(frame) else {
                continue
            }
            if frame.guards > 0 {
                wasChecked = true
                guard holds(frame.guards, from: frame.offset, to: byte, text) else { continue }
            }
            if frame.parents >= 0 { parents += frames.frames(frame.parents) }
        }
        if parents.contains(where: \.isUnique) {
            wasChecked = true
            parents = withoutRepeated(parents, text, with: byte)
        }
        let outcome = frames.set(parents)
        if !wasChecked { frames.keep(outcome, of: event, at: set) }
        return state(outcome, JSONPlace(.next))
    }

    private func canClose(_ frame: Frame) -> Bool {
        if frame.kind == .array { return Int(frame.count) >= shapes.arrays[Int(frame.shape)].least }
        return frame.pending < 0
            && KeyOffer.canClose(
                frame.members, shapes.objects[Int(frame.members.shape)],
                seen: scanners.sets[Int(frame.members.seen)])
    }

    // MARK: Guards

    /// Whether a value meets what is checked when it closes.
    private func holds(
        _ guards: Int32, from offset: Int32, to last: UInt8?, _ text: RecognizedText
    ) -> Bool {
        guard guards > 0 else { return true }
        let bytes = text.bytes
        guard offset >= 0, Int(offset) <= bytes.count else { return false }
        var value = Array(bytes[(bytes.startIndex + Int(offset))...])
        if let last { value.append(last) }
        return shapes.guards[Int(guards)].allSatisfy { holds($0, of: value[...]) }
    }

    private func holds(_ requirement: Requirement, of value: ArraySlice<UInt8>) -> Bool {
        switch requirement.relation {
        case .satisfies: validator.accepts(value, at: document.schemas[Int(requirement.index)])
        case .violates: validator.rejects(value, at: document.schemas[Int(requirement.index)])
        // The text of a constant is written by rules that need no second look.
        case .equals: true
        }
    }

    /// Whether the string that a text ends with is what is expected.
    private func holds(
        _ expectation: Int32, ofString text: RecognizedText, with last: UInt8?
    ) -> Bool {
        let bytes = text.bytes
        // It begins at the quote before the last that no backslash precedes.
        var start = bytes.count - (last == nil ? 2 : 1)
        while start >= 0 {
            if bytes[start] == UInt8(ascii: "\"") {
                let slashes = bytes[..<start].reversed().prefix { $0 == UInt8(ascii: "\\") }
                if slashes.count.isMultiple(of: 2) { break }
            }
            start -= 1
        }
        guard start >= 0 else { return false }
        var value = Array(bytes[start...])
        if let last { value.append(last) }
        return shapes.expectations[Int(expectation)].requirements.allSatisfy {
            holds($0, of: value[...])
        }
    }

    /// The frames but for arrays whose last item equals another, where none may.
    private func withoutRepeated(
        _ frames: [Frame], _ text: RecognizedText, with last: UInt8?
    ) -> [Frame] {
        var known: (offset: Int32, isNew: Bool)?
        return frames.filter { frame in
            guard frame.isUnique else { return true }
            if let known, known.offset == frame.offset { return known.isNew }
            let isNew = itemReader.isLastItemNew(
                ofArrayAt: Int(frame.offset), in: text, with: last)
            known = (frame.offset, isNew)
            return isNew
        }
    }

    /// The frames of a document whose beginning is known.
    private func placed(_ set: Int32, at offset: Int) -> Int32 {
        let before = frames.frames(set)
        guard before.contains(where: { $0.kind == .document && $0.offset < 0 }) else { return set }
        return frames.set(
            before.map {
                var frame = $0
                frame.offset = Int32(clamping: offset)
                return frame
            })
    }
}
