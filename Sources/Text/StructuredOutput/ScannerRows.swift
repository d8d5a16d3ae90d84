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

    private static let unknown = Int32.min
    private static let maxCount = 4096

    /// The row of a scanner.
    mutating func row(of scanner: Int32, in recognizer: any Recognizer) -> Int32 {
        if let row = rows[scanner] { return row }
        let row = Int32(scanners.count)
        rows[scanner] = row
        scanners.append(scanner)
        exits.append(recognizer.exit(of: scanner))
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
        if scanners.count > Self.maxCount { self = ScannerRows() }
    }

    /// About how many bytes it takes.
    var byteCount: Int { moves.count * 4 }
}
