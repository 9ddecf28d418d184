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

    @Test func `a word has zeros for what lies outside`() {
        let bytes: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8, 9]
        let reader = ByteReader(bytes.span)
        var words: [UInt64] = []
        for index in -1...9 { words.append(reader.word(at: index)) }
        #expect(words[1] == 0x0102_0304_0506_0708 && words[2] == 0x0203_0405_0607_0809)
        #expect(words[0] == 0x0001_0203_0405_0607 && words[3] == 0x0304_0506_0708_0900)
        #expect(words[9] == 0x0900_0000_0000_0000 && words[10] == 0)
        let (behind, before) = (reader.word(at: .max), reader.word(at: .min))
        #expect(behind == 0 && before == 0)
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
