import Bytes
import Testing

@Suite struct ByteReaderTests {
    @Test func `what was written is read`() throws {
        var writer = ByteWriter()
        writer.int16(-2)
        writer.int64(.min)
        writer.varint(.min)
        writer.varlong(.max)
        writer.uvarint(.max)
        writer.append(utf8: "é")
        var reader = ByteReader(writer.bytes.span)
        #expect(reader.int16() == -2)
        #expect(reader.int64() == .min)
        #expect(reader.varint() == .min)
        #expect(reader.varlong() == .max)
        #expect(reader.uvarint() == .max)
        #expect(reader.string(2) == "é")
        #expect(reader.remaining == 0)
        try reader.finish()
    }

    @Test func `past the end everything is zero and the reader says so`() {
        let bytes: [UInt8] = [1, 2, 3]
        var reader = ByteReader(bytes.span)
        #expect(reader.int32() == 0)
        #expect(reader.uint8() == 0)
        let failed = reader.failed
        #expect(failed)
    }

    @Test(arguments: [
        [0x80, 0x80, 0x80, 0x80, 0x10], [0xff, 0xff, 0xff, 0xff, 0xff, 0x01], [0x80],
    ])
    func `a number too long fails`(bytes: [UInt8]) {
        var reader = ByteReader(bytes.span)
        #expect(reader.uvarint() == 0)
        let failed = reader.failed
        #expect(failed)
    }

    @Test(arguments: [0, 1, -1, 63, -64, 64, 8_191, -8_193, Int64.max, Int64.min])
    func `the size of a varlong is told`(value: Int64) {
        var writer = ByteWriter()
        writer.varlong(value)
        #expect(writer.count == ByteWriter.varlongSize(value))
    }
}
