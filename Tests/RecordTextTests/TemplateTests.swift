import Bytes
import Records
import Testing

@testable import rtd

@Suite struct TemplateTests {
    private let record = PlainRecord(
        "v\u{1}", key: "key", timestamp: 1_714_558_830_123,
        headers: [.init(key: "a", value: [0x31]), .init(key: "b", value: nil)])

    private func text(_ template: String, printsNulls: Bool = false, _ records: [PlainRecord])
        throws
        -> String
    {
        var options = RecordPrinter.Options()
        options.format = .template(try RecordTemplate(template))
        options.printsNulls = printsNulls
        return try printed(records, options, offset: 41).text.text
    }

    @Test(arguments: [
        ("%t %p %o\\n", "t 2 41\n"), ("%k:%v", "key:v\u{1}"), ("%s|%S|%V|%K", "v\u{1}|2|2|3"),
        ("%T %d", "1714558830123 1714558830123"), ("%R", "\0\0\0\u{2}"),
        ("%d{%F %T}", "2024-05-01 10:20:30"), ("%d{strftime[%H:%M]}", "10:20"),
        ("%T{strftime##%Y##}", "2024"), ("%h", "a=1,b=NULL"), ("%H", "2"),
        ("%h{%k=%v;}", "a=1;b=;"),
        ("%h{[%K,%V]}", "[1,1][1,-1]"), ("%k{hex} %v{base64} %v{base64raw}", "6b6579 dgE= dgE"),
        ("%%%{%}", "%{}"), ("\\t\\x41\\\\\\0\\e", "\tA\\\0\u{1b}"), ("%K{big16}", "\0\u{3}"),
        ("%K{little32}", "\u{3}\0\0\0"), ("%K{hex8} %o{hex16}", "03 0029"), ("%K{byte}", "\u{3}"),
        ("%K{bool}", "true"), ("%e %x %y %i", "3 -1 -1 1"),
        ("%a{compression} %a{timestamp-type} %a{transactional-bit} %a{control-bit}", "none 0 0 0"),
        ("plain", "plain"),
    ])
    func `each conversion prints what it names`(template: String, expected: String) throws {
        #expect(try text(template, [record]) == expected)
    }

    @Test func `null is nothing, NULL or a length of -1`() throws {
        #expect(try text("[%k] [%v] %K %V;", [.init(nil)]) == "[] [] -1 -1;")
        #expect(try text("[%k] [%v]", printsNulls: true, [.init(nil)]) == "[NULL] [NULL]")
    }

