// SPDX-License-Identifier: Apache-2.0

import JSON

/// Checks the tools that a request offers; they go to the prompt as the client wrote them.
package enum ToolDefinition {
    /// The tools of a request, each a JSON object with the client's key order.
    static func read(
        _ fields: FieldReader, limits: RequestLimits
    ) throws(FieldError) -> [JSONValue] {
        var tools: [JSONValue] = []
        for (value, path) in try fields.array("tools", maxCount: limits.maxTools) ?? [] {
            let tool = try FieldReader(value, at: path)
            let type = try tool.string("type") ?? "function"
            guard type == "function" else {
                throw .unsupported(
                    path.appending("type"),
                    reason: "tools of type '\(EchoableText.of(type))' are not supported; "
                        + "only 'function' is")
            }
            let function = try tool.require("function", tool.object("function"))
            let name = try function.require("name", function.string("name"))
            try checkName(name, at: function.path.appending("name"))
            _ = try function.string("description")
            _ = try function.object("parameters")
            if try function.bool("strict") ?? false {
                throw .unsupported(
                    function.path.appending("strict"),
                    reason: "constrained arguments are not supported by this server")
            }
            tools.append(value)
        }
        return tools
    }

    /// Throws unless the name has the form that both APIs demand of functions.
    static func checkName(_ name: String, at path: FieldPath) throws(FieldError) {
        let isValid =
            (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy {
                ($0 >= 0x30 && $0 <= 0x39) || ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A)
                    || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
            }
        if !isValid {
            throw .invalid(path, expected: "1 to 64 letters, digits, '_' or '-'")
        }
    }
}
