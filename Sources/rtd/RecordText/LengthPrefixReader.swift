import Formats

/// Finds values that follow their length: four bytes, the highest first; -1 is a null value.
struct LengthPrefixReader: Sendable {
    /// One frame; a nil value is null.
    struct Frame { var value: Range<Int>? }

    private let recordBytesMax: Int
    private(set) var position = 0
    private var number = 0
    /// Bytes of a refused record that are still to come.
    private var discarding = 0

    init(recordBytesMax: Int) { self.recordBytesMax = recordBytesMax }

    var place: RecordPlace { .record(number) }

    mutating func begin() { position = 0 }

    /// The next frame; nil if the input holds no whole one.
    mutating func next(_ bytes: RawSpan, atEnd: Bool) throws(RecordTextError) -> Frame? {
        let passed = min(discarding, bytes.byteCount - position)
        discarding -= passed
        position += passed
        let left = bytes.byteCount - position
        guard left >= 4 else {
            guard atEnd, left > 0 else { return nil }
            number += 1
            position = bytes.byteCount
            throw .cutOff(place)
        }
        var length: UInt32 = 0
        for index in position..<position + 4 {
            length = length << 8 | UInt32(bytes.byte(at: index))
        }
        if length == .max {
            number += 1
            position += 4
            return Frame(value: nil)
        }
        guard length <= recordBytesMax else {
            number += 1
            discarding = Int(length)
            position += 4
            throw .tooLong(place, limit: recordBytesMax)
        }
        guard left - 4 >= Int(length) else {
            guard atEnd else { return nil }
            number += 1
            position = bytes.byteCount
            throw .cutOff(place)
        }
        number += 1
        let start = position + 4
        position = start + Int(length)
        return Frame(value: start..<position)
    }
}
