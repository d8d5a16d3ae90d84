// SPDX-License-Identifier: Apache-2.0

/// How much memory models may take: bytes, or a share of the machine's.
package enum MemoryLimit: Hashable, Sendable, CustomStringConvertible {
    /// So many bytes.
    case bytes(Int)

    /// So many hundredths of what the process may use.
    case percent(Int)

    /// What models get of a machine where nobody says: the rest is for requests and for the system.
    package static let standard = MemoryLimit.percent(80)

    private static let units: [(name: String, byteCount: Int)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
        ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000),
        ("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10), ("B", 1),
    ]

    /// Reads `12GiB`, `1.5GiB`, `800MB`, `64Gi`, `1073741824B` or `80%`; nil where the unit is missing
    /// or the size is none that could be.
    package init?(_ text: String) {
        let unitText = text.drop { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let number = Double(text[..<unitText.startIndex]), number.isFinite, number > 0 else {
            return nil
        }
        let unit = unitText.drop { $0 == " " }
        if unit == "%" {
            guard number <= 100, number >= 1, number == number.rounded() else { return nil }
            self = .percent(Int(number))
            return
        }
        guard let scale = Self.units.first(where: { $0.name == unit })?.byteCount else {
            return nil
        }
        let bytes = (number * Double(scale)).rounded()
        guard bytes >= 1, bytes <= Double(1 << 60) else { return nil }
        self = .bytes(Int(bytes))
    }

    /// Bytes in the largest unit of which they are a whole number, or hundredths.
    package var description: String {
        switch self {
        case .percent(let share): return "\(share)%"
        case .bytes(let count):
            let unit = Self.units.prefix(4).first { count % $0.byteCount == 0 }
            return unit.map { "\(count / $0.byteCount)\($0.name)" } ?? "\(count)B"
        }
    }

    /// The limit in bytes.
    ///
    /// - Parameter available: what the process may use.
    /// - Returns: at least 1.
    package func byteCount(of available: Int) -> Int {
        switch self {
        case .bytes(let count): count
        case .percent(let share): max(1, available / 100 * share)
        }
    }
}
