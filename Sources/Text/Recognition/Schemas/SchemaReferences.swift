// SPDX-License-Identifier: Apache-2.0

import JSON

/// Finds what a reference of a schema document names.
///
/// A document consists of *resources*: its root, and every schema in it with an address of its own.
/// Each is found by its address, and what is in it by a JSON pointer or an anchor.
struct SchemaReferences {
    /// A schema that has an address.
    ///
    /// Most are never referred to by it, so it is worked out when it is first asked for.
    struct Resource {
        /// The schema's own words for its address, relative to that of the resource around it.
        let identifier: String
        let outer: Int?
        /// The address, without a fragment; empty for a root without one.
        var address: String?
        let place: Place
        let value: JSONValue
        let dialect: SchemaDialect

        /// Its pointer from the root of the document.
        var pointer: String {
            switch place {
            case .pointer(let pointer): pointer
            case .schema(let schema): schema.pointer
            }
        }
    }

    /// Where a resource stands, for asking its pointer.
    enum Place {
        case pointer(String)
        case schema(Schema)
    }

    /// A schema within the document.
    struct Location {
        var value: JSONValue
        /// From the root of the document.
        var pointer: String
        /// What references within it are relative to.
        var resource: Int
    }

    /// What a reference names.
    struct Target {
        var location: Location
        /// The anchor by which it was named, if it is a dynamic one.
        var dynamicAnchor: String?
    }

    private struct AnchorName: Hashable {
        let resource: Int
        let name: ExactString
    }

    private(set) var resources: [Resource] = []
    private var resourceIndices: [ExactString: Int] = [:]
    private var anchors: [AnchorName: Location] = [:]
    private var dynamicAnchors: [ExactString: [Location]] = [:]
    /// Whether all the document's addresses and anchors have been collected.
    private var isIndexed = false

    /// The references of a document.
    init(_ document: JSONValue) throws(RecognitionError) {
        var dialect = SchemaDialect.draft2020
        if let name = document["$schema"]?.stringValue {
            guard let named = SchemaDialect(named: name) else {
                throw RecognitionError(
                    at: "/$schema", "drafts older than 4 are not read; write it in 2020-12")
            }
            dialect = named
        }
        let identifier = Self.identifier(of: document, dialect) ?? ""
        let address = URIReference(identifier).address
        resources.append(
            Resource(
                identifier: identifier, outer: nil, address: address, place: .pointer(""),
                value: document, dialect: dialect))
        resourceIndices[ExactString(address)] = 0
    }

    /// The resource of a schema: a new one if it has an address, else the one around it.
    mutating func resource(of value: JSONValue, within outer: Int, at place: Place) -> Int {
        var dialect = resources[outer].dialect
        if let name = value["$schema"]?.stringValue, value[dialect.identifierKeyword] != nil,
            let named = SchemaDialect(named: name)
        {
            dialect = named
        }
        guard let identifier = Self.identifier(of: value, dialect) else { return outer }
        resources.append(
            Resource(
                identifier: identifier, outer: outer, address: nil, place: place, value: value,
                dialect: dialect))
        return resources.count - 1
    }

    /// The address of a resource.
    private mutating func address(of resource: Int) -> String {
        var unknown: [Int] = []
        var next = resource
        while resources[next].address == nil, let outer = resources[next].outer {
            unknown.append(next)
            next = outer
        }
        for index in unknown.reversed() {
            let base = URIReference(resources[resources[index].outer ?? 0].address ?? "")
            resources[index].address =
                URIReference(resources[index].identifier).resolved(against: base).address
        }
        return resources[resource].address ?? ""
    }

    /// One number for all resources of the same address: what is read twice is one resource.
    mutating func representative(of resource: Int) -> Int {
        let address = ExactString(address(of: resource))
        if let known = resourceIndices[address] { return known }
        resourceIndices[address] = resource
        return resource
    }

