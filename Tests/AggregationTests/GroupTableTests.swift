import Bytes
import Formats
import Testing

@testable import Aggregation

/// A seeded generator, so that a failing run can be repeated.
struct TestRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

func find(_ table: GroupTable, _ keys: [Column], inserting: Bool = true) -> [Int32] {
    let count = keys.first?.count ?? 0
    var ids = [Int32](repeating: -2, count: count)
    unsafe ids.withUnsafeMutableBufferPointer {
        if let base = $0.baseAddress {
            unsafe table.find(keys, count: count, into: base, inserting: inserting)
        }
    }
    return ids
}

/// A random value of a type out of few, nulls among them.
func randomValue(_ type: DataType, _ random: inout TestRandom, few: Int = 20) -> Value {
    let pick = Int.random(in: 0...few, using: &random)
    if pick == few { return .null }
    switch type {
    case .boolean: return .boolean(pick % 2 == 0)
    case .double: return .double([0, -0.0, .nan, .infinity, 1.5][pick % 5] + Double(pick / 5))
    case .numeric: return .numeric(.finite(Int128(pick) * 10, scale: Int16(pick % 3)))
    case .text:
        return .text(String(repeating: "k\(pick)", count: 1 + pick % 11))
    case .interval:
        return .interval(Interval(months: Int32(pick % 2), days: Int32(pick % 3 * 30)))
    case .array(let element):
        return .array((0..<pick % 3).map { _ in randomValue(element, &random, few: 3) })
    default: return .integer(Int64(pick) - 5)
    }
}

private let shapes: [[DataType]] = [
    [.bigint], [.text], [.double], [.boolean], [.anyNumeric], [.interval], [.bigint, .bigint],
    [.bigint, .text], [.text, .text, .date], [.array(.bigint)], [.bigint, .anyNumeric, .text],
]

@Test(arguments: shapes)
func `a table of groups gives equal keys one number and knows them again`(types: [DataType]) throws
{
    var random = TestRandom(state: 7)
    var table = GroupTable(types)
    var model: [[Value]: Int32] = [:]
    // What is one group has one key in the model.
    func normal(_ value: Value) -> Value {
        switch value {
        case .double(let x): .integer(groupWord(x))
        case .interval(let x): .integer(Int64(x.comparable))
        default: value
        }
    }
    for round in 0..<60 {
        let count = Int.random(in: 1...100, using: &random)
        let rows = (0..<count).map { _ in types.map { randomValue($0, &random) } }
        let keys = types.indices.map { index in Column.make(types[index], rows.map { $0[index] }) }
        let ids = find(table, keys, inserting: round % 3 != 2)
        for (row, id) in zip(rows, ids) {
            let key = row.map(normal)
            if let known = model[key] {
                #expect(id == known)
            } else if round % 3 == 2 {
                #expect(id == -1)
            } else {
                #expect(!model.values.contains(id))
                model[key] = id
                #expect(table.keys([id]).map { normal($0.value(0)) } == key)
            }
        }
        for (key, id) in model where UInt8.random(in: 0..<4, using: &random) == 0 {
            table.remove(id)
            model[key] = nil
        }
        #expect(table.count == model.count)
        if round % 10 == 9 {
            var bytes = OutputBuffer(capacity: 64)
            table.write(&bytes)
            var reader = StateReader(unsafe bytes.bytes.withUnsafeBytes { unsafe Array($0) })
            table = GroupTable(types)
            try table.read(&reader)
            #expect(reader.remaining == 0)
        }
    }
}

@Test func `a table of groups takes constant keys and grows past its first slots`() {
    let table = GroupTable([.bigint, .text])
    let constant = [
        Column.constant(.integer(7), .bigint, count: 5), Column.constant(.null, .text, count: 5),
    ]
    #expect(find(table, constant) == [0, 0, 0, 0, 0])
    let words = GroupTable([.bigint])
    for start in stride(from: Int64(0), to: 40_000, by: 1000) {
        let key = Column.make(.bigint, (start..<start + 1000).map { .integer($0 * 4096) })
        #expect(find(words, [key]) == (Int32(start)..<Int32(start) + 1000).map { $0 })
    }
    for start in stride(from: Int64(0), to: 40_000, by: 1000) {
        let key = Column.make(.bigint, (start..<start + 1000).map { .integer($0 * 4096) })
        #expect(find(words, [key]).first == Int32(start))
    }
}
