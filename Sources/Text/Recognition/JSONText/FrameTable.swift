// SPDX-License-Identifier: Apache-2.0

/// A value that a text is within: the document, an object or an array, read by one set of rules.
struct Frame: Hashable {
    enum Kind: UInt8 {
        case document, object, array
    }

    var kind: Kind
    /// Where an object has come to.
    var members = MemberProgress(shape: 0)
    /// The rules of an array, or what is expected of a document.
    var shape: Int32 = 0
    /// How many items an array has, up to where they are all alike; 1 for a document that is read.
    var count: Int32 = 0
    /// What is expected of the member whose key has been read; -1 where none has.
    var pending: Int32 = -1
    /// What is checked when the value closes, and the byte where it began, if that is looked at.
    var guards: Int32 = 0
    var offset: Int32 = 0
    /// Whether it is an array no two of whose items may be equal.
    var isUnique = false
    /// The set of frames that are open when this one closes, already past its value.
    var parents: Int32 = -1

    /// Whether what may follow depends on the text of the value.
    var isGuarded: Bool { guards > 0 || isUnique }

    func isLike(_ other: Frame) -> Bool {
        var other = other
        other.parents = parents
        return self == other
    }

    /// An order that puts frames side by side that differ in their parents only.
    static func precedes(_ left: Frame, _ right: Frame) -> Bool {
        func fields(_ frame: Frame) -> [Int32] {
            let members = frame.members
            return [
                frame.shape, frame.count, frame.pending, frame.guards, frame.offset,
                members.shape, members.place, members.seen, members.count, frame.parents,
            ]
        }
        return fields(left).lexicographicallyPrecedes(fields(right))
    }
}

/// The sets of frames that texts are within, equal ones stored once.
///
/// The alternatives of a schema are read in lockstep: a text that may be within any of several
/// frames is within the set of them, and frames that differ only in what they stand within are one.
/// So alternatives within alternatives add up rather than multiply.
final class FrameTable {
    /// What may happen to a set of frames; what comes of it is kept.
    enum Event: Int {
        case openObject, openArray, closeObject, closeArray, nextMember, nextItem
        case null, `false`, `true`, end
        /// Not what comes of it, but the scanner that reads what follows.
        case string, number, key
    }

    /// What is not known yet of an event.
    static let unknown: Int32 = -2

    private static let eventCount = 16

    private var sets: [[Frame]] = []
    private var frameCount = 0
    private var indices: [[Frame]: Int32] = [:]
    private let outcomes = FlatArray<Int32>()
    private let depths = FlatArray<Int32>()
    private let guarded = FlatArray<Bool>()
    private var leaves: [UInt64: Int32] = [:]

    /// The frames of a set.
    func frames(_ set: Int32) -> [Frame] { sets[Int(set)] }

    /// How deep the set's frames stand; 0 for the document.
    func depth(_ set: Int32) -> Int { Int(depths[Int(set)]) }

    /// Whether any frame of the set, or around it, is checked when it closes.
    func isGuarded(_ set: Int32) -> Bool { guarded[Int(set)] }

    /// Whether any frame of the set is an array of items that differ.
    func hasUnique(_ set: Int32) -> Bool { sets[Int(set)].contains(where: \.isUnique) }

    /// The set of some frames; -1 for none.
    func set(_ frames: [Frame]) -> Int32 {
        guard !frames.isEmpty else { return -1 }
        let merged = frames.count == 1 ? frames : merge(frames)
        if let index = indices[merged] { return index }
        guard sets.count < 1 << 24 else { return -1 }
        let index = Int32(sets.count)
        var isGuarded = false
        var depth: Int32 = 0
        for frame in merged {
            if frame.isGuarded { isGuarded = true }
            guard frame.parents >= 0 else { continue }
            if guarded[Int(frame.parents)] { isGuarded = true }
            depth = max(depth, depths[Int(frame.parents)] + 1)
        }
        sets.append(merged)
        frameCount += merged.count
        indices[merged] = index
        depths.append(depth)
        guarded.append(isGuarded)
        outcomes.append(Self.unknown, count: Self.eventCount)
        return index
    }

    private func merge(_ frames: [Frame]) -> [Frame] {
        var merged: [Frame] = []
        for frame in frames.sorted(by: Frame.precedes) {
            guard let last = merged.last, last.isLike(frame) else {
                merged.append(frame)
                continue
            }
            if last.parents != frame.parents, last.parents >= 0, frame.parents >= 0 {
                let parents = set(sets[Int(last.parents)] + sets[Int(frame.parents)])
                merged[merged.count - 1].parents = parents
            }
        }
        return merged
    }

    /// What is known to come of an event.
    @inline(__always)
    func outcome(_ set: Int32, _ event: Event) -> Int32 {
        outcomes[Int(set) * Self.eventCount + event.rawValue]
    }

    /// Keeps what comes of an event.
    func keep(_ outcome: Int32, of event: Event, at set: Int32) {
        outcomes[Int(set) * Self.eventCount + event.rawValue] = outcome
    }

    /// The set after a lexeme that is complete by an exit, if that is known.
    func outcome(_ set: Int32, leaving exit: Int32) -> Int32? {
        leaves[UInt64(UInt32(bitPattern: set)) << 32 | UInt64(UInt32(bitPattern: exit))]
    }

    /// Keeps the set after a lexeme.
    func keep(_ outcome: Int32, leaving exit: Int32, at set: Int32) {
        leaves[UInt64(UInt32(bitPattern: set)) << 32 | UInt64(UInt32(bitPattern: exit))] = outcome
    }

    /// About how many bytes the sets take.
    var byteCount: Int {
        sets.count * (Self.eventCount * 4 + 80) + frameCount * 2 * MemoryLayout<Frame>.stride
            + leaves.count * 24
    }

    /// Gives all sets up.
    func forget() {
        sets = []
        frameCount = 0
        indices = [:]
        outcomes.removeAll()
        depths.removeAll()
        guarded.removeAll()
        leaves = [:]
    }
}
