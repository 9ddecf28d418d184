/// Names as Avro takes them: letters of ASCII, digits and `_`, no digit first. What it does not
/// take is written otherwise, as Debezium does with `field.name.adjustment.mode=avro`.
public enum AvroName {
    /// Of a field: `_` for each UTF-16 unit that is not taken, and before a digit that comes first.
    public static func field(_ name: String) -> String {
        let text = adjusted(name) { _ in false }
        return startsWithDigit(text[...]) || text.isEmpty ? "_" + text : text
    }

    /// Of a record, with its namespace: parts with dots between them.
    public static func full(_ name: String) -> String {
        adjusted(name) { $0 == UInt16(UInt8(ascii: ".")) }
            .split(separator: ".", omittingEmptySubsequences: false)
            .map { $0.isEmpty || startsWithDigit($0) ? "_\($0)" : String($0) }
            .joined(separator: ".")
    }

    private static func startsWithDigit(_ text: Substring) -> Bool {
        text.utf8.first.map { (48...57).contains($0) } ?? false
    }

    private static func adjusted(_ name: String, _ takes: (UInt16) -> Bool) -> String {
        let units = name.utf16.map { unit -> UInt8 in
            switch unit {
            case 48...57, 65...90, 97...122, UInt16(UInt8(ascii: "_")):
                UInt8(truncatingIfNeeded: unit)
            default: takes(unit) ? UInt8(truncatingIfNeeded: unit) : UInt8(ascii: "_")
            }
        }
        return String(decoding: units, as: UTF8.self)
    }
}
