// SPDX-License-Identifier: Apache-2.0

/// What a lexeme turned out to be when it was complete.
enum LexemeExit: Hashable {
    /// A string or a number that these terms allow.
    case value([Int32])
    /// A key, and what it is to each of the offers that allow it.
    case key([KeyChoice])
}

/// What a key is to an offer.
struct KeyChoice: Hashable {
    var offer: Int32
    /// The property, or -1 for a key that is known by no name.
    var property: Int32
    /// What is expected of the value.
    var expectation: Int32
}

/// The states of strings, keys and numbers, which are read alike wherever they stand.
///
/// A state is made when it is first reached, and so is each of its moves.
final class ScannerTable {
    static let unknown = Int32.min

    private enum Content: Hashable {
        case text(TextScan)
        case number(NumberScan)
    }

    private let shapes: ShapeTable
    private let rows = FlatArray<Int32>()
    private let lexemeExits = FlatArray<Int32>()
    private var contents: [Content] = []
    private var indices: [Content: Int32] = [:]
    private var exitIndices: [LexemeExit: Int32] = [:]
    private var offerIndices: [MemberProgress: Int32] = [:]

    /// What lexemes may turn out to be.
    private(set) var exits: [LexemeExit] = []

    /// The offers of keys.
    private(set) var offers: [KeyOffer] = []

    /// Sets of properties as bit sets; the first is empty.
    private(set) var sets: [[UInt64]] = [[]]
    private var setIndices: [[UInt64]: Int32] = [[]: 0]

    init(_ shapes: ShapeTable) {
        self.shapes = shapes
        nameTheCommonExits()
    }

    private func nameTheCommonExits() {
        for term in [ScalarTerms.anyString, ScalarTerms.anyNumber, ScalarTerms.anyInteger] {
            _ = exit(.value([term]))
        }
    }

    // MARK: States

    /// The scanner of a string after its opening quote; -1 where no string may follow.
    func string(_ terms: [Int32]) -> Int32 {
        guard !terms.isEmpty else { return -1 }
        return index(of: .text(TextScan(strings: terms, in: shapes.terms)))
    }

    /// The scanner of a key after its opening quote; -1 where none may follow.
    func key(_ offers: [Int32]) -> Int32 {
        let offers = offers.filter { !self.offers[Int($0)].isEmpty }
        guard !offers.isEmpty else { return -1 }
        return index(of: .text(TextScan(keys: offers, in: self, shapes.terms)))
    }

    /// The scanner of a number before its first byte; -1 where none may follow.
    func number(_ terms: [Int32]) -> Int32 {
        terms.isEmpty ? -1 : index(of: .number(NumberScan(terms)))
    }

    private func index(of content: Content) -> Int32 {
        if let index = indices[content] { return index }
        guard contents.count < 1 << 22 else { return -1 }
        let index = Int32(contents.count)
        contents.append(content)
        indices[content] = index
        rows.append(Self.unknown, count: 256)
        lexemeExits.append(Self.unknown)
        return index
    }

    /// The state after a byte; -1 for none, `-2 - exit` where the lexeme is complete.
    @inline(__always)
    func scan(_ scanner: Int32, by byte: UInt8) -> Int32 {
        let known = rows[Int(scanner) << 8 | Int(byte)]
        return known != Self.unknown ? known : make(scanner, byte)
    }

    private func make(_ scanner: Int32, _ byte: UInt8) -> Int32 {
        let result: Int32
        switch contents[Int(scanner)] {
        case .text(let scan):
            switch scan.next(byte, in: self, shapes) {
            case .none: result = -1
            case .within(let next): result = index(of: .text(next))
            case .complete(let exit): result = -2 - self.exit(exit)
            }
        case .number(let scan):
            result = scan.next(byte, shapes).map { index(of: .number($0)) } ?? -1
        }
        rows[Int(scanner) << 8 | Int(byte)] = result
        return result
    }

    /// The exit of a number that may end here; -1 for none.
    func exit(of scanner: Int32) -> Int32 {
        let known = lexemeExits[Int(scanner)]
        if known != Self.unknown { return known }
        var result: Int32 = -1
        if case .number(let scan) = contents[Int(scanner)], let found = scan.exit(shapes) {
            result = exit(found)
        }
        lexemeExits[Int(scanner)] = result
        return result
    }

    private func exit(_ exit: LexemeExit) -> Int32 {
        if let index = exitIndices[exit] { return index }
        let index = Int32(exits.count)
        exits.append(exit)
        exitIndices[exit] = index
        return index
    }

    /// A scanner that does not count where no length is within reach of so many bytes.
    func uncounted(_ scanner: Int32, within byteCount: Int) -> Int32 {
        guard case .text(let scan) = contents[Int(scanner)],
            let frozen = scan.frozen(within: byteCount, in: self, shapes.terms)
        else { return scanner }
        let index = index(of: .text(frozen))
        return index < 0 ? scanner : index
    }

    /// A number that the scanner has in common with those of other recognizers that read alike.
    func identity(of scanner: Int32) -> UInt64? {
        switch contents[Int(scanner)] {
        case .text(let scan): scan.identity
        case .number(let scan): scan.identity(isCanonical: shapes.style.isCanonical)
        }
    }

    /// The plain string that a scanner reads like, but for the exit.
    func likeness(of scanner: Int32) -> ScannerLikeness? {
        guard case .text(let scan) = contents[Int(scanner)],
            let likeness = scan.likeness(in: self, shapes)
        else { return nil }
        return ScannerLikeness(
            identity: likeness.identity, exit: exit(likeness.exit), reach: likeness.reach)
    }

    // MARK: Offers and sets

    /// The keys that may follow.
    func offer(_ progress: MemberProgress) -> Int32 {
        if let index = offerIndices[progress] { return index }
        let shape = shapes.objects[Int(progress.shape)]
        let index = Int32(offers.count)
        offers.append(KeyOffer(progress, shape, seen: sets[Int(progress.seen)]))
        offerIndices[progress] = index
        return index
    }

    /// A set of properties and one more.
    func inserting(_ property: Int, into set: Int32) -> Int32 {
        var bits = sets[Int(set)]
        while bits.count <= property / 64 { bits.append(0) }
        bits[property / 64] |= 1 << UInt64(property % 64)
        if let index = setIndices[bits] { return index }
        let index = Int32(sets.count)
        sets.append(bits)
        setIndices[bits] = index
        return index
    }

    // MARK: Memory

    /// About how many bytes all of it takes.
    var byteCount: Int {
        rows.byteCount + contents.count * 256 + exits.count * 64 + offers.count * 160
            + sets.count * 64
    }

    /// Gives everything up.
    func forget() {
        rows.removeAll()
        lexemeExits.removeAll()
        contents = []
        indices = [:]
        exits = []
        exitIndices = [:]
        offers = []
        offerIndices = [:]
        sets = [[]]
        setIndices = [[]: 0]
        nameTheCommonExits()
    }
}
