// SPDX-License-Identifier: Apache-2.0

/// The routes that a client may have meant.
enum NearbyRoute {
    private static var candidates: [String] { RouteTable.standard.listedPaths }

    /// The route that ends or begins as the path does, or that a few letters make of it.
    static func of(_ path: Substring) -> String? {
        // Longer ones are no slips of the pen; comparing them takes time.
        guard (2...64).contains(path.utf8.count), path != "/v1" else { return nil }
        let path = path.lowercased()
        let candidates = candidates
        for route in candidates {
            let end = route.hasPrefix("/v1/") ? String(route.dropFirst(3)) : route
            if path.hasSuffix(end) { return route }
        }
        if let longer = candidates.last(where: {
            $0.hasPrefix(path + "/") || $0.hasPrefix("/v1" + path + "/")
        }) {
            return longer
        }
        let letters = Array(path.utf8)
        let ranked = candidates.map { route in
            let bare = route.hasPrefix("/v1/") ? route.utf8.dropFirst(3) : route.utf8[...]
            return (
                route: route,
                distance: min(
                    distance(letters, Array(route.utf8)), distance(letters, Array(bare)))
            )
        }
        let nearest = ranked.min { $0.distance < $1.distance }
        return nearest.flatMap { $0.distance <= 3 ? $0.route : nil }
    }

    /// How many letters must be put in, left out or replaced (Levenshtein).
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var row = Array(0...right.count)
        for (line, byte) in left.enumerated() {
            var diagonal = row[0]
            row[0] = line + 1
            for (column, other) in right.enumerated() {
                let replaced = diagonal + (byte == other ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
