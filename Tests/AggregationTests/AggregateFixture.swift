import Bytes
import Formats
import Testing

@testable import Aggregation

/// Takes what leaves an operator: every row with its weight, and the net table.
final class NettingSink: Operator {
    private(set) var table: [[Value]: Int64] = [:]
    private(set) var changes: [(row: [Value], weight: Int64)] = []
    private(set) var watermark = Watermark.none

    init() { super.init("sink") }

    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        for row in 0..<batch.count {
            let values = batch.row(row).map(\.comparable)
            let weight = batch.weight(row)
            changes.append((values, weight))
            let sum = (table[values] ?? 0) + weight
            table[values] = sum == 0 ? nil : sum
        }
    }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        #expect(watermark >= self.watermark)
        self.watermark = watermark
    }

    func forget() { changes = [] }
}

extension Value {
    /// Doubles as their bits to 12 digits, so that tables can be compared.
    var comparable: Value {
        switch self {
        case .double(let value):
            if value.isNaN { return .text("NaN") }
            if value == 0 || value.isInfinite { return .double(value + 0) }
            let scale = Double(sign: .plus, exponent: 36 - Int(value.exponent), significand: 1)
            return .double((value * scale).rounded() / scale)
        case .array(let values): return .array(values.map(\.comparable))
        case .record(let values): return .record(values.map(\.comparable))
        default: return self
        }
    }
}

/// A plan of nothing but columns, as input of an operator under test.
func inputPlan(_ types: [DataType], timeColumns: [Int] = []) -> Plan {
    var plan = Plan(.values([]), types.enumerated().map { Field("c\($0)", $1) })
    plan.facts.timeColumns = timeColumns
    return plan
}

func makeCall(
    _ name: String, _ arguments: [Aggregation.Expression] = [], distinct: Bool = false,
    filter: Aggregation.Expression? = nil, order: [SortKey] = [], within: [SortKey] = []
) throws -> AggregateCall {
    let types = (arguments + within.map(\.expression)).map(\.type)
    let function = try AggregateRegistry.resolve(
        name, types, isStar: name == "count" && arguments.isEmpty)
    return AggregateCall(
        function, arguments, isDistinct: distinct, filter: filter, order: order + within,
        type: function.result)
}

func makeBatch(
    _ types: [DataType], _ rows: [[Value]], weights: [Int64]? = nil, watermarks: [Int64]? = nil
) -> Batch {
    Batch(
        types.indices.map { index in Column.make(types[index], rows.map { $0[index] }) },
        count: rows.count, weights: weights.map { Buffer($0) },
        watermarks: watermarks.map { Buffer($0) })
}

/// The state of one operator written and read into another.
func move(_ source: Operator, _ target: Operator) throws {
    var bytes = OutputBuffer(capacity: 64)
    source.write(&bytes)
    var reader = StateReader(unsafe bytes.bytes.withUnsafeBytes { unsafe Array($0) })
    try target.read(&reader)
    #expect(reader.remaining == 0)
}
