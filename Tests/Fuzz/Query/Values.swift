import Formats

private let types: [DataType] = [
    .boolean, .smallint, .integer, .bigint, .real, .double, .numeric(precision: nil, scale: 0),
    .numeric(precision: 9, scale: 3), .text, .varchar(5), .char(5), .bytea, .uuid, .json, .jsonb,
    .date, .time, .timestamp, .timestamptz, .interval, .array(.integer), .array(.text),
    .array(.array(.jsonb)), .record([Field("a", .integer), Field("b", .array(.text))]),
]

/// The text of a value; the first byte chooses its type. What is read is written, and read again
/// gives the same text. Zone files and formats of times are read here too.
func fuzzText(_ bytes: RawSpan) {
    guard bytes.byteCount > 1 else { return }
    let all = bytes.withUnsafeBytes { Array($0) }
    let (chosen, data) = (Int(all[0]), Array(all[1...]))
    guard chosen != 255 else { return fuzzZone(data) }
    // Texts of columns and of statements are UTF-8.
    let text = String(decoding: data, as: UTF8.self)
    if chosen == 254 { return fuzzStrftime(text) }
    let type = types[chosen % types.count]
    guard let value = try? TypeText.parse(text, as: type) else { return }
    guard let shown = TypeText.text(value, type) else {
        precondition(value.isNull, "a value of \(type) has no text")
        return
    }
    guard let again = try? TypeText.parse(shown, as: type) else {
        fatalError("\(shown) was written as \(type) and cannot be read")
    }
    precondition(TypeText.text(again, type) == shown, "\(shown) as \(type) changes on the way")
}

private func fuzzZone(_ data: [UInt8]) {
    guard let zone = TimeZoneFile.parse(data, name: "fuzz") else { return }
    let settings = TextSettings(timeZone: zone)
    for seconds in [Int64.min / 4_000_000, -5_000_000_000, 0, 1_700_000_000, 9_000_000_000] {
        _ = TypeText.text(.integer(seconds * 1_000_000), .timestamptz, settings)
    }
    _ = try? TypeText.parse("2024-03-31 02:30:00", as: .timestamptz, settings)
}

private func fuzzStrftime(_ text: String) {
    guard let format = try? StrftimeFormat(text) else { return }
    for milliseconds in [Int64.min, -1, 0, 1_700_000_000_123, Int64.max] {
        var buffer = OutputBuffer(capacity: 64)
        format.append(milliseconds: milliseconds, to: &buffer)
    }
}
