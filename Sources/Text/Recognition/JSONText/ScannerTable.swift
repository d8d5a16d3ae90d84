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

    /// A place of a text whose length is far from any that matters: the scanner that reads it
    /// without counting, and the count.
    ///
    /// A long text makes one of these for each of its characters rather than a row of moves.
    private struct Counted {
        var scanner: Int32
        var count: Int32
    }

    /// Scanners from here on are of ``places``.
    private static let firstCounted: Int32 = 1 << 22

    /// How far a length is from the next one that matters where it need not be looked at.
    private static let countMargin = 256

    private let shapes: ShapeTable
    /// For each scanner and sixteen bytes, where their moves are in ``moves``, or -1: in a long text
    /// most scanners see few bytes.
    private let rows = FlatArray<Int32>()
    private let moves = FlatArray<Int32>()
    private let lexemeExits = FlatArray<Int32>()
    private var contents: [Content] = []
    private var indices: [Content: Int32] = [:]
    /// Of each scanner the next count that matters; -1 where it does not count.
    private let changes = FlatArray<Int32>()
    /// Of each scanner whether the next byte is counted.
    private let isBetween = FlatArray<Bool>()
    private var places: [Counted] = []
    private var placeIndices: [UInt64: Int32] = [:]
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
        return index(of: TextScan(strings: terms, in: shapes.terms))
    }

    /// The scanner of a key after its opening quote; -1 where none may follow.
    func key(_ offers: [Int32]) -> Int32 {
        let offers = offers.filter { !self.offers[Int($0)].isEmpty }
        guard !offers.isEmpty else { return -1 }
        return index(of: TextScan(keys: offers, in: self, shapes.terms))
    }

    /// The scanner of a number before its first byte; -1 where none may follow.
    func number(_ terms: [Int32]) -> Int32 {
        terms.isEmpty ? -1 : index(of: .number(NumberScan(terms)))
    }

    /// The scanner of a string or key, which counts without a row of its own where it may.
    private func index(of scan: TextScan) -> Int32 {
        guard scan.isCounting else { return index(of: .text(scan)) }
        guard scan.nextChange(in: self, shapes.terms) != nil else {
            return index(of: .text(scan.counting(.max)))
        }
        guard let frozen = scan.frozen(within: Self.countMargin, in: self, shapes.terms) else {
            return index(of: .text(scan))
        }
        let scanner = index(of: .text(frozen))
        return scanner < 0 ? scanner : counted(scanner, scan.codePointCount)
    }

    private func counted(_ scanner: Int32, _ count: Int) -> Int32 {
        let key = UInt64(UInt32(bitPattern: scanner)) << 32 | UInt64(count)
        if let index = placeIndices[key] { return index }
        guard places.count < Int(Self.firstCounted) - 1 else { return -1 }
        let index = Self.firstCounted + Int32(places.count)
        places.append(Counted(scanner: scanner, count: Int32(count)))
        placeIndices[key] = index
        return index
    }

    private func counted(at scanner: Int32) -> Counted? {
        let index = Int(scanner - Self.firstCounted)
        return places.indices.contains(index) ? places[index] : nil
    }

    /// The scan of a place that is counted, with its count.
    private func scan(of place: Counted) -> TextScan? {
        guard case .text(let scan) = contents[Int(place.scanner)] else { return nil }
        return scan.counting(Int(place.count))
    }

    @inline(never)
    private func scanCounted(_ scanner: Int32, by byte: UInt8) -> Int32 {
        guard var place = counted(at: scanner) else { return -1 }
        let isCounted = isBetween[Int(place.scanner)]
        let next = scan(place.scanner, by: byte)
        guard next >= 0 else { return next }
        place = Counted(scanner: next, count: place.count + (isCounted ? 1 : 0))
        if Int(changes[Int(next)] - place.count) > Self.countMargin {
            return counted(next, Int(place.count))
        }
        return scan(of: place).map { index(of: $0) } ?? -1
    }

    private func index(of content: Content) -> Int32 {
        if let index = indices[content] { return index }
        guard contents.count < Int(Self.firstCounted) else { return -1 }
        let index = Int32(contents.count)
        contents.append(content)
        indices[content] = index
        rows.append(-1, count: 16)
        lexemeExits.append(Self.unknown)
        var change: Int?
        var isBetweenCharacters = false
        if case .text(let scan) = content, scan.mayCount {
            change = scan.nextChange(in: self, shapes.terms)
            isBetweenCharacters = scan.isBetweenCharacters
        }
        changes.append(change.map { Int32(clamping: $0) } ?? -1)
        isBetween.append(isBetweenCharacters)
        return index
    }

    /// The state after a byte; -1 for none, `-2 - exit` where the lexeme is complete.
    @inline(__always)
    func scan(_ scanner: Int32, by byte: UInt8) -> Int32 {
        if scanner >= Self.firstCounted { return scanCounted(scanner, by: byte) }
        let row = rows[Int(scanner) << 4 | Int(byte >> 4)]
        guard row >= 0 else { return make(scanner, byte) }
        let known = moves[Int(row) | Int(byte & 15)]
        return known != Self.unknown ? known : make(scanner, byte)
    }

    private func make(_ scanner: Int32, _ byte: UInt8) -> Int32 {
        let result: Int32
        switch contents[Int(scanner)] {
        case .text(let scan):
            switch scan.next(byte, in: self, shapes) {
            case .none: result = -1
            case .within(let next): result = next == scan ? scanner : index(of: next)
            case .complete(let exit): result = -2 - self.exit(exit)
            }
        case .number(let scan):
            result = scan.next(byte, shapes).map { index(of: .number($0)) } ?? -1
        }
        let cell = Int(scanner) << 4 | Int(byte >> 4)
        if rows[cell] < 0 {
            rows[cell] = Int32(moves.count)
            moves.append(Self.unknown, count: 16)
        }
        moves[Int(rows[cell]) | Int(byte & 15)] = result
        return result
    }

    /// The exit of a number that may end here; -1 for none.
    func exit(of scanner: Int32) -> Int32 {
        // Strings and keys end where a byte says so.
        if scanner >= Self.firstCounted { return -1 }
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
        if let place = counted(at: scanner) {
            if Int(changes[Int(place.scanner)] - place.count) > byteCount { return place.scanner }
            return scan(of: place).map { index(of: .text($0)) } ?? scanner
        }
        guard changes[Int(scanner)] >= 0 else { return scanner }
        guard case .text(let scan) = contents[Int(scanner)],
            let frozen = scan.frozen(within: byteCount, in: self, shapes.terms)
        else { return scanner }
        let like = index(of: .text(frozen))
        return like < 0 ? scanner : like
    }

    /// A number that the scanner has in common with those of other recognizers that read alike.
    func identity(of scanner: Int32) -> UInt64? {
        if scanner >= Self.firstCounted { return nil }
        return switch contents[Int(scanner)] {
        case .text(let scan): scan.identity
        case .number(let scan): scan.identity(isCanonical: shapes.style.isCanonical)
        }
    }

    /// The plain string that a scanner reads like, but for the exit.
    func likeness(of scanner: Int32) -> ScannerLikeness? {
        if let place = counted(at: scanner) {
            var likeness = likeness(of: place.scanner)
            likeness?.reach = Int(changes[Int(place.scanner)] - place.count) - 1
            return likeness
        }
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
        rows.byteCount + moves.byteCount + contents.count * 400 + places.count * 48 + exits.count
            * 64
            + offers.count * 160 + sets.count * 64
    }

    /// Gives everything up.
    func forget() {
        rows.removeAll()
        moves.removeAll()
        lexemeExits.removeAll()
        contents = []
        indices = [:]
        changes.removeAll()
        isBetween.removeAll()
        places = []
        placeIndices = [:]
        exits = []
        exitIndices = [:]
        offers = []
        offerIndices = [:]
        sets = [[]]
        setIndices = [[]: 0]
        nameTheCommonExits()
    }
}