    /// The address that a schema gives itself, if it does.
    private static func identifier(of value: JSONValue, _ dialect: SchemaDialect) -> String? {
        guard let identifier = value[dialect.identifierKeyword]?.stringValue else { return nil }
        if dialect.referenceHidesSiblings, value["$ref"] != nil { return nil }
        return identifier.utf8.first == UInt8(ascii: "#") ? nil : identifier
    }

    /// What a reference names.
    ///
    /// - Parameters:
    ///   - reference: the value of `$ref`.
    ///   - resource: the one in which it stands.
    ///   - place: the pointer of the reference, for errors.
    /// - Returns: the schema's place, read or not.
    /// - Throws: that it is not in the document.
    mutating func target(
        of reference: String, within resource: Int, at place: () -> String
    ) throws(RecognitionError) -> Target {
        if reference.utf8.starts(with: "#/".utf8), !reference.utf8.contains(UInt8(ascii: "%")) {
            return try target(
                ofPointer: String(reference.dropFirst()), within: resource, reference, at: place)
        }
        let parts = URIReference(reference)
        var resource = resource
        if reference.utf8.first != UInt8(ascii: "#"), !reference.isEmpty {
            let base = address(of: resource)
            let address = parts.resolved(against: URIReference(base)).address
            if address != base {
                index()
                if resourceIndices[ExactString(address)] == nil { addMetaschema(at: address) }
                guard let known = resourceIndices[ExactString(address)] else {
                    throw RecognitionError(
                        at: place(),
                        "\"\(address)\" is not in this schema, and nothing is fetched; put what "
                            + "it names under \"$defs\"")
                }
                resource = known
            }
        }
        guard let fragment = URIReference.percentDecoded(parts.fragment ?? "") else {
            throw RecognitionError(at: place(), "the fragment of \"\(reference)\" is not UTF-8")
        }
        if fragment.isEmpty {
            let root = resources[resource]
            return Target(
                location: Location(value: root.value, pointer: root.pointer, resource: resource))
        }
        if fragment.utf8.first == UInt8(ascii: "/") {
            return try target(ofPointer: fragment, within: resource, reference, at: place)
        }
        index()
        let name = AnchorName(
            resource: representative(of: resource), name: ExactString(fragment))
        guard let location = anchors[name] else {
            throw RecognitionError(
                at: place(), "there is no anchor \"\(fragment)\" in this schema")
        }
        let isDynamic = dynamicAnchors[name.name, default: []].contains {
            $0.pointer == location.pointer
        }
        return Target(location: location, dynamicAnchor: isDynamic ? fragment : nil)
    }

    private mutating func target(
        ofPointer pointer: String, within resource: Int, _ reference: String, at place: () -> String
    ) throws(RecognitionError) -> Target {
        // What is not found in an inner resource may have been meant from the root: many schemas
        // have an "id" that was never meant as an address.
        for start in resource == 0 ? [0] : [resource, 0] {
            if let location = location(of: pointer, from: start) {
                return Target(location: location)
            }
        }
        throw RecognitionError(at: place(), "\"\(reference)\" names nothing in this schema")
    }

    /// Makes a draft's own metaschema one of the resources, where that is what an address names.
    private mutating func addMetaschema(at address: String) {
        guard let dialect = SchemaDialect(metaschemaAt: address) else { return }
        resources.append(
            Resource(
                identifier: address, outer: nil, address: address,
                place: .pointer(address + "#"), value: dialect.metaschema, dialect: dialect))
        resourceIndices[ExactString(address)] = resources.count - 1
    }

    /// What `$recursiveRef` names; the dynamic anchor of `$recursiveAnchor` has an empty name.
    mutating func recursiveTarget(within resource: Int) -> Target {
        index()
        let root = resources[resource]
        return Target(
            location: Location(value: root.value, pointer: root.pointer, resource: resource),
            dynamicAnchor: root.value["$recursiveAnchor"]?.boolValue == true ? "" : nil)
    }

    /// All schemas of a dynamic anchor, at most one for each resource.
    func locations(ofDynamicAnchor name: String) -> [Location] {
        dynamicAnchors[ExactString(name), default: []]
    }

