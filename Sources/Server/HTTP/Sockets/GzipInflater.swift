// SPDX-License-Identifier: Apache-2.0

import CZlib

/// Removes gzip (RFC 1952) from a body as it arrives, within bounds.
@safe package final class GzipInflater {
    /// Beyond this much output the ratio counts; deflate's best is about 1,032.
    private static let freeByteCount = 1 << 20
    private static let maxRatio = 200
    private static let pieceByteCount = 64 << 10

    private let stream: UnsafeMutablePointer<z_stream>
    private let maxBytes: Int
    private var inputCount = 0
    private var outputCount = 0
    private var isAtEnd = false

    /// An inflater that yields at most `maxBytes`.
    package init(maxBytes: Int) {
        self.maxBytes = maxBytes
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        // 15 bits of window, plus 16: a gzip header is required.
        let code = unsafe inflateInit2_(
            stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(code == Z_OK, "inflateInit2: \(code)")
    }

    deinit {
        _ = unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// Inflates the next bytes and appends what they yield.
    ///
    /// - Parameters:
    ///   - input: the next compressed bytes.
    ///   - body: receives what they yield.
    ///   - willGrow: told the size that the body is about to have; may refuse it.
    /// - Throws: 400 for damaged input, 413 beyond `maxBytes` or for a decompression bomb.
    package func append(
        _ input: [UInt8], to body: inout [UInt8],
        willGrow: (Int) throws(RequestError) -> Void = { _ in }
    ) throws(RequestError) {
        inputCount += input.count
        var input = input
        let count = input.count
        var consumed = 0
        var mayHoldOutput = false
        while consumed < count || mayHoldOutput {
            if isAtEnd, consumed < count {
                // Members may follow each other (RFC 1952 §2.2).
                guard unsafe inflateReset(stream) == Z_OK else { throw .malformed("gzip body") }
                isAtEnd = false
            }
            var code = Z_OK
            let piece = unsafe [UInt8](
                unsafeUninitializedCapacity: Self.pieceByteCount
            ) { output, outputCount in
                unsafe input.withUnsafeMutableBufferPointer { buffer in
                    unsafe stream.pointee.next_in = buffer.baseAddress?.advanced(by: consumed)
                    unsafe stream.pointee.avail_in = UInt32(count - consumed)
                    unsafe stream.pointee.next_out = output.baseAddress
                    unsafe stream.pointee.avail_out = UInt32(Self.pieceByteCount)
                    code = unsafe inflate(stream, Z_NO_FLUSH)
                    consumed = count - Int(unsafe stream.pointee.avail_in)
                    outputCount = Self.pieceByteCount - Int(unsafe stream.pointee.avail_out)
                }
            }
            guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else {
                throw .malformed("the gzip body is damaged")
            }
            isAtEnd = code == Z_STREAM_END
            outputCount += piece.count
            guard outputCount <= maxBytes else { throw .bodyTooLarge(maxBytes: maxBytes) }
            guard outputCount <= max(Self.freeByteCount, Self.maxRatio * inputCount) else {
                throw .bodyTooLarge(maxBytes: Self.maxRatio * inputCount)
            }
            try willGrow(body.count + piece.count)
            body.append(contentsOf: piece)
            // A full piece may leave output inside zlib when no input is left.
            mayHoldOutput = piece.count == Self.pieceByteCount && !isAtEnd
        }
    }

    /// Confirms that the input was complete.
    ///
    /// - Throws: 400 if it was cut off.
    package func finish() throws(RequestError) {
        guard isAtEnd else { throw .malformed("the gzip body is incomplete") }
    }
}
