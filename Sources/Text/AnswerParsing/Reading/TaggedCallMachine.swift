// SPDX-License-Identifier: Apache-2.0

/// Reads calls whose arguments stand between tags, one by one and as texts.
struct TaggedCallMachine: CallMachine {
    /// The tags of a family.
    struct Tags: Sendable {
        /// What stands before the name; nil where the name comes at once.
        var name: Mark?
        /// What ends the name besides a line feed and ``key`` and ``end``.
        var nameEnd: Mark?
        var key: Mark
        var keyEnd: Mark
        /// What stands between the end of a key and its value; nil where it comes at once.
        var value: Mark?
        var valueEnd: Mark
        /// What ends the arguments.
        var end: Mark
        /// What ends the call after that.
        var closing: Mark?
        /// Whether the first and the last line feed of a value belong to its tags.
        var valuesHaveLines: Bool
    }

    private enum Place {
        case beforeName, name
        case beforeKey, key, beforeValue, value
        /// After the tag that ends a value, if what follows it shows that it did.
        case afterValue
        case closing
    }

    private let tags: Tags
    private let parameters: [String: ToolParameters]
    private var place: Place
    private var matcher: MarkMatcher
    /// All of the call before it has begun.
    private var read: [UInt8] = []
    private var name: [UInt8] = []
    private var key: [UInt8] = []
    private var writer = ArgumentWriter(nil)
    private var hasBegun = false
    private var isValueStart = false
    private var holdsLineFeed = false
    /// White space after the tag that ends a value.
    private var space: [UInt8] = []

    private static let maxNameBytes = 256

    init(_ tags: Tags, _ parameters: [String: ToolParameters], afterName: Bool = false) {
        self.tags = tags
        self.parameters = parameters
        place = tags.name == nil || afterName ? .name : .beforeName
        matcher = MarkMatcher([])
        enter(place)
    }

    /// The marks that mean something in a place, in the order of its cases in `step`.
    private func marks(of place: Place) -> [Mark] {
        switch place {
        case .beforeName: [tags.name].compactMap(\.self)
        case .name: tags.nameEnd.map { [$0] } ?? [tags.key, tags.end]
        case .beforeKey, .afterValue: [tags.key, tags.end]
        case .key: [tags.keyEnd]
        case .beforeValue: [tags.value].compactMap(\.self)
        case .value: [tags.valueEnd]
        case .closing: [tags.closing].compactMap(\.self)
        }
    }

    private mutating func enter(_ place: Place) {
        self.place = place
        matcher = MarkMatcher(marks(of: place))
    }

    mutating func take(_ symbol: AnswerSymbol, into output: inout AnswerOutput) -> CallStep {
        var queue = [symbol]
        while let next = queue.popLast() {
            if !hasBegun, case .byte(let byte) = next { read.append(byte) }
            let finding = matcher.take(next)
            switch step(finding, into: &output) {
            case .go: break
            case .again(let symbols): queue += symbols.reversed()
            case .leave(let rest): return .ended(rest: rest + queue.reversed())
            case .fail:
                let rest = finding.control.map { [AnswerSymbol.control($0)] } ?? []
                return .failed(text: read, rest: rest + queue.reversed())
            }
        }
        return .inside
    }

    private enum Move {
        case go, fail
        case again([AnswerSymbol])
        case leave(rest: [AnswerSymbol])
    }

    private mutating func step(
        _ finding: MarkMatcher.Finding, into output: inout AnswerOutput
    ) -> Move {
        switch place {
        case .beforeName, .name: return nameStep(finding, into: &output)
        case .value:
            for byte in finding.plain { value(byte, into: &output) }
            if finding.mark != nil {
                space = []
                enter(.afterValue)
            }
            return finding.control == nil ? .go : abandon(finding)
        case .afterValue: return afterValue(finding, into: &output)
        case .key:
            key += finding.plain
            if finding.mark != nil {
                if tags.value == nil { return beginValue(into: &output) }
                enter(.beforeValue)
            }
            return finding.control == nil && key.count <= Self.maxNameBytes
                ? .go : abandon(finding)
        case .beforeKey:
            if finding.plain.contains(where: { !$0.isJSONSpace }) || finding.control != nil {
                return abandon(finding)
            }
            return finding.mark.map { nextKey($0, into: &output) } ?? .go
        case .beforeValue:
            if finding.plain.contains(where: { !$0.isJSONSpace }) || finding.control != nil {
                return abandon(finding)
            }
            return finding.mark == nil ? .go : beginValue(into: &output)
        case .closing:
            if finding.mark != nil { return .leave(rest: []) }
            if finding.plain.contains(where: { !$0.isJSONSpace }) || finding.control != nil {
                return abandon(finding)
            }
            return .go
        }
    }

