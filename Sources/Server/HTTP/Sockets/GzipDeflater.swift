// SPDX-License-Identifier: Apache-2.0

import CZlib

/// Makes gzip (RFC 1952) of bytes that come one after another, in about 256 KiB of memory.
@safe package final class GzipDeflater {
    private static let pieceByteCount = 64 << 10
    /// Fast: the processors have models to compute, and text shrinks well at any level.
    private static let level: Int32 = 1

    private let stream: UnsafeMutablePointer<z_stream>

    /// A deflater that has seen nothing; nil without memory for it.
    package init?() {
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        // 15 bits of window, plus 16: a gzip header is written.
        let code = unsafe deflateInit2_(
            stream, Self.level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
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
    ///   - isLast: whether nothing follows, so that all of it is written.
    ///   - output: receives what they become.
    package func append(_ input: [UInt8], isLast: Bool, to output: inout [UInt8]) {
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
                    code = unsafe deflate(stream, isLast ? Z_FINISH : Z_NO_FLUSH)
                    consumed = count - Int(unsafe stream.pointee.avail_in)
                    filled = Self.pieceByteCount - Int(unsafe stream.pointee.avail_out)
                }
            }
            precondition([Z_OK, Z_STREAM_END, Z_BUF_ERROR].contains(code), "deflate: \(code)")
            output.append(contentsOf: piece)
            let isDone =
                isLast
                ? code == Z_STREAM_END
                : consumed == count && piece.count < Self.pieceByteCount
            if isDone { return }
        }
    }
}
