// SPDX-License-Identifier: Apache-2.0

/// How far an object has come, as far as that decides which members may follow.
struct MemberProgress: Hashable {
    /// Where the object's rules are.
    var shape: Int32
    /// The first property that may still be written, where their order is kept; else 0.
    var place: Int32 = 0
    /// The index of the set of properties that are remembered to be there.
    var seen: Int32 = 0
    /// The count of members, where that matters; else 0.
    var count: Int32 = 0
}

/// The keys that may follow in an object.
final class KeyOffer {
    let progress: MemberProgress
    let shape: ObjectShape

    /// Whether a key that is known by no name may follow.
    let allowsOthers: Bool

    /// Whether any key may follow.
    let isEmpty: Bool

    /// Of the words of the shape's names before each one, how many may follow.
    private let offered: [Int32]

    init(_ progress: MemberProgress, _ shape: ObjectShape, seen: [UInt64]) {
        self.progress = progress
        self.shape = shape
        let required = Self.required(shape, seen)
        func isSeen(_ property: Int) -> Bool { Self.contains(seen, property) }
        func isPast(_ property: Int) -> Bool { property < Int(progress.place) || isSeen(property) }
        let properties = shape.properties.indices
        let missing = properties.filter { required[$0] && !isPast($0) }
        let room = shape.countsMembers ? shape.most - Int(progress.count) : Int.max
        var isOffered = [Bool](repeating: false, count: properties.count)
        var isBlocked = false
        let keepsOrder = shape.keepsOrder
        // Where nothing else may come, so many more members are needed.
        var optionalsNeeded =
            shape.countsMembers && !shape.allowsOthers
            ? shape.least - Int(progress.count) : 0
        var possible: [Int] = []
        for property in properties where !isPast(property) {
            guard shape.expectation(of: property) >= 0 else {
                if keepsOrder, required[property] { break }
                continue
            }
            let isNeeded = required[property]
            if isNeeded ? room >= missing.count : room > missing.count {
                if Self.canFollow(property, in: shape, keepsOrder: keepsOrder, isSeen) {
                    possible.append(property)
                }
            }
            if keepsOrder, isNeeded {
                isBlocked = true
                break
            }
        }
        if keepsOrder, optionalsNeeded > 0, !isBlocked {
            // Of the last ones, none may be left out.
            optionalsNeeded = min(optionalsNeeded, possible.count)
            possible.removeLast(optionalsNeeded - 1)
        }
        for property in possible { isOffered[property] = true }
        allowsOthers =
            shape.allowsOthers && room > missing.count && !(keepsOrder && !missing.isEmpty)
        var count: Int32 = 0
        var offered: [Int32] = [0]
        offered.reserveCapacity(properties.count + 1)
        for mark in shape.names.marks {
            if isOffered[mark] { count += 1 }
            offered.append(count)
        }
        self.offered = offered
        isEmpty = count == 0 && !allowsOthers
    }

    /// Whether what a property asks for can still come, or is there.
    private static func canFollow(
        _ property: Int, in shape: ObjectShape, keepsOrder: Bool, _ isSeen: (Int) -> Bool
    ) -> Bool {
        guard let required = shape.dependents[property] else { return true }
        return required.allSatisfy { other in
            isSeen(other)
                || !(keepsOrder && other < property) && shape.expectation(of: other) >= 0
        }
    }

    private static func contains(_ set: [UInt64], _ element: Int) -> Bool {
        element / 64 < set.count && set[element / 64] >> UInt64(element % 64) & 1 == 1
    }

    /// Which properties must be there, those among them that present ones ask for.
    private static func required(_ shape: ObjectShape, _ seen: [UInt64]) -> [Bool] {
        var required = shape.properties.map(\.isRequired)
        for (trigger, others) in shape.dependents where contains(seen, trigger) {
            for other in others { required[other] = true }
        }
        return required
    }

    /// Whether an object that has come so far may close.
    static func canClose(_ progress: MemberProgress, _ shape: ObjectShape, seen: [UInt64]) -> Bool {
        if shape.countsMembers {
            guard progress.count >= shape.least, progress.count <= shape.most else { return false }
        }
        let required = shape.dependents.isEmpty ? nil : Self.required(shape, seen)
        for index in shape.properties.indices
        where required?[index] ?? shape.properties[index].isRequired {
            guard index < Int(progress.place) || contains(seen, index) else { return false }
        }
        return true
    }

    /// Whether any of a range of words of the shape's names may follow.
    func offers(_ words: Range<Int>) -> Bool {
        offered[words.upperBound] > offered[words.lowerBound]
    }
}
