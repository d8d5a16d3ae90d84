// SPDX-License-Identifier: Apache-2.0

import Recognition

/// The moves of scanners as tables that are filled as they are needed, one row for each scanner.
///
/// A walk over a vocabulary asks a few scanners for the same moves again and again.
struct ScannerRows {
    /// The row that reads on within the lexeme; -1 where it cannot go on; `-2 - exit` where it ends.
    private var moves: [Int32] = []
    private var scanners: [Int32] = []
    private var rows: [Int32: Int32] = [:]

    /// For each row the exit of a lexeme that may end before the next byte; -1 for none.
    private(set) var exits: [Int32] = []

    /// For each row the place of a string without rules that it reads like, but for the exit; 0 for
    /// none.
    private(set) var stringPlaces: [UInt16] = []

    /// The exit that it comes to where that string is complete.
    private(set) var stringExits: [Int32] = []

    /// For how many bytes it does.
    private(set) var stringReaches: [Int] = []

    private let placeNumbers: [UInt64: UInt16]

    private static let unknown = Int32.min
    private static let maxCount = 4096

    /// No rows yet.
    ///
    /// - Parameter placeNumbers: the numbers of a string's places, by the identities of scanners.
    init(placeNumbers: [UInt64: UInt16]) {
        self.placeNumbers = placeNumbers
    }

    /// The row of a scanner.
    mutating func row(of scanner: Int32, in recognizer: any Recognizer) -> Int32 {
        if let row = rows[scanner] { return row }
        let row = Int32(scanners.count)
        rows[scanner] = row
        scanners.append(scanner)
        exits.append(recognizer.exit(of: scanner))
        let likeness = recognizer.likeness(of: scanner)
        stringPlaces.append(likeness.flatMap { placeNumbers[$0.identity] } ?? 0)
        stringExits.append(likeness?.exit ?? -1)
        stringReaches.append(likeness?.reach ?? 0)
        moves.append(contentsOf: repeatElement(Self.unknown, count: 256))
        return row
    }

    /// What a row makes of a byte.
    mutating func move(_ row: Int32, by byte: UInt8, in recognizer: any Recognizer) -> Int32 {
        let place = Int(row) << 8 | Int(byte)
        let known = moves[place]
        if known != Self.unknown { return known }
        let result = recognizer.scan(scanners[Int(row)], by: byte)
        let move = result >= 0 ? self.row(of: result, in: recognizer) : result
        moves[place] = move
        return move
    }

    /// Forgets all rows where there are very many; rows that were given out are void.
    mutating func trim() {
        if scanners.count > Self.maxCount { self = ScannerRows(placeNumbers: placeNumbers) }
    }

    /// About how many bytes it takes.
    var byteCount: Int { moves.count * 4 }
}
