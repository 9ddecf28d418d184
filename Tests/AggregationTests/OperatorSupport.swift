import Formats
import Testing

@testable import Aggregation

/// A relation that exists in the test only; the test pushes its rows.
final class TestRelation: Relation {
    let name: String
    let columns: [RelationColumn]
    let time: TimeDeclaration? = nil
    let isEndless: Bool
    let isAppendOnly: Bool
    let key: [Int]? = nil
    let estimatedRows: Int? = nil

    init(_ name: String, _ types: [DataType], isAppendOnly: Bool = true, isEndless: Bool = false) {
        self.name = name
        columns = types.enumerated().map { RelationColumn("c\($0.offset)", $0.element) }
        self.isAppendOnly = isAppendOnly
        self.isEndless = isEndless
    }

    var plan: Plan {
        let scanned = columns.enumerated().map { ScanColumn($0.offset, $0.element.type) }
        return Plan(
            .scan(self, ScanPlan(scanned)),
            columns.map { Field($0.name, $0.type) })
    }
}

/// Keeps what arrives: each batch's rows in order, and the sum of the weights of equal rows.
final class CollectingSink: Operator {
    var rows: [[Value]] = []
    var net: [[Value]: Int64] = [:]
    var sawRetraction = false
    var watermark = Watermark.none
    /// After so many rows no more are wanted.
    var rowsMax = Int.max

    init() { super.init("sink") }

    override var wantsMore: Bool { rows.count < rowsMax }

    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        #expect(batch.count <= Batch.rowsMax)
        for row in 0..<batch.count {
            let values = batch.row(row)
            rows.append(values)
            let weight = batch.weight(row)
            #expect(weight != 0, "a row without weight leaves")
            if weight < 0 { sawRetraction = true }
            net[values, default: 0] += weight
            if net[values] == 0 { net[values] = nil }
        }
    }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        #expect(watermark >= self.watermark, "a watermark never falls")
        self.watermark = watermark
    }
}

/// A compiled plan with its sink.
struct Run {
    var query: CompiledQuery
    let sink = CollectingSink()

    init(_ plan: Plan, isSingleStep: Bool = false) throws {
        var compiler = PlanCompiler(settings: SessionSettings())
        compiler.isSingleStep = isSingleStep
        query = try compiler.compile(plan, into: sink)
        try query.start()
    }

    func push(_ relation: TestRelation, _ rows: [[Value]], weights: [Int64]? = nil) throws {
        let batch = makeBatch(relation.columns.map(\.type), rows, weights: weights)
        for input in query.inputs where input.relation === relation {
            try input.entry.push(batch, input: 0)
        }
    }

    func advance(_ relation: TestRelation, _ watermark: Int64) throws {
        for input in query.inputs where input.relation === relation {
            try input.entry.advance(watermark, input: 0)
        }
    }

    func end() throws {
        for input in query.inputs { try input.entry.advance(Watermark.end, input: 0) }
        try query.endStep()
    }

    /// The state written, and read into the same plan compiled anew.
    func reopened(_ plan: Plan) throws -> Run {
        var state = OutputBuffer()
        query.write(&state)
        var bytes: [UInt8] = []
        state.bytes.withUnsafeBytes { bytes = Array($0) }
        let other = try Run(plan)
        var reader = StateReader(bytes)
        try other.query.read(&reader)
        other.sink.net = sink.net
        other.sink.watermark = sink.watermark
        return other
    }
}

func makeBatch(_ types: [DataType], _ rows: [[Value]], weights: [Int64]? = nil) -> Batch {
    let columns = types.enumerated().map { index, type in
        Column.make(type, rows.map { $0[index] })
    }
    return Batch(columns, count: rows.count, weights: weights.map { Buffer($0) })
}

/// A generator whose seed is printed with a failure.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(_ seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_f491_4f6c_dd1d
    }

    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}

extension Value {
    static func int(_ value: Int) -> Value { .integer(Int64(value)) }
}
