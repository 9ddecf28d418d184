import ArgumentParsing
import Testing

@Suite struct UnitsTests {
    @Test(arguments: [
        ("0", 0), ("100", 100), ("64k", 64_000), ("1M", 1_000_000), ("2G", 2_000_000_000),
        ("1.5k", 1500), ("0.5M", 500_000), ("64KiB", 65536), ("1MiB", 1 << 20), ("1.5GiB", 3 << 29),
        ("10MB", 10_000_000), ("9223372036854775807", Int.max), ("7B", 7),
    ])
    func `a quantity has its unit's scale`(text: String, value: Int) throws {
        #expect(try Quantity.parse(text) == value)
    }

    @Test(arguments: [
        "", "k", "-1", "1K", "1m", "1.k", ".5k", "1.5", "1 k", "1kk", "9223372036854775808",
        "9223372036854776k", "10000000TiB", "1e3", "0x10", "1,000", "٣",
    ])
    func `anything else is not a quantity`(text: String) {
        #expect(throws: UsageError.self) { try Quantity.parse(text) }
    }

    @Test(arguments: [
        ("500ms", Duration.milliseconds(500)), ("5s", .seconds(5)), ("2m", .seconds(120)),
        ("1h", .seconds(3600)), ("1d", .seconds(86400)), ("250us", .microseconds(250)),
        ("1h30m", .seconds(5400)), ("1.5s", .milliseconds(1500)), ("0", .zero), ("0s", .zero),
        ("10ns", .nanoseconds(10)),
    ])
    func `a duration has its unit`(text: String, value: Duration) throws {
        #expect(try Duration(spelled: text) == value)
    }

    @Test(arguments: ["", "5", "s", "5 s", "-5s", "5S", "5min", "1h30", "300000d", "1.0000000001s"])
    func `anything else is not a duration`(text: String) {
        #expect(throws: UsageError.self) { try Duration(spelled: text) }
    }

    @Test func `the nearest name is within a third of its length`() {
        #expect(nearestName(to: "ofset", among: ["offset", "reset"]) == "offset")
        #expect(nearestName(to: "prodcue", among: ["produce", "consume"]) == "produce")
        #expect(nearestName(to: "x", among: ["y"]) == nil)
        #expect(nearestName(to: "con", among: ["consume", "produce"]) == "consume")
        #expect(nearestName(to: "p", among: ["partition", "produce"]) == nil)
        #expect(nearestName(to: "", among: ["a"]) == nil)
    }
}
