import Testing

@testable import Formats

private let samples: [(DataType, [Value])] = [
    (.boolean, [.boolean(true), .null, .boolean(false)]),
    (.bigint, [.integer(.min), .integer(.max), .null]),
    (.double, [.double(1.5), .null, .double(-0.25)]),
    (.anyNumeric, [.numeric(Numeric(7)), .null, .numeric(.nan)]),
    (.interval, [.interval(Interval(months: 1, days: 2, microseconds: 3)), .null]),
    (.text, [.text(""), .text("twelve bytes"), .text("thirteen byte"), .null, .text("ä€😀")]),
    (.bytea, [.bytes([0, 255]), .bytes(Array(repeating: 7, count: 100)), .null]),
    (.array(.text), [.array([.text("a"), .null]), .array([]), .null]),
    (
        .record([Field("a", .bigint), Field("b", .text)]),
        [.record([.integer(1), .text("x")]), .null, .record([.null, .null])]
    ),
]

@Test(arguments: samples)
func `a column gives back what was put in`(_ type: DataType, _ values: [Value]) {
    let many = Array(repeating: values, count: 40).flatMap(\.self)
    let column = Column.make(type, many)
    #expect(column.values == many)
    let rows = many.indices.reversed().map { Int32($0) }
    #expect(column.gather(rows).values == many.reversed())
    #expect(column.slice(3..<50).values == Array(many[3..<50]))
    #expect(column.gather([0, -1], hasMissing: true).values == [values[0], .null])
    #expect(
        Column.constant(values[0], type, count: 3).flat.values == [values[0], values[0], values[0]])
}

@Test func `strings of every length around the view's room compare as bytes do`() {
    var texts: [String] = []
    for length in 0...40 { texts.append(String(repeating: "a", count: length)) }
    for length in 1...40 { texts.append(String(repeating: "a", count: length - 1) + "b") }
    let column = Column.make(.text, texts.map { .text($0) })
    guard case .string(let views, _) = column.storage else { return }
    for (i, x) in texts.enumerated() {
        for (j, y) in texts.enumerated() {
            let order = StringView.compare(views[i], views[j])
            #expect((order < 0) == (x < y) && (order == 0) == (x == y))
            #expect((views[i] == views[j]) == (x == y))
        }
    }
}
