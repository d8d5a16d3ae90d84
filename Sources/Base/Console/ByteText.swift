// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A number of bytes as people read it: `93.8 MiB`.
package func byteText(_ count: Int) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    var value = Double(count)
    var unit = 0
    while value >= 1024, unit < units.count - 1 {
        value /= 1024
        unit += 1
    }
    return unit == 0 ? "\(count) bytes" : String(format: "%.1f %@", value, units[unit])
}

/// A large count as people read it: `46.70 B`.
package func countText(_ count: Int) -> String {
    switch count {
    case 1_000_000_000...: String(format: "%.2f B", Double(count) / 1e9)
    case 1_000_000...: String(format: "%.1f M", Double(count) / 1e6)
    default: String(count)
    }
}
