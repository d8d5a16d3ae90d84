// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Computation
package import Serving

/// The options of every command that runs a model: those rows of the table of settings that say what
/// an engine gets of the machine.
package struct ComputeOptions: ParsableArguments, CustomReflectable {
    private static let rows = ["threads", "kernels", "pin", "kv-type", "accept-stale"]
        .compactMap(SettingTable.row)

    private var configuration = ServiceConfiguration()
    private var rejection: String?

    /// No options.
    package init() {}

    /// The options that the argument parser has found.
    package init(from decoder: any Decoder) throws {
        let values = try SettingFlags.values(of: Self.rows, from: decoder)
        for setting in Self.rows {
            guard let value = values[setting.key] else { continue }
            do throws(SettingRejection) {
                try setting.set(value, in: &configuration)
            } catch {
                rejection =
                    "\(setting.flag): expected \(error.expected), found '\(error.found)'"
            }
        }
    }

    /// Refuses values that the table does not allow.
    package func validate() throws {
        if let rejection { throw ValidationError(rejection) }
    }

    /// An option for each row.
    package var customMirror: Mirror { SettingFlags.mirror(of: self, showing: Self.rows) }

    /// The engine that they describe.
    package var assembly: EngineAssembly { configuration.engine }

    /// Whether a packed file may be older than what it was packed from.
    package var acceptsStale: Bool { configuration.acceptsStale }
}

extension KVElementType: ExpressibleByArgument {}
