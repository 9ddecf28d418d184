import ArgumentParsing
import Testing

@testable import rtd

@Suite struct OffsetSpecificationTests {
    private static func time(_ milliseconds: Int64) -> OffsetSpecification.Bound {
        .time(.epoch(milliseconds: milliseconds))
    }

    private static func ago(_ seconds: Int64) -> OffsetSpecification.Bound {
        .time(.beforeNow(.seconds(seconds)))
    }

    static let accepted: [(String, OffsetSpecification)] = [
        ("beginning", .init(start: .beginning)), ("start", .init(start: .beginning)),
        ("earliest", .init(start: .beginning)), ("end", .init(start: .end)),
        ("latest", .init(start: .end)), ("stored", .init(start: .stored)),
        ("0", .init(start: .offset(0))), ("5", .init(start: .offset(5))),
        ("-5", .init(start: .beforeEnd(5))), ("+5", .init(start: .afterBeginning(5))),
        ("3:7", .init(start: .offset(3), end: .offset(7))), ("3:", .init(start: .offset(3))),
        (":7", .init(end: .offset(7))), (":end", .init(end: .end)),
        ("beginning:end", .init(start: .beginning, end: .end)),
        ("-5:end", .init(start: .beforeEnd(5), end: .end)),
        ("@1700000000000", .init(start: time(1_700_000_000_000))),
        ("@1700000000", .init(start: time(1_700_000_000_000))),
        ("@1700000000123456789", .init(start: time(1_700_000_000_123))),
        ("@2024-02-29", .init(start: time(1_709_164_800_000))),
        ("@2024-02-29T12:30", .init(start: time(1_709_209_800_000))),
        ("@2024-02-29T12:30:15.25Z", .init(start: time(1_709_209_815_250))),
        ("@2024-02-29T12:30:15+01:30", .init(start: time(1_709_204_415_000))),
        ("@-48h", .init(start: ago(172_800))),
        ("@-48h:-24h", .init(start: ago(172_800), end: ago(86_400))),
        ("@-1m:end", .init(start: ago(60), end: .end)),
        ("@:-1h", .init(end: ago(3600))), ("@-2h:30m", .init(start: ago(7200), end: ago(5400))),
        ("@2024-02-29:1h", .init(start: time(1_709_164_800_000), end: time(1_709_168_400_000))),
        (
            "@2024-02-29T12:30:2024-02-29T12:31",
            .init(start: time(1_709_209_800_000), end: time(1_709_209_860_000))
        ),
        ("s@1000000000000", .init(start: time(1_000_000_000_000))),
        ("e@1000000000001", .init(end: time(1_000_000_000_001))),
        ("@1969-12-31T23:59:59Z", .init(start: time(-1000))),
    ]

    @Test(arguments: accepted)
    func `each spelling has its meaning`(text: String, meaning: OffsetSpecification) throws {
        #expect(try OffsetSpecification(text) == meaning)
    }

    @Test(arguments: [
        "", ":", "x", "5x", "7:3", "3:stored", "1:2:3", "@", "@:", "@x", "@2023-02-29",
        "@2024-13-01", "@2024-02-29T25:00", "@48h", "s@", "--5", "99999999999999999999", "@5:x",
        "@12345678901234567890",
    ])
    func `anything else is refused`(text: String) {
        #expect(throws: UsageError.self) { try OffsetSpecification(text) }
    }

    @Test func `the two ends of kcat's time span may be two options`() throws {
        let options = try consume("t", "-o", "s@1000000000000", "-o", "e@2000000000000")
        #expect(
            options.offset
                == OffsetSpecification(
                    start: Self.time(1_000_000_000_000), end: Self.time(2_000_000_000_000)))
        #expect(throws: UsageError.self) { try consume("t", "-o", "5", "-o", "6") }
        #expect(try consume("t", "-o", "-5").offset.start == .beforeEnd(5))
    }

    @Test func `a time ago is counted from now`() {
        #expect(TimePoint.beforeNow(.seconds(2)).milliseconds(now: 10_000) == 8000)
        #expect(TimePoint.epoch(milliseconds: 5).milliseconds(now: 10_000) == 5)
    }
}

func consume(_ arguments: String...) throws -> ConsumeOptions {
    guard case .run(let options) = try ConsumeOptions.command.parse(arguments) else {
        throw UsageError("help")
    }
    return options
}
