import Testing

@testable import Formats

/// Reads all rows of a reader whose input comes in pieces.
func readAll(_ reader: any RowReader, _ text: String, cuts: [Int] = []) throws -> [[Value]] {
    let bytes = Array(text.utf8)
    var rows: [[Value]] = []
    var start = 0
    var pieces = cuts.sorted().filter { $0 > 0 && $0 < bytes.count } + [bytes.count]
    while true {
        switch try reader.next() {
        case .rows(let batch): rows += (0..<batch.count).map { batch.row($0) }
        case .misfit(let misfit): reader.coerce(misfit)
        case .needsInput:
            guard !pieces.isEmpty else {
                guard let rest = try reader.flush() else { return rows }
                switch rest {
                case .rows(let batch): rows += (0..<batch.count).map { batch.row($0) }
                case .misfit(let misfit): reader.coerce(misfit)
                case .needsInput: Issue.record("flush asks for input")
                }
                continue
            }
            let end = pieces.removeFirst()
            reader.supply(InputBlock(Array(bytes[start..<end])), isLast: pieces.isEmpty)
            start = end
        }
    }
}

private func values(_ count: Int) -> [ReadColumn] {
    (0..<count).map { .value(field: $0, path: []) }
}

@Suite struct CSVReaderTests {
    private let text = """
        id,name,price,seen\r
        1,"Smith, ""Jo""\",1.5,2024-05-01 10:00:00\r
        2,,2,\r

        3,"two
        lines",-3e2,2024-05-02 00:00:00
        """

    private func sample(_ text: String, header: Bool? = nil) -> CSVSampler {
        let sampler = CSVSampler(
            separator: 0x2c, hasHeader: header, wanted: nil, rowsMin: 1000)
        sampler.observe(InputBlock(Array(text.utf8)), isLast: true)
        return sampler
    }

    @Test func `names and types come from the first rows`() {
        let sampler = sample(text)
        #expect(sampler.hasHeader == true)
        #expect(
            sampler.schema.fields == [
                Field("id", .bigint), Field("name", .text), Field("price", .double),
                Field("seen", .timestamp),
            ])
    }

    @Test func `without a header the columns are numbered`() {
        let sampler = sample("1,a\n007,b\n")
        #expect(sampler.hasHeader == false)
        #expect(sampler.schema.fields == [Field("column1", .text), Field("column2", .text)])
    }

    @Test func `any cut of the input gives the same rows`() throws {
        let fields = sample(text).schema.fields
        let expected: [[Value]] = [
            [.integer(1), .text("Smith, \"Jo\""), .double(1.5), .integer(1_714_557_600_000_000)],
            [.integer(2), .null, .double(2), .null],
            [
                .integer(3), .text("two\nlines"), .double(-300),
                .integer(1_714_608_000_000_000),
            ],
        ]
        for cut in 0..<text.utf8.count {
            let reader = CSVReader(
                fields: fields, columns: values(4), separator: 0x2c, hasHeader: true,
                name: "f.csv", skipsErrors: false)
            #expect(try readAll(reader, text, cuts: [cut, cut + 3]) == expected, "cut \(cut)")
        }
    }

    @Test func `a row with another number of fields is named`() throws {
        func reader(_ skips: Bool) -> CSVReader {
            CSVReader(
                fields: [Field("a", .bigint), Field("b", .bigint)], columns: values(2),
                separator: 0x2c, hasHeader: true, name: "f.csv", skipsErrors: skips)
        }
        let text = "a,b\n1,2\n3\n4,5\n"
        let error = #expect(throws: SQLError.self) { try readAll(reader(false), text) }
        #expect(
            error?.message
                == "f.csv line 3: 2 fields expected, 1 found: \"3\" (--on-error skip goes on)")
        #expect(
            try readAll(reader(true), text) == [
                [.integer(1), .integer(2)], [.integer(4), .integer(5)],
            ])
    }
}

