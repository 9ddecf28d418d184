import Formats
import Testing

@testable import Aggregation

@Test func `an expression names the columns that it reads, also within choices`() {
    let choice = Expression.choice(
        [.init(.isNull(.column(3, .text)), .column(1, .bigint))],
        otherwise: .cast(.column(4, .text), .bigint, isTry: false), .bigint)
    #expect(choice.columns == [1, 3, 4])
    #expect(choice.mapColumns { $0 + 10 }.columns == [11, 13, 14])
}
