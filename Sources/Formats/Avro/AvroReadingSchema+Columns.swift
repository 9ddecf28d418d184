// The columns of values, as SQL's types.
extension AvroReadingSchema {
    /// Types of a whole schema, those that are told again counted again.
    private static let typesMax = 20_000

    /// The members of a record; nil: the values are something else.
    public var fields: [Field]? {
        guard case .record(let fields) = type else { return nil }
        return fields
    }

    /// Of the whole value.
    public var type: DataType {
        var left = Self.typesMax
        return type(root, &left, [])
    }

    /// `outer`: the records that it lies in. One that contains itself is json there.
    private func type(_ index: Int, _ left: inout Int, _ outer: [Int]) -> DataType {
        let node = nodes[index]
        left -= 1
        guard left > 0 else { return .json }
        switch node.operation {
        case .null, .map, .json: return .json
        case .boolean: return .boolean
        case .integer: return .bigint
        case .float, .double: return .double
        case .bytes, .fixed: return .bytea
        case .string, .enumeration: return .text
        case .date: return .date
        case .timestamp: return .timestamp
        case .instant: return .timestamptz
        case .time: return .time
        case .duration, .months: return .interval
        case .decimal, .fixedDecimal, .variableDecimal, .digits: return .anyNumeric
        case .fixedUUID: return .uuid
        case .word: return texts[index] ?? .text
        case .array: return .array(type(Int(node.first), &left, outer))
        case .record:
            guard node.count > 0, !outer.contains(index) else { return .json }
            var fields: [Field] = []
            for place in Int(node.first)..<Int(node.first + node.count) {
                let inner = type(Int(slots[place].node), &left, outer + [index])
                fields.append(Field(names[place], inner))
            }
            return .record(fields)
        case .union: return union(node, &left, outer)
        }
    }

    private func union(_ node: Node, _ left: inout Int, _ outer: [Int]) -> DataType {
        var types: [DataType] = []
        for place in Int(node.first)..<Int(node.first + node.count) {
            let branch = Int(slots[place].node)
            guard nodes[branch].operation != .null else { continue }
            types.append(type(branch, &left, outer))
        }
        guard let first = types.first else { return .json }
        return types.dropFirst().reduce(first) { DataType.ofBoth($0, $1) }
    }

    /// The fields of two schemas of a topic: those of the first, and behind them what only the
    /// other has.
    public static func merged(_ first: [Field], _ second: [Field]) -> [Field] {
        var merged = first
        for field in second {
            if let index = merged.firstIndex(where: { $0.name == field.name }) {
                merged[index].type = DataType.ofBoth(merged[index].type, field.type)
            } else {
                merged.append(field)
            }
        }
        return merged
    }

    /// The same with the members that values lack and `newer` has defaults for, as Avro's
    /// resolution of schemas wants it: those of plain types.
    public func completed(by newer: AvroReadingSchema) -> AvroReadingSchema {
        let whole = AvroReadingSchema(copyOf: self)
        for (name, index) in named where nodes[index].operation == .record {
            guard let other = newer.named[name], newer.nodes[other].operation == .record else {
                continue
            }
            let known = Set(names(of: index))
            var added = OutputBuffer(capacity: 64)
            let first = Int(newer.nodes[other].first)
            for place in first..<first + Int(newer.nodes[other].count)
            where !known.contains(newer.names[place]) {
                guard let value = newer.defaults[place], newer.isPlain(place) else { continue }
                added.append(UInt8(ascii: ","))
                added.append(jsonString: newer.names[place])
                added.append(UInt8(ascii: ":"))
                added.append(value)
            }
            if added.count > 0 { whole.additions[index] = added.array }
        }
        return whole
    }

    /// The field's default is its value as JSON: that of a union is of its first branch.
    private func isPlain(_ place: Int) -> Bool {
        var node = nodes[Int(slots[place].node)]
        if node.operation == .union, node.count > 0 {
            node = nodes[Int(slots[Int(node.first)].node)]
        }
        switch node.operation {
        case .boolean, .integer, .float, .double, .string, .enumeration: return true
        default: return false
        }
    }
}

extension DataType {
    /// What holds the values of both.
    fileprivate static func ofBoth(_ a: DataType, _ b: DataType) -> DataType {
        switch (a, b) {
        case _ where a == b: return a
        case (.bigint, .double), (.double, .bigint): return .double
        case (.numeric, .bigint), (.bigint, .numeric), (.numeric, .double), (.double, .numeric):
            return .anyNumeric
        case (.record(let one), .record(let two)):
            return .record(AvroReadingSchema.merged(one, two))
        case (.array(let one), .array(let two)): return .array(ofBoth(one, two))
        default: return .json
        }
    }
}
