// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Small text files by which the system describes the machine.
package enum SystemFile {
    /// The text of a file without the line end, or nil where it cannot be read.
    package static func text(_ path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 16384)
        let count = unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe read(descriptor, buffer.baseAddress, buffer.count)
        }
        guard count >= 0 else { return nil }
        let text = String(decoding: bytes[..<count], as: UTF8.self)
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }

    /// The numbers of a list such as `0-3,8,10-11`, ascending; what is none is left out.
    package static func numbers(_ list: String) -> [Int] {
        var numbers: Set<Int> = []
        for item in list.split(separator: ",") {
            let ends = item.split(separator: "-", maxSplits: 1).map { Int($0) }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil,
                0 <= first, first <= last, last < AffinityMask.processorLimit
            else { continue }
            numbers.formUnion(first...last)
        }
        return numbers.sorted()
    }
}