extension CSVReaderTests {
    @Test func `a broken row is passed over to the end of its line, wherever the input is cut`()
        throws
    {
        let text = "a,b\n1,x\n\"2\"3,\"y\",\"z\n4,w\n"
        for cut in 0..<text.utf8.count {
            let reader = CSVReader(
                fields: [Field("a", .bigint), Field("b", .text)], columns: values(2),
                separator: 0x2c, hasHeader: true, name: "f.csv", skipsErrors: true)
            #expect(
                try readAll(reader, text, cuts: [cut, cut + 3]) == [
                    [.integer(1), .text("x")], [.integer(4), .text("w")],
                ], "cut \(cut)")
            #expect(reader.brokenRows == 1)
        }
    }
}

extension CSVReaderTests {
    @Test func `a skipped row at the end of a full batch does not end the input`() throws {
        var text = "a,d\n"
        for row in 1...2_060 { text += "\(row),\(row % 2_048 == 0 ? "n/a" : "2024-01-01")\n" }
        let reader = CSVReader(
            fields: [Field("a", .bigint), Field("d", .date)], columns: values(2),
            separator: 0x2c, hasHeader: true, name: "f.csv", skipsErrors: true)
        let rows = try readAll(reader, text)
        #expect(rows.count == 2_059)
        #expect(reader.brokenRows == 1)
    }

    @Test func `the last rows are told of a value that cannot be converted`() throws {
        let text = "d\n2024-01-01\nn/a\n2024-01-05\n"
        let reader = CSVReader(
            fields: [Field("d", .date)], columns: values(1), separator: 0x2c, hasHeader: true,
            name: "f.csv", skipsErrors: false)
        let error = #expect(throws: SQLError.self) { try readAll(reader, text) }
        #expect(
            error?.message
                == "f.csv line 3, column \"d\": invalid input syntax for type date: \"n/a\"")
    }
}

@Suite struct LineFormatTests {
    @Test func `lines are numbered`() throws {
        let text = "one\r\n\nthree"
        for cut in 0..<text.utf8.count {
            let reader = LineReader(columns: values(2), name: "x", skipsErrors: false)
            #expect(
                try readAll(reader, text, cuts: [cut]) == [
                    [.text("one"), .integer(1)], [.text(""), .integer(2)],
                    [.text("three"), .integer(3)],
                ])
        }
    }

    @Test func `logfmt has names, quoted values and flags`() throws {
        let text = """
            level=info msg="hello \\"world\\"" took=12 cached
            took=13.5 level=warn
            """
        let sampler = LogfmtSampler(wanted: nil, rowsMin: 10)
        sampler.observe(InputBlock(Array(text.utf8)), isLast: true)
        let fields = sampler.schema.fields
        #expect(
            fields == [
                Field("level", .text), Field("msg", .text), Field("took", .double),
                Field("cached", .boolean),
            ])
        let reader = LogfmtReader(
            fields: fields, columns: values(4), name: "x", skipsErrors: false)
        #expect(
            try readAll(reader, text) == [
                [.text("info"), .text("hello \"world\""), .double(12), .boolean(true)],
                [.text("warn"), .null, .double(13.5), .null],
            ])
    }

    @Test func `the format is told by the first lines`() {
        func sniff(_ text: String) -> SniffedFormat? {
            SniffedFormat.detect(InputBlock(Array(text.utf8)), isLast: true)
        }
        #expect(sniff("{\"a\":1}\n") == .json)
        #expect(sniff(" [1,2]\n") == .json)
        #expect(sniff("12\n13\n") == .json)
        #expect(sniff("a,b\n1,2\n") == .csv(separator: 0x2c))
        #expect(sniff("a;b\n1,5;2\n3,2;1\n") == .csv(separator: 0x3b))
        #expect(sniff("a\tb, c\n1\t2\n") == .csv(separator: 0x09))
        #expect(sniff("level=info msg=x\n") == .logfmt)
        #expect(sniff("plain words\nmore of them here\n") == .lines)
    }
}
