import Formats
import SQL

/// A script of SQL: every error names a place in it, and statements end.
func fuzzSQL(_ bytes: RawSpan) {
    let script = bytes.withUnsafeBytes { Array($0) }
    do throws(SQLError) {
        var parser = try Parser(script)
        var last = 0
        while let statement = try parser.next() {
            last += statement.tag.isEmpty ? 0 : 1
            precondition(last <= script.count, "a statement takes at least one byte")
        }
    } catch {
        let place = error.place ?? 0..<0
        precondition(place.upperBound <= script.count, "an error lies in the script")
    }
}

/// A regular expression up to the first line break, and a text behind it.
func fuzzRegex(_ bytes: RawSpan) {
    let all = bytes.withUnsafeBytes { Array($0) }
    let end = all.firstIndex(of: 0x0A) ?? all.count
    let pattern = String(decoding: all[..<end], as: UTF8.self)
    guard let expression = try? RegularExpression(pattern) else { return }
    // Texts of columns are UTF-8.
    let text = Array(String(decoding: all[min(end + 1, all.count)...], as: UTF8.self).utf8)
    text.withUnsafeBytes { text in
        let matches = expression.matches(text)
        precondition(matches == expression.find(text), "a match is there or not")
        guard matches else { return }
        for (start, end) in zip(expression.starts, expression.ends) where start >= 0 {
            precondition(start <= end && end <= text.count, "a group lies in the text")
        }
    }
}
