// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import Glibc
package import Quantization
internal import Synchronization

/// Matrices of one shape, row after row, that are made of others' bytes when they are needed, some
/// rows at a time, and made again after they were let go.
///
/// So a file that holds its weights in another order takes no more memory than any other while they
/// are packed.
// Safety: a part of the bytes is written by the one thread that `states` gave it to, before anyone
// reads it, and dropped only by `release`, whose caller knows that nobody reads.
@safe package final class RearrangedMatrices: ByteStorage, @unchecked Sendable {
    /// Which rows of a source's matrices are taken, `step` apart.
    package typealias RowChoice = (first: Int, step: Int)

    /// `count` matrices of `rows` times `columns`.
    package typealias Shape = (count: Int, rows: Int, columns: Int)

    /// Where the bytes of a source begin.
    package typealias Place = (storage: ByteStorage, byteOffset: Int)

    private enum Source {
        case transposed(Place, elementByteCount: Int)
        case parts(of: WeightMatrix, rowsEach: Int)
        case mxfp4(blocks: Place, scales: Place)
        /// Row for row, where in the source they are.
        case gathered(Place, rows: [Int32])
        /// Codes times scales, as BF16.
        case scaled(ScaledCodes)
        /// Rows of any type times a factor for each matrix, as BF16.
        case multiplied(WeightMatrix, factors: [Float])
    }

    /// What is known of a part.
    private enum State: UInt8 {
        case missing
        case beingMade
        case made
    }

    private static let rowsPerPart = 64
    private static let pageByteCount = max(4096, sysconf(Int32(_SC_PAGESIZE)))

    private let source: Source
    private let shape: Shape
    private let rows: RowChoice
    private let bytesPerRow: Int
    private let partsPerMatrix: Int
    private let states: Mutex<[State]>

    /// Matrices that lie column after column, each with all its rows, of which some are taken.
    ///
    /// - Parameters:
    ///   - source: `[count, columns, step · rows]` elements.
    ///   - elementByteCount: bytes of one.
    ///   - shape: of what is made.
    ///   - rows: which are taken.
    /// - Throws: where the system has no room for addresses.
    package convenience init(
        transposing source: Place, elementByteCount: Int, _ shape: Shape, rows: RowChoice
    ) throws(ByteStorageError) {
        try self.init(
            .transposed(source, elementByteCount: elementByteCount), shape, rows,
            bytesPerRow: shape.columns * elementByteCount)
    }

    /// The transposes of parts of one matrix: in its type, or in f32 where that has blocks.
    ///
    /// - Parameters:
    ///   - source: its rows, in any type; those of a part come one after another, and its first
    ///     `shape.columns` are transposed.
    ///   - rowsEach: the rows of a part.
    ///   - shape: of what is made.
    /// - Throws: where the system has no room for addresses.
    package convenience init(
        transposingPartsOf source: WeightMatrix, rowsEach: Int, _ shape: Shape
    ) throws(ByteStorageError) {
        precondition(
            source.layout == .rows && source.columnCount == shape.rows
                && source.rowCount == shape.count * rowsEach && shape.columns <= rowsEach,
            "\(shape) from parts of \(rowsEach) of [\(source.rowCount), \(source.columnCount)]")
        try self.init(
            .parts(of: source, rowsEach: rowsEach), shape, (first: 0, step: 1),
            bytesPerRow: Self.transposedType(of: source.type).bytesPerBlock * shape.columns)
    }

    /// The type of what is transposed.
    package static func transposedType(of type: ElementType) -> ElementType {
        type.elementsPerBlock == 1 ? type : .f32
    }

    /// Matrices of MXFP4 whose codes and scales lie apart.
    ///
    /// - Parameters:
    ///   - blocks: `[count, step · rows, columns / 32, 16]` bytes of codes.
    ///   - scales: `[count, step · rows, columns / 32]` bytes.
    ///   - shape: of what is made; columns are a multiple of 32.
    ///   - rows: which are taken.
    /// - Throws: where the system has no room for addresses.
    package convenience init(
        mxfp4 blocks: Place, scales: Place, _ shape: Shape, rows: RowChoice
    ) throws(ByteStorageError) {
        try self.init(
            .mxfp4(blocks: blocks, scales: scales), shape, rows,
            bytesPerRow: shape.columns / 32 * 17)
    }

    /// A matrix of rows of another one, some at a time.
    ///
    /// - Parameters:
    ///   - runs: which rows, in the order in which they are to lie: the first, and how many follow.
    ///   - source: rows of `bytesPerRow` bytes.
    ///   - columns: elements of a row.
    ///   - bytesPerRow: bytes of a row.
    /// - Throws: where the system has no room for addresses.
    package convenience init(
        gathering runs: [(first: Int, count: Int)], of source: Place, columns: Int,
        bytesPerRow: Int
    ) throws(ByteStorageError) {
        let rows = runs.flatMap { run in (0..<run.count).map { Int32(run.first + $0) } }
        try self.init(
            .gathered(source, rows: rows), (count: 1, rows: rows.count, columns: columns),
            (first: 0, step: 1), bytesPerRow: bytesPerRow)
    }

    /// Matrices of BF16, of codes and scales that lie apart.
    ///
    /// - Parameters:
    ///   - source: the codes and scales.
    ///   - shape: of what is made.
    /// - Throws: where the system has no room for addresses.
    package convenience init(
        scaling source: ScaledCodes, _ shape: Shape
    ) throws(ByteStorageError) {
        try self.init(
            .scaled(source), shape, (first: 0, step: 1), bytesPerRow: 2 * shape.columns)
    }

    /// Matrices of BF16, each a part of a matrix times a factor.
    ///
    /// - Parameters:
    ///   - source: rows of any type.
    ///   - factors: one for each matrix.
    ///   - shape: of what is made.
    /// - Throws: where the system has no room for addresses.
    package convenience init(
        multiplying source: WeightMatrix, by factors: [Float], _ shape: Shape
    ) throws(ByteStorageError) {
        precondition(
            source.layout == .rows && source.columnCount == shape.columns
                && source.rowCount == shape.count * shape.rows && factors.count == shape.count,
            "\(shape) of [\(source.rowCount), \(source.columnCount)] by \(factors.count) factors")
        try self.init(
            .multiplied(source, factors: factors), shape, (first: 0, step: 1),
            bytesPerRow: 2 * shape.columns)
    }

    private init(
        _ source: Source, _ shape: Shape, _ rows: RowChoice, bytesPerRow: Int
    ) throws(ByteStorageError) {
        precondition(
            shape.count > 0 && shape.rows > 0 && bytesPerRow > 0 && rows.first < rows.step,
            "\(shape) by rows \(rows)")
        let allRows = shape.count * shape.rows * rows.step
        let places: [(place: Place, byteCount: Int)] =
            switch source {
            case .transposed(let place, _): [(place, allRows * bytesPerRow)]
            case .parts(let matrix, _):
                [((matrix.storage, matrix.byteOffset), matrix.byteCount)]
            case .mxfp4(let blocks, let scales):
                [
                    (blocks, allRows * (bytesPerRow / 17) * 16),
                    (scales, allRows * (bytesPerRow / 17)),
                ]
            case .gathered(let place, let rows):
                [(place, (Int(rows.max() ?? 0) + 1) * bytesPerRow)]
            case .scaled(let codes): Self.places(of: codes, shape)
            case .multiplied(let matrix, _):
                [((matrix.storage, matrix.byteOffset), matrix.byteCount)]
            }
        for (place, byteCount) in places {
            precondition(
                place.byteOffset >= 0
                    && byteCount <= place.storage.byteCount - place.byteOffset,
                "\(byteCount) bytes at \(place.byteOffset) of \(place.storage.path)")
        }
        self.source = source
        self.shape = shape
        self.rows = rows
        self.bytesPerRow = bytesPerRow
        partsPerMatrix = (shape.rows + Self.rowsPerPart - 1) / Self.rowsPerPart
        states = Mutex(Array(repeating: .missing, count: shape.count * partsPerMatrix))
        let size = shape.count * shape.rows * bytesPerRow
        let path = places[0].place.storage.path
        let mapping = unsafe mmap(
            nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let mapping = unsafe mapping,
            unsafe mapping != UnsafeMutableRawPointer(bitPattern: -1)
        else {
            throw .cannotMap(path: path, reason: ByteStorageError.systemReason)
        }
        unsafe super.init(base: UnsafeRawPointer(mapping), byteCount: size, path: path)
    }

    private static func places(
        of codes: ScaledCodes, _ shape: Shape
    ) -> [(place: Place, byteCount: Int)] {
        let elementCount = shape.count * shape.rows * shape.columns
        switch codes.form {
        case .e4m3(let scales, let blockRows, let blockColumns):
            let blocks =
                (shape.rows + blockRows - 1) / blockRows
                * ((shape.columns + blockColumns - 1) / blockColumns)
            precondition(scales.count == shape.count * blocks, "\(scales.count) scales")
            return [(codes.codes, elementCount)]
        case .e2m1(let scales, let factors, _):
            precondition(
                shape.columns % 16 == 0 && factors.count == shape.count,
                "\(factors.count) factors for \(shape)")
            return [(codes.codes, elementCount / 2), (scales, elementCount / 16)]
        }
    }

    deinit {
        unsafe munmap(UnsafeMutableRawPointer(mutating: base), byteCount)
    }

    package override var isLost: Bool {
        switch source {
        case .transposed(let place, _), .gathered(let place, _): place.storage.isLost
        case .parts(let matrix, _), .multiplied(let matrix, _): matrix.storage.isLost
        case .scaled(let codes):
            if case .e2m1(let scales, _, _) = codes.form {
                codes.codes.storage.isLost || scales.storage.isLost
            } else {
                codes.codes.storage.isLost
            }
        case .mxfp4(let blocks, let scales): blocks.storage.isLost || scales.storage.isLost
        }
    }

    package override func bringIn(_ range: Range<Int>) {
        for part in parts(of: range) {
            while true {
                let found = states.withLock { states in
                    let found = states[part]
                    if found == .missing { states[part] = .beingMade }
                    return found
                }
                if found == .made { break }
                guard found == .missing else {
                    sched_yield()
                    continue
                }
                make(part)
                states.withLock { $0[part] = .made }
                break
            }
        }
    }

    package override func release(_ range: Range<Int>) {
        // Whole pages: the neighbours' bytes stay.
        let page = Self.pageByteCount
        let start = (range.lowerBound + page - 1) / page * page
        let end = range.upperBound / page * page
        guard start < end else { return }
        states.withLock { states in
            for part in parts(of: start..<end) { states[part] = .missing }
            // Under the lock, or a part that another thread makes again meanwhile would be dropped.
            unsafe _ = madvise(
                UnsafeMutableRawPointer(mutating: base + start), end - start, MADV_DONTNEED)
        }
    }

    // MARK: Parts

    /// The parts that have bytes of a range.
    private func parts(of range: Range<Int>) -> Range<Int> {
        guard !range.isEmpty else { return 0..<0 }
        return part(ofByte: range.lowerBound)..<part(ofByte: range.upperBound - 1) + 1
    }

    private func part(ofByte byte: Int) -> Int {
        let row = byte / bytesPerRow
        return row / shape.rows * partsPerMatrix + row % shape.rows / Self.rowsPerPart
    }

    private func make(_ part: Int) {
        let (matrix, index) = (part / partsPerMatrix, part % partsPerMatrix)
        let first = index * Self.rowsPerPart
        let choice = ck_row_choice(
            first_row: rows.first + first * rows.step, row_step: rows.step,
            row_count: min(Self.rowsPerPart, shape.rows - first))
        let bytes = unsafe UnsafeMutableRawPointer(mutating: base)
            .assumingMemoryBound(to: UInt8.self)
        let target = unsafe bytes + (matrix * shape.rows + first) * bytesPerRow
        let allRows = shape.rows * rows.step
        bringInSource(of: matrix, choice)
        switch source {
        case .transposed(let place, let elementByteCount):
            unsafe ck_transpose_rows(
                Self.bytes(place) + matrix * allRows * bytesPerRow, elementByteCount,
                shape.columns, allRows, choice, target)
        case .parts(let source, let rowsEach) where source.type.elementsPerBlock == 1:
            let start = source.byteOffset + matrix * rowsEach * source.bytesPerRow
            unsafe ck_transpose_rows(
                Self.bytes((source.storage, start)), source.type.bytesPerBlock, shape.columns,
                allRows, choice, target)
        case .parts(let source, let rowsEach):
            let isa = KernelChoice.automatic.isa
            let kernel = unsafe KernelMatrix(source)
            let floats = unsafe UnsafeMutableRawPointer(target).assumingMemoryBound(to: Float.self)
            unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: shape.rows) { row in
                guard let decoded = row.baseAddress else { return }
                for column in 0..<shape.columns {
                    unsafe kernel.decodeRow(matrix * rowsEach + column, into: decoded, isa: isa)
                    for index in 0..<choice.row_count {
                        unsafe floats[index * shape.columns + column] = decoded[first + index]
                    }
                }
            }
        case .mxfp4(let blocks, let scales):
            let blockCount = bytesPerRow / 17
            let skipped = matrix * allRows * blockCount
            unsafe ck_join_mxfp4_rows(
                Self.bytes(blocks) + 16 * skipped, Self.bytes(scales) + skipped, blockCount,
                choice, target)
        case .scaled(let codes): unsafe makeScaled(codes, of: matrix, choice, target)
        case .multiplied(let source, let factors):
            let isa = KernelChoice.automatic.isa
            let kernel = unsafe KernelMatrix(source)
            unsafe round(choice.row_count, to: target, by: factors[matrix]) { row, values in
                unsafe kernel.decodeRow(
                    matrix * shape.rows + first + row, into: values, isa: isa)
            }
        case .gathered(let place, let rows):
            for row in 0..<choice.row_count {
                unsafe (target + row * bytesPerRow).update(
                    from: Self.bytes(place) + Int(rows[first + row]) * bytesPerRow,
                    count: bytesPerRow)
            }
        }
    }

    /// Makes what some rows of a matrix are made of, where that is made of others' bytes, too.
    private func bringInSource(of matrix: Int, _ choice: ck_row_choice) {
        switch source {
        case .transposed(let place, _):
            let count = shape.rows * rows.step * bytesPerRow
            let start = place.byteOffset + matrix * count
            place.storage.bringIn(start..<start + count)
        case .parts(let source, let rowsEach):
            let start = source.byteOffset + matrix * rowsEach * source.bytesPerRow
            source.storage.bringIn(start..<start + shape.columns * source.bytesPerRow)
        case .gathered(let place, let rows):
            for row in rows[choice.first_row..<choice.first_row + choice.row_count] {
                let start = place.byteOffset + Int(row) * bytesPerRow
                place.storage.bringIn(start..<start + bytesPerRow)
            }
        case .multiplied(let source, _):
            let first = matrix * shape.rows + choice.first_row
            let start = source.byteOffset + first * source.bytesPerRow
            source.storage.bringIn(start..<start + choice.row_count * source.bytesPerRow)
        case .mxfp4, .scaled: break
        }
    }

    /// Decodes rows to f32, and rounds them to BF16.
    private func round(
        _ rowCount: Int, to target: UnsafeMutablePointer<UInt8>, by factor: Float = 1,
        _ decode: (_ row: Int, _ values: UnsafeMutablePointer<Float>) -> Void
    ) {
        unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: shape.columns) { values in
            guard let values = values.baseAddress else { return }
            for row in 0..<rowCount {
                unsafe decode(row, values)
                let rounded = unsafe UnsafeMutableRawPointer(target + row * bytesPerRow)
                    .assumingMemoryBound(to: UInt16.self)
                unsafe ck_round_bf16_row(values, factor, shape.columns, rounded)
            }
        }
    }

    /// Rows of codes times scales.
    private func makeScaled(
        _ source: ScaledCodes, of matrix: Int, _ choice: ck_row_choice,
        _ target: UnsafeMutablePointer<UInt8>
    ) {
        let codes = unsafe Self.bytes(source.codes)
        let firstRow = matrix * shape.rows + choice.first_row
        let levels = ScaledCodes.e4m3Levels
        switch source.form {
        case .e4m3(let scales, let blockRows, let blockColumns):
            let perRow = (shape.columns + blockColumns - 1) / blockColumns
            let perMatrix = (shape.rows + blockRows - 1) / blockRows * perRow
            unsafe round(choice.row_count, to: target) { row, values in
                let first = matrix * perMatrix + (choice.first_row + row) / blockRows * perRow
                unsafe scales.withUnsafeBufferPointer { scales in
                    guard let scales = scales.baseAddress else { return }
                    unsafe ck_decode_e4m3_row(
                        codes + (firstRow + row) * shape.columns, shape.columns, levels,
                        scales + first, blockColumns, values)
                }
            }
        case .e2m1(let place, let factors, let divides):
            let factor = factors[matrix]
            let count = shape.columns / 16
            var scales = [Float](repeating: 0, count: count)
            unsafe round(choice.row_count, to: target) { row, values in
                let bytes = unsafe Self.bytes(place) + (firstRow + row) * count
                for block in 0..<count {
                    let scale = unsafe levels[Int(bytes[block])]
                    scales[block] = divides ? scale / factor : scale * factor
                }
                unsafe ck_decode_e2m1_row(
                    codes + (firstRow + row) * shape.columns / 2, shape.columns, scales, values)
            }
        }
    }

    private static func bytes(_ place: Place) -> UnsafePointer<UInt8> {
        unsafe (place.storage.base + place.byteOffset).assumingMemoryBound(to: UInt8.self)
    }
}
