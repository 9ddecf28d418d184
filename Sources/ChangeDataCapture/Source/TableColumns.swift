import Bytes

/// What the catalog says of a table's columns, as far as it tells whether rows that an output has
/// from before look as they do in the table now. ALTER TABLE gives the rows that are there other
/// names and values, and the stream says nothing of them.
struct TableColumns: Equatable {
    struct Column: Equatable {
        /// Hashes of its name, and of what its values look like: its type, and of that the
        /// modifier where it counts.
        var name: UInt32
        var type: UInt32
        /// `pg_attribute.xmin`: another one when anything of it was changed.
        var version: UInt32
    }

    /// Those that are published, by `pg_attribute.attnum`.
    var columns: [Int: Column] = [:]
    /// The highest number that was ever given.
    var last = 0
    /// Of the files that have the rows: another one when they were written anew.
    var file: UInt32 = 0
    /// Of what tells rows apart in the output.
    var key: UInt32 = 0
    /// Names of columns that were dropped: rows that an output has may have them.
    var gone: Set<UInt32> = []

    /// A look at the catalog.
    struct Look {
        var columns = TableColumns()
        /// Columns which rows have that are older: from an ADD COLUMN with a default.
        var missing: Set<Int> = []
        var names: [Int: String] = [:]
        /// REPLICA IDENTITY FULL.
        var carriesAll = false
    }

    static func hash(_ text: String) -> UInt32 { CRC32C.checksum(Array(text.utf8)) }

    /// Types whose values have the same text are the same.
    static func type(_ oid: UInt32, modifier: Int32) -> UInt32 {
        switch oid {
        case 20, 21, 23: hash("int")
        case 25, 1_043: hash("text")
        // The scale.
        case 1_700: hash("numeric \(modifier < 0 ? -1 : (modifier - 4) & 0x7FF)")
        default: hash("\(oid) \(modifier)")
        }
    }
}

// What is compared.
extension TableColumns {
    /// Why rows from the time of `known` differ from what they are now; nil if they do not.
    static func difference(_ look: Look, since known: TableColumns) -> String? {
        let now = look.columns
        var named: [Int] = []
        var isTouched = false
        let gone = now.namesGone(since: known)
        for (number, column) in now.columns {
            guard let old = known.columns[number] else {
                isTouched = true
                // One that was generated before, say, has had values then.
                let hasValues = number <= known.last || look.missing.contains(number)
                if hasValues || gone.contains(column.name) { named.append(number) }
                continue
            }
            if (old.name, old.type) != (column.name, column.type) { named.append(number) }
            if old.version != column.version { isTouched = true }
        }
        return reason(look, named, isRewritten: isTouched && now.file != known.file)
    }

    private static func reason(_ look: Look, _ named: [Int], isRewritten: Bool) -> String? {
        guard !named.isEmpty else { return isRewritten ? "was rewritten by ALTER TABLE" : nil }
        let names = named.sorted().prefix(5).compactMap { look.names[$0] }
        return "has other columns than before (\(names.joined(separator: ", "))"
            + (named.count > names.count ? ", ...)" : ")")
    }

    /// What is to be known when rows from the time of `known` stay as they are.
    func keeping(_ known: TableColumns) -> TableColumns {
        keeping(gone: namesGone(since: known))
    }

    private func namesGone(since known: TableColumns) -> Set<UInt32> {
        known.gone.union(known.columns.filter { columns[$0.key] == nil }.map(\.value.name))
    }

    func keeping(_ known: ColumnsDigest) -> TableColumns { keeping(gone: known.gone) }

    private func keeping(gone: Set<UInt32>) -> TableColumns {
        var next = self
        next.gone = gone.subtracting(columns.values.map(\.name))
        return next
    }
}

