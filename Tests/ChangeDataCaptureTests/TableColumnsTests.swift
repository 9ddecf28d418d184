import Testing

@testable import ChangeDataCapture

@Suite struct TableColumnsTests {
    /// Columns by their numbers, each with a name and a type.
    private func look(
        _ columns: [Int: (String, UInt32)], file: String = "1", versions: [Int: UInt32] = [:],
        missing: Set<Int> = []
    ) -> TableColumns.Look {
        var look = TableColumns.Look()
        look.columns.last = columns.keys.max() ?? 0
        look.columns.file = TableColumns.hash(file)
        for (number, (name, type)) in columns {
            look.columns.columns[number] = TableColumns.Column(
                name: TableColumns.hash(name), type: TableColumns.type(type, modifier: -1),
                version: versions[number] ?? 7)
            look.names[number] = name
        }
        look.missing = missing
        return look
    }

    private let before: [Int: (String, UInt32)] = [1: ("id", 23), 2: ("v", 25)]

    private func differences(_ now: TableColumns.Look) -> (whole: String?, digest: String?) {
        let known = look(before).columns
        return (
            TableColumns.difference(now, since: known), ColumnsDigest(known).difference(now)
        )
    }

    @Test func `rows differ where columns have other names, types or values`() {
        let others: [(TableColumns.Look, String)] = [
            (look([1: ("id", 23), 2: ("w", 25)]), "w"), (look([1: ("id", 23), 2: ("v", 17)]), "v"),
            (look([1: ("id", 23), 2: ("v", 25), 3: ("c", 23)], missing: [3]), "c"),
        ]
        for (now, column) in others {
            let (whole, digest) = differences(now)
            #expect(whole == "has other columns than before (\(column))")
            #expect(digest == "has other columns than before")
        }
        for now in [
            look(before, file: "2", versions: [2: 8]),
            look([1: ("id", 23), 2: ("v", 25), 3: ("c", 23)], file: "2"),
        ] {
            let (whole, digest) = differences(now)
            #expect(whole == "was rewritten by ALTER TABLE")
            #expect(digest == "was rewritten by ALTER TABLE")
        }
    }

    @Test func `rows are the same where columns are null, or the table is written anew`() {
        for now in [
            look(before), look(before, file: "2"), look(before, versions: [1: 9]),
            look([1: ("id", 20), 2: ("v", 1_043)]),
            look([1: ("id", 23), 2: ("v", 25), 3: ("c", 23)]),
        ] {
            #expect(differences(now) == (nil, nil))
        }
    }

    @Test func `a column that comes back with the name of one that was dropped is another`() {
        var dropped = look([1: ("id", 23)])
        dropped.columns.last = 2
        #expect(differences(dropped).whole == nil)
        let known = dropped.columns.keeping(look(before).columns)
        let again = look([1: ("id", 23), 3: ("v", 25)])
        #expect(TableColumns.difference(again, since: known) != nil)
        #expect(ColumnsDigest(known).difference(again) != nil)
        let other = look([1: ("id", 23), 3: ("x", 25)])
        #expect(TableColumns.difference(other, since: known) == nil)
        #expect(ColumnsDigest(known).difference(other) == nil)
        // In one go.
        #expect(differences(again).whole == "has other columns than before (v)")
        // One that had values before it was shown.
        let shown = look([1: ("id", 23), 2: ("x", 25)])
        #expect(TableColumns.difference(shown, since: known) != nil)
    }

    @Test func `what is known is written down and read back`() {
        var columns = look(before, file: "3", versions: [1: 4_000_000_000]).columns
        columns.gone = [1, 4_000_000_000]
        columns.key = 5
        #expect(TableColumns(columns.text) == columns)
        #expect(TableColumns(TableColumns().text) == TableColumns())
        #expect(ColumnsDigest(ColumnsDigest(columns).text) == ColumnsDigest(columns))
        for other in ["", "x", "1;2;3;4", "1;2;3;a.b;"] { #expect(TableColumns(other) == nil) }
        #expect(ColumnsDigest("1;2") == nil)
    }
}
