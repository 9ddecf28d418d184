import Bytes
import Testing

@testable import Formats

/// Bytes that differ from a newline in one bit or by one, and newlines.
private let near: [UInt8] = [0x0a, 0x0b, 0x09, 0x8a, 0x2a, 0x0a, 0x00, 0xff, 0x1a, 0x0a, 0x20]

/// Apart, since an expectation cannot hold a span.
private func fits(_ line: [UInt8], into block: InputBlock) -> Bool {
    block.append(line: line.rawSpan)
}

@Test func `a line in a block has blanks in the place of its newlines`() {
    for length in 0...40 {
        for shift in near.indices {
            let line = (0..<length).map { near[($0 + shift) % near.count] }
            let block = InputBlock(capacity: 2 * (length + 1), headroom: 0)
            for _ in 0..<2 { #expect(fits(line, into: block)) }
            let expected = line.map { $0 == 0x0a ? 0x20 : $0 } + [0x0a]
            #expect(block.bytes.copied() == expected + expected)
        }
    }
}

@Test func `a line that does not fit into a block leaves it as it was`() {
    let block = InputBlock(capacity: 10, headroom: 0)
    #expect(fits([1, 2, 3, 4], into: block))
    #expect(!fits([5, 6, 7, 8, 9], into: block))
    #expect(block.bytes.copied() == [1, 2, 3, 4, 0x0a])
    #expect(fits([5, 6, 7, 8], into: block))
    #expect(!fits([UInt8](), into: block))
}

@Test func `text that is not UTF-8 is repaired in a column`() {
    let builder = ColumnBuilder(.text)
    for bytes in [Array("ä€😀".utf8), [0x61, 0xff, 0x62], []] as [[UInt8]] {
        builder.append(repairing: bytes.rawSpan)
    }
    #expect(builder.finish().values == [.text("ä€😀"), .text("a\u{fffd}b"), .text("")])
}

/// Apart, since an expectation cannot hold a span.
private func append(
    _ lines: [Range<Int>], of source: [UInt8], to block: InputBlock
) -> Int {
    let starts = lines.map { Int32($0.lowerBound) }
    let counts = lines.map { Int32($0.count) }
    return block.append(lines: starts.span, counts.span, of: source.rawSpan)
}

@Test func `many lines are appended as one by one, as many as there is room for`() {
    let source = (0..<300).map { near[$0 % near.count] }
    var lines: [Range<Int>] = []
    for length in [0, 1, 7, 8, 15, 16, 17, 31, 32, 33, 64, 100] {
        for start in [0, 3, 300 - length] { lines.append(start..<start + length) }
    }
    for capacity in [0, 1, 40, 200, 1_000, 2_000] {
        let (single, many) = (
            InputBlock(capacity: capacity, headroom: 0), InputBlock(capacity: capacity, headroom: 0)
        )
        var fitting = 0
        while fitting < lines.count, fits(Array(source[lines[fitting]]), into: single) {
            fitting += 1
        }
        #expect(append(lines, of: source, to: many) == fitting)
        #expect(many.bytes.copied() == single.bytes.copied())
    }
    #expect(append([], of: [], to: InputBlock(capacity: 8, headroom: 0)) == 0)
}
