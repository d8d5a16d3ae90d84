// SPDX-License-Identifier: Apache-2.0

import CZlib

/// Makes gzip (RFC 1952) of bytes that come one after another.
// Safety: one task uses it at a time, be it in its own lock.
@safe package final class GzipDeflater: @unchecked Sendable {
    /// How far back it looks for what it has seen, and what that takes.
    package enum Reach {
        /// As far as gzip can, in about 256 KiB of memory.
        case far
        /// Over some events of a stream, in about 32 KiB.
        case near
    }

    /// What follows the bytes that are given to it.
    package enum Ending {
        /// More, for which what it holds back may wait.
        case more
        /// Perhaps more, but not soon: all that was given can be read.
        case pause
        /// Nothing.
        case end
    }

    private static let pieceByteCount = 64 << 10
    /// Fast: the processors have models to compute, and text shrinks well at any level.
    private static let level: Int32 = 1

    private let stream: UnsafeMutablePointer<z_stream>

    /// A deflater that has seen nothing; nil without memory for it.
    package init?(_ reach: Reach = .far) {
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        let (windowBits, memoryLevel): (Int32, Int32) = reach == .far ? (15, 8) : (12, 5)
        // 16 more bits of window: a gzip header is written.
        let code = unsafe deflateInit2_(
            stream, Self.level, Z_DEFLATED, windowBits + 16, memoryLevel, Z_DEFAULT_STRATEGY,
            ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        if code != Z_OK { return nil }
    }

    deinit {
        _ = unsafe deflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// Compresses the next bytes, and appends what has become of them so far.
    ///
    /// - Parameters:
    ///   - input: the next bytes.
    ///   - ending: what follows.
    ///   - output: receives what they become.
    package func append(_ input: [UInt8], _ ending: Ending, to output: inout [UInt8]) {
        let flush =
            switch ending {
            case .more: Z_NO_FLUSH
            case .pause: Z_SYNC_FLUSH
            case .end: Z_FINISH
            }
        var input = input
        let count = input.count
        var consumed = 0
        while true {
            var code = Z_OK
            let piece = unsafe [UInt8](
                unsafeUninitializedCapacity: Self.pieceByteCount
            ) { buffer, filled in
                unsafe input.withUnsafeMutableBufferPointer { source in
                    unsafe stream.pointee.next_in = source.baseAddress?.advanced(by: consumed)
                    unsafe stream.pointee.avail_in = UInt32(count - consumed)
                    unsafe stream.pointee.next_out = buffer.baseAddress
                    unsafe stream.pointee.avail_out = UInt32(Self.pieceByteCount)
                    code = unsafe deflate(stream, flush)
                    consumed = count - Int(unsafe stream.pointee.avail_in)
                    filled = Self.pieceByteCount - Int(unsafe stream.pointee.avail_out)
                }
            }
            precondition([Z_OK, Z_STREAM_END, Z_BUF_ERROR].contains(code), "deflate: \(code)")
            output.append(contentsOf: piece)
            let isDone =
                ending == .end
                ? code == Z_STREAM_END
                : consumed == count && piece.count < Self.pieceByteCount
            if isDone { return }
        }
    }
}