    @Test(arguments: [
        ("%q", "there is no conversion %q"), ("%", "it ends with a percent sign"),
        ("\\", "it ends with a backslash"), ("\\q", "there is no escape \\q"),
        ("\\xg0", "\\x needs two hexadecimal digits"), ("%k{hex", "a brace is not closed"),
        ("%k{zip}", "%k{zip} is none of hex, base64, base64raw, a length"),
        ("%d{%Q}", "'%Q' is no date format of strftime"),
        (
            "%a",
            "%a needs one of {compression}, {timestamp-type}, {transactional-bit}, {control-bit}"
        ),
    ])
    func `a template that means nothing is refused`(template: String, reason: String) {
        #expect(
            throws: RecordTextError.usage("the template '\(template)' cannot be used: \(reason)")
        ) {
            try RecordTemplate(template)
        }
    }

    @Test(arguments: [
        "%k%v", "%v%o\\n", "%K%k\\n", "%h%v\\n", "%d{%F}\\n", "%e\\n", "%h{%k=%v,}\\n", "",
    ])
    func `a template that does not say where a field ends cannot be read`(template: String) throws {
        var options = RecordParser.Options()
        options.format = .template(try RecordTemplate(template))
        #expect(throws: RecordTextError.self) { _ = try parse("", options) }
    }

    private func read(_ template: String, _ input: String, step: Int = .max) throws -> Parsed {
        var options = RecordParser.Options()
        options.format = .template(try RecordTemplate(template))
        return try parse(input, options, step: step)
    }

    @Test(
        arguments: [
            (
                "%k %v\\n", "a 1\nb 2 3\nc ",
                [PlainRecord("1", key: "a"), .init("2 3", key: "b"), .init("", key: "c")]
            ),
            ("%k:%v", "a:b\nc", [.init("b\nc", key: "a")]),
            ("%K %V %k%v", "1 2 abc1 -1 x", [.init("bc", key: "a"), .init(nil, key: "x")]),
            (
                "%T;%v\\n", "5;a\n2024-05-01T10:20:30.123Z;b\n-1;c\n",
                [
                    .init("a", timestamp: 5), .init("b", timestamp: 1_714_558_830_123),
                    .init("c", timestamp: -1),
                ]
            ),
            ("%t/%p/%o/%v\\n", "x/1/2/v\n", [.init("v")]),
            ("%k{3}%v{2}", "abcdeABCDE", [.init("de", key: "abc"), .init("DE", key: "ABC")]),
            ("%v{hex},%k{base64}\\n", "6162,Yw==\n", [.init("ab", key: "c")]),
            (
                "%h %v\\n", "a=1,n v\n w\n",
                [
                    .init(
                        "v",
                        headers: [.init(key: "a", value: [0x31]), .init(key: "n", value: nil)]),
                    .init("w"),
                ]
            ),
            (
                "%H %h{%k=%v;}%v\\n", "2 a=1;b=;x\n0 y\n",
                [
                    .init(
                        "x", headers: [.init(key: "a", value: [0x31]), .init(key: "b", value: [])]),
                    .init("y"),
                ]
            ),
        ] as [(String, String, [PlainRecord])])
    func `a template reads what it prints`(template: String, input: String, records: [PlainRecord])
        throws
    {
        for step in 1...input.utf8.count {
            let parsed = try read(template, input, step: step)
            #expect(parsed.records == records, "pieces of \(step)")
            #expect(parsed.errors == [], "pieces of \(step)")
        }
    }

    @Test func `what does not fit a template is named and passed over`() throws {
        let input = "1 a\nx b\n2 c\n3"
        for step in 1...input.utf8.count {
            let parsed = try read("%T %v\\n", input, step: step)
            #expect(parsed.records == [.init("a", timestamp: 1), .init("c", timestamp: 2)])
            #expect(
                parsed.errors == [
                    "record 2: \"x\" where the template has a time",
                    "record 4: the input ends inside it",
                ])
        }
    }

    @Test func `binary templates carry any record`() throws {
        let seed: UInt64 = 99
        var random = SeededGenerator(seed: seed)
        let template = try RecordTemplate(
            "%K{big32}%V{little32}%T{big64}%H{big16}%k%v%h{%K{big32}%V{big32}%k%v}")
        var output = RecordPrinter.Options()
        output.format = .template(template)
        var input = RecordParser.Options()
        input.format = .template(template)
        for round in 0..<200 {
            let records = (0..<3).map { _ in RandomRecord.make(&random) }
            let bytes = try printed(records, output).text
            let parsed = try parse(bytes, input, step: Int.random(in: 1...80, using: &random))
            #expect(parsed.records == records, "seed \(seed), round \(round)")
            #expect(parsed.errors == [])
        }
    }

    @Test func `damaged input never traps`() throws {
        var random = SeededGenerator(seed: 1)
        let templates = [
            "%K{big32}%k%V{hex8}%v{hex}\\n", "%k{base64} %H %h{%k{2}%v,}%T|", "%V %v{base64}",
        ]
        for text in templates {
            var options = RecordParser.Options()
            options.format = .template(try RecordTemplate(text))
            options.recordBytesMax = 40
            for _ in 0..<2000 {
                let bytes = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                    Array("0123456789abcdef|,=\n \0\u{7f}".utf8).randomElement(using: &random) ?? 0
                }
                _ = try parse(bytes, options, step: Int.random(in: 1...30, using: &random))
            }
        }
    }
}

@Suite struct PartitionerTests {
    // kafka-python's and Java's murmur2 give these.
    @Test(
        arguments: [
            ("", 275_646_681), ("a", 2_731_586_172), ("ab", 316_155_434), ("abc", 479_470_107),
            ("abcd", 2_971_317_748), ("21", 3_321_034_988), ("foobar", 3_504_634_814),
            ("a-little-bit-long-string", 3_308_985_760),
            ("a-little-bit-longer-string", 2_808_662_467),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", 4_236_069_325),
            ("ключ", 2_122_343_024),
        ] as [(String, UInt32)])
    func `murmur2 is Java's`(key: String, hash: UInt32) {
        let bytes = Array(key.utf8)
        let computed = Partitioner.murmur2(bytes.rawSpan)
        #expect(computed == hash)
        let partition = Partitioner.partition(key: bytes.rawSpan, partitions: 7)
        #expect(partition == Int32(hash & 0x7fff_ffff) % 7)
    }

    @Test func `records without a key stay until a batch is full and then move on`() {
        var sticky = StickyPartitioner(seed: 1, stickyBytes: 100)
        var counts = [Int](repeating: 0, count: 4)
        var last: Int32 = -1
        for index in 0..<4000 {
            let partition = sticky.partition(size: 25, partitions: 4)
            if index % 4 == 0 { #expect(partition != last) } else { #expect(partition == last) }
            last = partition
            counts[Int(partition)] += 1
        }
        #expect(counts.allSatisfy { $0 > 700 })
        sticky.batchFinished()
        #expect(sticky.partition(size: 1, partitions: 4) != last)
        #expect(sticky.partition(size: 1, partitions: 1) == 0)
    }
}
