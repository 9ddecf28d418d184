import Testing

@testable import rtd

/// What part of a partition `-o` and `-e` mean, for a log from 10 up to 20.
struct ReadingRangeTests {
    private func range(_ text: String?, atEnd: Bool = false) throws -> ReadingRange {
        let specification = try text.map { try OffsetSpecification($0) } ?? OffsetSpecification()
        let facts = ReadingRange.Facts(
            logStart: 10, logEnd: 20, startTimeOffset: 13, endTimeOffset: 17)
        return ReadingRange(specification, facts, atEnd: atEnd)
    }

    @Test func `nothing said reads from the beginning on and follows`() throws {
        let range = try range(nil)
        #expect((range.start, range.from, range.end) == (10, 10, nil))
        #expect(!range.isFinite)
    }

    @Test(
        arguments: [
            ("beginning", 10), ("end", 20), ("15", 15), ("3", 10), ("-4", 16), ("-400", 10),
            ("+3", 13),
            ("@1000", 13), ("stored", 10),
        ] as [(String, Int64)])
    func `a start is inside the log`(text: String, start: Int64) throws {
        let range = try range(text)
        #expect((range.start, range.from) == (start, start))
    }

    @Test func `a start behind the end waits for its records`() throws {
        let range = try range("25")
        #expect((range.start, range.from, range.end) == (20, 25, nil))
        #expect(!range.isEmpty)
        #expect(try self.range("25", atEnd: true).isEmpty)
    }

    @Test(
        arguments: [
            ("12:15", 15), (":end", 20), (":-2", 18), (":+2", 12), ("@1000:2000", 17),
            ("s@1000", nil),
            ("12:30", 30),
        ] as [(String, Int64?)])
    func `a range has an end of its own`(text: String, end: Int64?) throws {
        #expect(try range(text).end == end)
    }

    @Test func `exit at end cuts a range off where the log ends`() throws {
        #expect(try range("12:30").isFinite == false)
        #expect(try range("12:30", atEnd: true).end == 20)
        #expect(try range("12:15", atEnd: true).end == 15)
    }

    @Test func `a time without a record is the end`() {
        let facts = ReadingRange.Facts(logStart: 0, logEnd: 5)
        let time = OffsetSpecification.Bound.time(.epoch(milliseconds: 1))
        let range = ReadingRange(OffsetSpecification(start: time, end: time), facts, atEnd: false)
        #expect((range.start, range.end) == (5, 5))
        #expect(range.isEmpty)
    }

    @Test func `an empty log has nothing to read`() {
        #expect(ReadingRange(OffsetSpecification(), .init(), atEnd: true).isEmpty)
    }

    @Test func `merging goes by time, then by rank`() {
        let keys = [(5, 1), (3, 2), (5, 0)].map { MergeKey(timestamp: $0.0, rank: $0.1) }.sorted()
        #expect(keys.map(\.rank) == [2, 0, 1])
    }
}
