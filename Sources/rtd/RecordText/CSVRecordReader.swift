import Formats

/// Makes a JSON object of each row of CSV (RFC 4180); the first row names the members.
///
/// An unquoted field that is exactly a JSON number, `true` or `false` is written as it is, an empty
/// one as null, everything else (quoted fields too) as a string. So `007` stays text and `7`
/// becomes a number. A byte order mark is passed over, empty lines too. A row with more or fewer
/// fields than the first is an error.
struct CSVRecordReader {
    private(set) var position = 0
    private var line = 1
    private var started = false
    private var discards = false
    private var scanner = CSVRowScanner()
    /// Each column's name as JSON with its colon; nil until the first row is read.
    private var columns: [[UInt8]]?
    private let rowBytesMax: Int

    init(rowBytesMax: Int) { self.rowBytesMax = rowBytesMax }

    mutating func begin() { position = 0 }

    /// The next row as a record whose value is put into `scratch`; nil if the input holds no whole
    /// one.
    mutating func next(
        _ bytes: RawSpan, atEnd: Bool, into scratch: inout OutputBuffer
    ) throws(RecordTextError) -> ParsedRecord? {
        guard passMark(bytes, atEnd), discardLine(bytes) else { return nil }
        while true {
            let rest = bytes.extracting(position..<bytes.byteCount)
            let place = RecordPlace.line(line)
            guard let end = try scan(rest, atEnd, place) else { return nil }
            let isBlank =
                scanner.fields.count == 1 && scanner.fields[0].range.isEmpty
                && !scanner.fields[0].isQuoted
            guard end <= rowBytesMax || isBlank else {
                advance(by: end, bytes)
                throw .tooLong(place, limit: rowBytesMax)
            }
            if isBlank {
                advance(by: end, bytes)
            } else if let columns {
                scratch.removeAll()
                let valid = appendObject(columns, rest, &scratch)
                advance(by: end, bytes)
                try check(scanner.fields.count, columns.count, valid, place)
                return ParsedRecord(value: 0..<scratch.count, place: place)
            } else {
                let names = columnNames(rest)
                advance(by: end, bytes)
                guard let names else {
                    throw .invalid(place, reason: "a column name that is not UTF-8")
                }
                columns = names
            }
        }
    }

    private func check(
        _ fields: Int, _ columns: Int, _ valid: Bool, _ place: RecordPlace
    ) throws(RecordTextError) {
        guard fields == columns else {
            throw .invalid(place, reason: "\(fields) fields under \(columns) column names")
        }
        guard valid else { throw .invalid(place, reason: "a field that is not UTF-8") }
    }

    private mutating func scan(
        _ rest: RawSpan, _ atEnd: Bool, _ place: RecordPlace
    ) throws(RecordTextError) -> Int? {
        let end: Int?
        do throws(FormatError) {
            end = try scanner.scan(rest, atEnd: atEnd)
        } catch {
            scanner.reset()
            refuse(rest)
            guard case .csv(let fault, _) = error else { throw .cutOff(place) }
            throw .invalid(place, reason: "invalid CSV: \(fault)")
        }
        if end == nil, rest.byteCount > rowBytesMax {
            scanner.reset()
            refuse(rest)
            throw .tooLong(place, limit: rowBytesMax)
        }
        return end
    }

    /// Discards the first line of a row that was refused.
    private mutating func refuse(_ rest: RawSpan) {
        if let end = ByteScan.firstIndex(of: 0x0a, in: rest, from: 0) {
            position += end + 1
            line += 1
        } else {
            position += rest.byteCount
            discards = true
        }
    }

    private mutating func discardLine(_ bytes: RawSpan) -> Bool {
        guard discards else { return true }
        guard let end = ByteScan.firstIndex(of: 0x0a, in: bytes, from: position) else {
            position = bytes.byteCount
            return false
        }
        discards = false
        position = end + 1
        line += 1
        return true
    }

    private mutating func advance(by count: Int, _ bytes: RawSpan) {
        let passed = bytes.extracting(position..<position + count)
        var index = 0
        while let end = ByteScan.firstIndex(of: 0x0a, in: passed, from: index) {
            line += 1
            index = end + 1
        }
        position += count
    }

    private mutating func passMark(_ bytes: RawSpan, _ atEnd: Bool) -> Bool {
        guard !started else { return true }
        switch ByteOrderMark.check(bytes, atEnd) {
        case .unknown: return false
        case .absent: break
        case .present: position = ByteOrderMark.bytes.count
        }
        started = true
        return true
    }

    private func columnNames(_ row: RawSpan) -> [[UInt8]]? {
        var names: [[UInt8]] = []
        for field in scanner.fields {
            var text = OutputBuffer(capacity: field.range.count)
            field.decode(from: row, into: &text)
            var name = OutputBuffer(capacity: text.count + 3)
            guard name.append(jsonString: text.bytes) else { return nil }
            name.append(":")
            names.append((0..<name.count).map { name.bytes.byte(at: $0) })
        }
        return names
    }

    /// Appends the row as an object; false if a field is not UTF-8.
    private func appendObject(
        _ columns: [[UInt8]], _ row: RawSpan, _ target: inout OutputBuffer
    ) -> Bool {
        target.append("{")
        for (index, (name, field)) in zip(columns, scanner.fields).enumerated() {
            if index > 0 { target.append(",") }
            target.append(name)
            guard append(field, row, &target) else { return false }
        }
        target.append("}")
        return true
    }

    private func append(
        _ field: CSVField, _ row: RawSpan, _ target: inout OutputBuffer
    ) -> Bool {
        let text = row.extracting(field.range)
        if !field.isQuoted {
            if field.range.isEmpty {
                target.append("null")
                return true
            }
            if Self.isPlainJSON(text) {
                target.append(text)
                return true
            }
        }
        guard field.hasDoubledQuotes else { return target.append(jsonString: text) }
        var value = OutputBuffer(capacity: field.range.count)
        field.decode(from: row, into: &value)
        return target.append(jsonString: value.bytes)
    }

    /// True for exactly a number, `true` or `false`.
    private static func isPlainJSON(_ text: RawSpan) -> Bool {
        let first = text.byte(at: 0)
        guard first == 0x2d || (0x30...0x39).contains(first) || first == 0x74 || first == 0x66
        else { return false }
        var cursor = JSONCursor(text)
        guard (try? cursor.skip()) != nil else { return false }
        return cursor.position == text.byteCount
    }
}
