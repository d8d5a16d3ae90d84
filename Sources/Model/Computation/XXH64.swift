// SPDX-License-Identifier: Apache-2.0

/// The 64-bit checksum XXH64 with seed 0: finds damage at the speed of memory, proves nothing
/// against malice.
///
/// - Source: xxHash specification 0.1.1, github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md.
package struct XXH64: Sendable {
    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5
    private static let stripe = 32

    private var lanes: SIMD4<UInt64> = [
        Self.prime1 &+ Self.prime2, Self.prime2, 0, 0 &- Self.prime1,
    ]
    private var byteCount = 0
    private var tail: [UInt8] = []

    /// The checksum of no bytes yet.
    package init() {}

    /// The checksum of some bytes.
    package static func of(_ bytes: borrowing RawSpan) -> UInt64 {
        var checksum = XXH64()
        checksum.update(bytes)
        return checksum.digest
    }

    /// The checksum of some bytes.
    package static func of(_ bytes: [UInt8]) -> UInt64 {
        var checksum = XXH64()
        checksum.update(bytes)
        return checksum.digest
    }

    /// Adds bytes.
    ///
    /// - Precondition: all that was added before was a multiple of 32 bytes.
    package mutating func update(_ bytes: [UInt8]) {
        unsafe update(bytes.span.bytes)
    }

    /// Adds bytes.
    ///
    /// - Precondition: all that was added before was a multiple of 32 bytes.
    package mutating func update(_ bytes: borrowing RawSpan) {
        precondition(tail.isEmpty, "only the last piece may end within 32 bytes")
        byteCount += bytes.byteCount
        tail = unsafe bytes.withUnsafeBytes { source in
            var (a, b, c, d) = (lanes[0], lanes[1], lanes[2], lanes[3])
            var place = 0
            while place + Self.stripe <= source.count {
                a = unsafe Self.round(a, Self.word(source, place))
                b = unsafe Self.round(b, Self.word(source, place + 8))
                c = unsafe Self.round(c, Self.word(source, place + 16))
                d = unsafe Self.round(d, Self.word(source, place + 24))
                place += Self.stripe
            }
            lanes = [a, b, c, d]
            return unsafe [UInt8](source[place...])
        }
    }

    /// The checksum of all that was added.
    package var digest: UInt64 {
        var hash: UInt64
        if byteCount >= Self.stripe {
            hash =
                Self.rotate(lanes[0], 1) &+ Self.rotate(lanes[1], 7)
                &+ Self.rotate(lanes[2], 12) &+ Self.rotate(lanes[3], 18)
            for index in 0..<4 {
                hash = (hash ^ Self.round(0, lanes[index])) &* Self.prime1 &+ Self.prime4
            }
        } else {
            hash = Self.prime5
        }
        hash &+= UInt64(byteCount)
        unsafe tail.withUnsafeBytes { rest in
            var place = 0
            while place + 8 <= rest.count {
                hash = unsafe hash ^ Self.round(0, Self.word(rest, place))
                hash = Self.rotate(hash, 27) &* Self.prime1 &+ Self.prime4
                place += 8
            }
            if place + 4 <= rest.count {
                let word = unsafe rest.loadUnaligned(fromByteOffset: place, as: UInt32.self)
                hash ^= UInt64(UInt32(littleEndian: word)) &* Self.prime1
                hash = Self.rotate(hash, 23) &* Self.prime2 &+ Self.prime3
                place += 4
            }
            for index in place..<rest.count {
                hash = unsafe hash ^ UInt64(rest[index]) &* Self.prime5
                hash = Self.rotate(hash, 11) &* Self.prime1
            }
        }
        hash = (hash ^ hash >> 33) &* Self.prime2
        hash = (hash ^ hash >> 29) &* Self.prime3
        return hash ^ hash >> 32
    }

    private static func word(_ source: UnsafeRawBufferPointer, _ place: Int) -> UInt64 {
        unsafe UInt64(littleEndian: source.loadUnaligned(fromByteOffset: place, as: UInt64.self))
    }

    private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
        rotate(lane &+ word &* prime2, 31) &* prime1
    }

    private static func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 {
        value << count | value >> (64 - count)
    }
}
