// SPDX-License-Identifier: Apache-2.0

internal import Computation
package import Scheduling

/// A KV block as the bytes of a file: what it is called, what it holds, and checksums of both.
///
/// ```text
/// 0   "CIERZOKV"
/// 8   version of this layout, 8 bytes, little endian, as are all numbers
/// 16  number of bytes that the block has
/// 24  checksum (XXH64) of them
/// 32  name of the prefix that the block ends, 64 hexadecimal digits
/// 96  checksum of all that comes before
/// 104 the bytes
/// ```
///
/// The name is a digest of everything that the bytes depend on, so a file of another model, of other
/// types or of another's prompt has another name.
package enum PrefixFile {
    /// Why a file is of no use.
    package enum Flaw: Error {
        /// Not a file of that block, or none at all.
        case foreign
        /// Other bytes than were written.
        case damaged
    }

    /// How many bytes come before those of the block.
    package static let headerCount = 104

    private static let magic = Array("CIERZOKV".utf8)
    private static let version: UInt64 = 1
    private static let nameCount = 64
    private static let checksumPlace = 96

    /// Fills in what comes before a block's bytes, which are there already.
    package static func seal(_ file: inout [UInt8], as name: PrefixName) {
        let checksum = XXH64.of(Array(file[headerCount...]))
        put(magic, into: &file, at: 0)
        put(version, into: &file, at: 8)
        put(UInt64(file.count - headerCount), into: &file, at: 16)
        put(checksum, into: &file, at: 24)
        put(Array(name.digits.utf8), into: &file, at: 32)
        put(XXH64.of(Array(file[..<checksumPlace])), into: &file, at: checksumPlace)
    }

    /// The bytes of a block.
    ///
    /// - Parameters:
    ///   - file: whatever was in a file.
    ///   - name: what it should hold.
    /// - Returns: the bytes.
    /// - Throws: ``Flaw`` if it is anything else.
    package static func block(
        in file: [UInt8], as name: PrefixName
    ) throws(Flaw) -> ArraySlice<UInt8> {
        guard file.count >= headerCount, file.starts(with: magic), number(file, 8) == version else {
            throw .foreign
        }
        let digits = file[32..<32 + nameCount]
        guard number(file, checksumPlace) == XXH64.of(Array(file[..<checksumPlace])),
            number(file, 16) == UInt64(file.count - headerCount),
            number(file, 24) == XXH64.of(Array(file[headerCount...]))
        else { throw .damaged }
        guard digits.elementsEqual(name.digits.utf8) else { throw .foreign }
        return file[headerCount...]
    }

    private static func put(_ number: UInt64, into file: inout [UInt8], at place: Int) {
        for index in 0..<8 {
            file[place + index] = UInt8(truncatingIfNeeded: number >> UInt64(8 * index))
        }
    }

    private static func put(_ bytes: [UInt8], into file: inout [UInt8], at place: Int) {
        for (index, byte) in bytes.enumerated() { file[place + index] = byte }
    }

    /// The number in a place that the header has.
    private static func number(_ file: [UInt8], _ place: Int) -> UInt64 {
        file[place..<place + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