// What is written down where it is changed with each of them: all of it.
extension TableColumns {
    var text: String {
        let parts = columns.sorted { $0.key < $1.key }.map { number, column in
            [UInt32(truncatingIfNeeded: number), column.name, column.type, column.version]
                .map(Self.short).joined(separator: ".")
        }
        return [
            "\(last)", Self.short(file), Self.short(key), parts.joined(separator: ","),
            gone.sorted().map(Self.short).joined(separator: ","),
        ].joined(separator: ";")
    }

    init?(_ text: String) {
        let parts = text.split(separator: ";", omittingEmptySubsequences: false)
        guard parts.count == 5, let last = Int(parts[0]), let file = UInt32(parts[1], radix: 36),
            let key = UInt32(parts[2], radix: 36)
        else { return nil }
        self.last = last
        self.file = file
        self.key = key
        for part in parts[3].split(separator: ",") {
            let words = part.split(separator: ".").compactMap { UInt32($0, radix: 36) }
            guard words.count == 4 else { return nil }
            columns[Int(words[0])] = Column(name: words[1], type: words[2], version: words[3])
        }
        gone = Self.names(parts[4])
    }

    fileprivate static func short(_ number: some BinaryInteger) -> String {
        String(number, radix: 36)
    }

    fileprivate static func names(_ list: Substring) -> Set<UInt32> {
        Set(list.split(separator: ",").compactMap { UInt32($0, radix: 36) })
    }
}

/// The same in a few bytes, for what is written with each cut: it tells columns that were added
/// from other changes, and no more.
struct ColumnsDigest: Equatable {
    private let last: Int
    private let sum: UInt64
    private let versions: UInt64
    private let file: UInt32
    let key: UInt32
    let gone: Set<UInt32>

    init(_ columns: TableColumns) {
        last = columns.last
        sum = Self.sum(columns.columns)
        versions = Self.versions(columns.columns)
        file = columns.file
        key = columns.key
        gone = columns.gone
    }

    var text: String {
        [
            "\(last)", TableColumns.short(sum), TableColumns.short(versions),
            TableColumns.short(file), TableColumns.short(key),
            gone.sorted().map(TableColumns.short).joined(separator: ","),
        ].joined(separator: ";")
    }

    init?(_ text: String) {
        let parts = text.split(separator: ";", omittingEmptySubsequences: false)
        guard parts.count == 6, let last = Int(parts[0]), let sum = UInt64(parts[1], radix: 36),
            let versions = UInt64(parts[2], radix: 36), let file = UInt32(parts[3], radix: 36),
            let key = UInt32(parts[4], radix: 36)
        else { return nil }
        self.key = key
        self.last = last
        self.sum = sum
        self.versions = versions
        self.file = file
        gone = TableColumns.names(parts[5])
    }

    /// As `TableColumns.difference`; after a DROP COLUMN it says that there may be one.
    func difference(_ look: TableColumns.Look) -> String? {
        let now = look.columns.columns
        let old = now.filter { $0.key <= last }
        let new = now.filter { $0.key > last }
        guard Self.sum(old) == sum else { return "has other columns than before" }
        if new.contains(where: { look.missing.contains($0.key) || gone.contains($0.value.name) }) {
            return "has other columns than before"
        }
        let isTouched = !new.isEmpty || Self.versions(old) != versions
        return isTouched && look.columns.file != file ? "was rewritten by ALTER TABLE" : nil
    }

    private static func sum(_ columns: [Int: TableColumns.Column]) -> UInt64 {
        columns.reduce(0) { sum, one in
            sum &+ mixed(one.key, UInt64(one.value.name) << 32 | UInt64(one.value.type))
        }
    }

    private static func versions(_ columns: [Int: TableColumns.Column]) -> UInt64 {
        columns.reduce(0) { $0 &+ mixed($1.key, UInt64($1.value.version)) }
    }

    /// The last step of SplitMix64.
    private static func mixed(_ number: Int, _ value: UInt64) -> UInt64 {
        var mixed = value &+ UInt64(truncatingIfNeeded: number) &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
