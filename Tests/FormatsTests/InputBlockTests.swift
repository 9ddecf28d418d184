import Bytes
import Testing

@testable import Formats

/// Bytes that differ from a newline in one bit or by one, and newlines.
private let near: [UInt8] = [0x0a, 0x0b, 0x09, 0x8a, 0x2a, 0x0a, 0x00, 0xff, 0x1a, 0x0a, 0x20]

@Test func `a line in a block has blanks in the place of its newlines`() {
    for length in 0...40 {
        for shift in near.indices {
            let line = (0..<length).map { near[($0 + shift) % near.count] }
            let block = InputBlock(capacity: 2 * (length + 1), headroom: 0)
            for _ in 0..<2 { do { let fits = block.append(line: line.rawSpan); #expect(fits) } }
            let expected = line.map { $0 == 0x0a ? 0x20 : $0 } + [0x0a]
            #expect(block.bytes.copied() == expected + expected)
        }
    }
}

@Test func `a line that does not fit into a block leaves it as it was`() {
    let block = InputBlock(capacity: 10, headroom: 0)
    do { let fits = block.append(line: [1, 2, 3, 4].rawSpan); #expect(fits) }
    do { let fits = block.append(line: [5, 6, 7, 8, 9].rawSpan); #expect(!fits) }
    #expect(block.bytes.copied() == [1, 2, 3, 4, 0x0a])
    do { let fits = block.append(line: [5, 6, 7, 8].rawSpan); #expect(fits) }
    do { let fits = block.append(line: [UInt8]().rawSpan); #expect(!fits) }
}

@Test func `text that is not UTF-8 is repaired in a column`() {
    let builder = ColumnBuilder(.text)
    for bytes in [Array("ä€😀".utf8), [0x61, 0xff, 0x62], []] as [[UInt8]] {
        builder.append(repairing: bytes.rawSpan)
    }
    #expect(builder.finish().values == [.text("ä€😀"), .text("a\u{fffd}b"), .text("")])
}