    /// What comes is no part of a call: it ends, and what comes is read as text.
    private mutating func abandon(_ finding: MarkMatcher.Finding) -> Move {
        let plain = finding.plain.drop(while: \.isJSONSpace) + matcher.release()
        let control = finding.control.map { [AnswerSymbol.control($0)] } ?? []
        return .leave(rest: plain.map { .byte($0) } + control)
    }

    private mutating func nameStep(
        _ finding: MarkMatcher.Finding, into output: inout AnswerOutput
    ) -> Move {
        if finding.control != nil { return .fail }
        if case .beforeName = place {
            if finding.plain.contains(where: { !$0.isJSONSpace }) { return .fail }
            if finding.mark != nil { enter(.name) }
            return .go
        }
        name += finding.plain
        let hasLine =
            tags.nameEnd == nil && name.contains { $0 == 0x0A }
            && name.contains { !$0.isJSONSpace }
        if name.count > Self.maxNameBytes { return .fail }
        guard finding.mark != nil || hasLine else { return .go }
        var trimmed = name[...].drop(while: \.isJSONSpace)
        while trimmed.last?.isJSONSpace == true { trimmed.removeLast() }
        let name = String(decoding: trimmed, as: UTF8.self)
        guard output.beginCall(name) else { return .fail }
        hasBegun = true
        read = []
        writer = ArgumentWriter(parameters[name])
        enter(.beforeKey)
        guard tags.nameEnd == nil, let mark = finding.mark else { return .go }
        return nextKey(mark, into: &output)
    }

    private mutating func nextKey(_ mark: Int, into output: inout AnswerOutput) -> Move {
        if mark == 0 {
            key = []
            enter(.key)
            return .go
        }
        writer.end(into: &output)
        output.endCall()
        enter(.closing)
        return tags.closing == nil ? .leave(rest: []) : .go
    }

    private mutating func beginValue(into output: inout AnswerOutput) -> Move {
        writer.beginValue(of: String(decoding: key, as: UTF8.self), into: &output)
        isValueStart = true
        holdsLineFeed = false
        enter(.value)
        return .go
    }

    private mutating func value(_ byte: UInt8, into output: inout AnswerOutput) {
        let isFirst = isValueStart
        isValueStart = false
        if tags.valuesHaveLines, byte == 0x0A {
            if isFirst { return }
            if holdsLineFeed { writer.take(0x0A, into: &output) }
            holdsLineFeed = true
            return
        }
        if holdsLineFeed { writer.take(0x0A, into: &output) }
        holdsLineFeed = false
        writer.take(byte, into: &output)
    }

    private mutating func afterValue(
        _ finding: MarkMatcher.Finding, into output: inout AnswerOutput
    ) -> Move {
        if let mark = finding.mark, finding.plain.allSatisfy(\.isJSONSpace) {
            writer.endValue(into: &output)
            enter(.beforeKey)
            return nextKey(mark, into: &output)
        }
        if finding.mark == nil, finding.control == nil, finding.plain.allSatisfy(\.isJSONSpace) {
            space += finding.plain
            return .go
        }
        // The tag was part of the value, which goes on.
        let rest = space + finding.plain + matcher.release()
        var symbols = rest.map { AnswerSymbol.byte($0) }
        if let mark = finding.mark { symbols += marks(of: .afterValue)[mark].symbols }
        if let control = finding.control { symbols.append(.control(control)) }
        if holdsLineFeed { writer.take(0x0A, into: &output) }
        holdsLineFeed = false
        for byte in tags.valueEnd.bytes { writer.take(byte, into: &output) }
        enter(.value)
        return .again(symbols)
    }

    mutating func finish(into output: inout AnswerOutput) -> [UInt8] {
        if !hasBegun { return read }
        if case .afterValue = place { writer.endValue(into: &output) }
        if case .closing = place { return matcher.release() }
        return []
    }
}

extension Mark {
    /// The mark as it comes in an answer.
    var symbols: [AnswerSymbol] { control.map { [.control($0)] } ?? bytes.map { .byte($0) } }
}