    /// Follows a JSON pointer (RFC 6901) from the root of a resource; nil where it ends nowhere.
    private mutating func location(of pointer: String, from resource: Int) -> Location? {
        let start = resources[resource]
        var location = Location(value: start.value, pointer: start.pointer, resource: resource)
        let steps = pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        for step in steps {
            var name = String(step)
            if step.utf8.contains(UInt8(ascii: "~")) {
                name = Self.unescaped(step)
            }
            let next: JSONValue?
            switch location.value {
            case .object(let object): next = object[name]
            case .array(let array):
                let isIndex = name == "0" || (name.utf8.first != UInt8(ascii: "0"))
                let index = name.utf8.allSatisfy { $0 &- 0x30 < 10 } ? Int(name) : nil
                next = index.flatMap { isIndex && $0 < array.count ? array[$0] : nil }
            default: next = nil
            }
            guard let next else { return nil }
            location.value = next
            location.pointer += "/" + step
            location.resource = self.resource(
                of: next, within: location.resource, at: .pointer(location.pointer))
        }
        return location
    }

    private static func unescaped(_ step: Substring) -> String {
        var name = ""
        var rest = step.unicodeScalars
        while let scalar = rest.popFirst() {
            switch (scalar, rest.first) {
            case ("~", "0"): rest.removeFirst()
            case ("~", "1"):
                rest.removeFirst()
                name += "/"
                continue
            default: break
            }
            name.unicodeScalars.append(scalar)
        }
        return name
    }

    // MARK: Addresses and anchors

    /// Collects the addresses and anchors of all schemas in the document, once.
    private mutating func index() {
        guard !isIndexed else { return }
        isIndexed = true
        var pending = [Location(value: resources[0].value, pointer: "", resource: 0)]
        while let location = pending.popLast() {
            guard case .object(let object) = location.value else { continue }
            let dialect = resources[location.resource].dialect
            note(object, at: location, dialect)
            for (name, value) in object {
                guard let keyword = SchemaKeyword.named(name), keyword.dialect <= dialect else {
                    continue
                }
                Self.forEachSchema(of: keyword, value) { step, inner in
                    guard inner.objectValue != nil else { return }
                    let pointer = location.pointer + "/" + name + step
                    let index = resource(
                        of: inner, within: location.resource, at: .pointer(pointer))
                    pending.append(
                        Location(
                            value: inner, pointer: pointer, resource: representative(of: index)))
                }
            }
        }
    }

    /// Notes the anchors that a schema gives itself.
    private mutating func note(
        _ object: JSONObject, at location: Location, _ dialect: SchemaDialect
    ) {
        if dialect.identifiersMayBeAnchors {
            guard object["$ref"] == nil,
                let identifier = object[dialect.identifierKeyword]?.stringValue,
                let fragment = URIReference(identifier).fragment, !fragment.isEmpty
            else { return }
            add(String(fragment), location)
            return
        }
        if let name = object["$anchor"]?.stringValue { add(name, location) }
        if dialect == .draft2019, object["$recursiveAnchor"]?.boolValue == true,
            location.pointer == resources[location.resource].pointer
        {
            dynamicAnchors[ExactString(""), default: []].append(location)
        }
        if dialect == .draft2020, let name = object["$dynamicAnchor"]?.stringValue {
            add(name, location)
            dynamicAnchors[ExactString(name), default: []].append(location)
        }
    }

    private mutating func add(_ name: String, _ location: Location) {
        let name = AnchorName(resource: location.resource, name: ExactString(name))
        if anchors[name] == nil { anchors[name] = location }
    }

    private static func forEachSchema(
        of keyword: SchemaKeyword, _ value: JSONValue,
        _ body: (_ step: String, JSONValue) -> Void
    ) {
        switch (keyword.schemas, value) {
        case (.one, _), (.oneOrList, .object): body("", value)
        case (.list, .array(let list)), (.oneOrList, .array(let list)):
            for index in list.indices { body("/\(index)", list[index]) }
        case (.map, .object(let map)), (.mapOfSomeSchemas, .object(let map)):
            for (name, value) in map { body("/" + Schema.escaped(name), value) }
        default: break
        }
    }
}
