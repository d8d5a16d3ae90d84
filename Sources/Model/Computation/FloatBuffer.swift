// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Rows of f32 that are allocated once and reused at every step.
///
/// The first element of each row lies on a 64-byte boundary; what lies between the rows stays zero.
/// One thread owns a buffer; `Compute` lets its workers write disjoint parts of it.
@safe package final class FloatBuffer {
    /// The number of rows that there is room for.
    package let rowCount: Int

    /// The length of a row.
    package let columnCount: Int

    /// The distance between the first elements of two rows, in elements.
    let stride: Int

    let base: UnsafeMutablePointer<Float>
    private let memory: UnsafeMutableRawPointer

    /// Creates a buffer of zeros.
    ///
    /// - Parameters:
    ///   - rowCount: the number of rows.
    ///   - columnCount: the length of a row.
    package init(rowCount: Int, columnCount: Int) {
        precondition(rowCount >= 0 && columnCount >= 0, "\(rowCount) × \(columnCount)")
        self.rowCount = rowCount
        self.columnCount = columnCount
        stride = (columnCount + 15) / 16 * 16
        let count = max(rowCount * stride, 16)
        // Zeros that the system gives for nothing: pages of large buffers come as they are used.
        guard let memory = unsafe calloc(count + 16, 4) else {
            fatalError("no memory for \(rowCount) × \(columnCount) numbers")
        }
        unsafe self.memory = memory
        unsafe base = memory.alignedUp(toMultipleOf: 64)
            .bindMemory(to: Float.self, capacity: count)
    }

    deinit { unsafe free(memory) }

    /// The number of bytes that the buffer takes.
    package var byteCount: Int { max(rowCount * stride, 16) * 4 }

    /// A row, to read.
    @_lifetime(borrow self)
    package borrowing func row(_ index: Int) -> Span<Float> {
        let span = unsafe Span(_unsafeStart: pointer(row: index), count: columnCount)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// Sets the first elements of a row.
    package func setRow(_ index: Int, to values: [Float]) {
        precondition(values.count <= columnCount, "\(values.count) values, \(columnCount) columns")
        unsafe values.withUnsafeBufferPointer { source in
            if let first = source.baseAddress {
                unsafe pointer(row: index).update(from: first, count: source.count)
            }
        }
    }

    func pointer(row index: Int) -> UnsafeMutablePointer<Float> {
        precondition(index >= 0 && index < rowCount, "row \(index) of \(rowCount)")
        return unsafe base + index * stride
    }
}
