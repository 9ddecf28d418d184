import Records
import Testing

/// The text form of ids.
struct UUIDTests {
    @Test func `a UUID's text is Kafka's and reads back`() {
        #expect(UUID.zero.description == "AAAAAAAAAAAAAAAAAAAAAA")
        let id = UUID(high: 0x0123_4567_89ab_cdef, low: 0xfedc_ba98_7654_3210)
        #expect(id.description == "ASNFZ4mrze_-3LqYdlQyEA")
        #expect(UUID("ASNFZ4mrze_-3LqYdlQyEA") == id)
        #expect(UUID("__________________________") == nil)
        #expect(UUID("_____________________w") == UUID(high: .max, low: .max))
        #expect(UUID("ASNFZ4mrze_-3LqYdlQyEB") == nil, "bits beyond the 128th")
        #expect(UUID("ASNFZ4mrze/+3LqYdlQyEA") == nil, "another alphabet")
    }
}
