import Bytes
import Formats
import Records
import Testing

@testable import rtd

@Suite struct RecordPrinterTests {
    private func text(
        _ records: [PlainRecord], _ change: (inout RecordPrinter.Options) -> Void = { _ in }
    ) throws -> String {
        var options = RecordPrinter.Options()
        change(&options)
        return try printed(records, options).text.text
    }

    private let pair = [PlainRecord("v", key: "k"), PlainRecord(nil)]

    @Test func `values are printed with their delimiter`() throws {
        #expect(try text([.init("a"), .init(""), .init("b")]) == "a\n\nb\n")
        #expect(try text(pair) { $0.delimiter = [] } == "v")
        #expect(try text(pair) { $0.keyDelimiter = [0x3a, 0x3a] } == "k::v\n::\n")
        #expect(
            try text(pair) {
                $0.keyDelimiter = [9]; $0.printsNulls = true
            } == "k\tv\nNULL\tNULL\n")
        let headers = PlainRecord(
            "v", headers: [.init(key: "a", value: [0x31]), .init(key: "n", value: nil)])
        #expect(try text([headers]) { $0.printsHeaders = true } == "a=1,n=NULL\tv\n")
    }

    @Test func `length-prefixed output is read back`() throws {
        var options = RecordPrinter.Options()
        options.format = .lengthPrefixed
        let records = [PlainRecord("a\n"), PlainRecord(""), PlainRecord(nil)]
        let output = try printed(records, options).text
        var input = RecordParser.Options()
        input.format = .lengthPrefixed
        #expect(try parse(output, input).records == records)
    }

    @Test func `a terminal is not moved by control bytes`() throws {
        let record = PlainRecord(bytes: Array("a\u{1b}[2J\tb\u{7f}\u{9b}é\n".utf8) + [0xff])
        #expect(
            try text([record]) { $0.escapesControls = true }
                == "a\\x1b[2J\tb\\x7f\\xc2\\x9bé\n\\xff\n")
    }

    @Test func `JSON has its members in order`() throws {
        let record = PlainRecord(
            "v\"", key: "", timestamp: 5,
            headers: [.init(key: "h", value: [0x78]), .init(key: "h", value: nil)])
        #expect(
            try text([record, .init(bytes: [0xff], key: [0xfe])]) {
                $0.format = .json(nestsValues: false)
            }
                == #"{"topic":"t","partition":2,"offset":0,"timestamp":5,"key":"","value":"v\"","#
                + #""headers":[["h","x"],["h",null]]}"# + "\n"
                + #"{"topic":"t","partition":2,"offset":1,"timestamp":-1,"key_b64":"/g==","#
                + #""value_b64":"/w==","headers":[]}"# + "\n")
    }

    @Test func `JSON values are nested on one line if asked for`() throws {
        let lines = try text([
            .init("{ \"a\":\n 1}"), .init("no"), .init(nil), .init(bytes: [0xff]),
        ]) {
            $0.format = .json(nestsValues: true)
        }.split(separator: "\n")
        let tails = lines.map { $0.split(separator: "null,", maxSplits: 1)[1] }
        #expect(tails[0] == #""value":{"a":1},"headers":[]}"#)
        #expect(tails[1] == #""value":"no","headers":[]}"#)
        #expect(tails[2] == #""value":null,"headers":[]}"#)
        #expect(tails[3] == #""value_b64":"/w==","headers":[]}"#)
    }

    @Test func `only the wanted records of a batch are printed`() throws {
        let records = (0..<10).map { PlainRecord("\($0)") }
        func run(_ from: Int64, _ until: Int64, _ count: Int) throws -> (String, Int, Int64) {
            let (text, result) = try printed(
                records, .init(), bounds: .init(from: from, until: until, count: count), offset: 100
            )
            return (text.text.split(separator: "\n").joined(), result.count, result.nextOffset)
        }
        #expect(try run(103, .max, .max) == ("3456789", 7, 110))
        #expect(try run(0, 102, .max) == ("01", 2, 102))
        #expect(try run(105, .max, 2) == ("56", 2, 107))
        #expect(try run(108, 200, 9) == ("89", 2, 110))
        #expect(try run(105, .max, 0) == ("", 0, 105))
    }

    @Test func `a malformed batch is an error behind what could be read`() throws {
        let bytes = batch([.init("a"), .init("b")], offset: 40)
        guard let header = RecordBatchHeader(bytes.rawSpan) else { throw MalformedBytes() }
        var printer = RecordPrinter(.init())
        var target = OutputBuffer()
        var failure: RecordTextError?
        do throws(RecordTextError) {
            _ = try printer.print(
                header,
                records: bytes.rawSpan.extracting(RecordBatchHeader.size..<bytes.count - 1),
                of: RecordSource(topic: "t", partition: 0), into: &target)
        } catch {
            failure = error
        }
        let text = target.bytes.text(0..<target.count)
        #expect(failure == .malformedBatch(baseOffset: 40))
        #expect(text == "a\n")
    }

    @Test func `what consume -J prints produce -J reads back, byte for byte`() throws {
        let seed: UInt64 = 424_242
        var random = SeededGenerator(seed: seed)
        var output = RecordPrinter.Options()
        output.format = .json(nestsValues: false)
        var input = RecordParser.Options()
        input.format = .json
        for round in 0..<300 {
            let records = (0..<Int.random(in: 1...8, using: &random)).map { _ in
                RandomRecord.make(&random)
            }
            let text = try printed(records, output).text
            let parsed = try parse(text, input, step: Int.random(in: 1...200, using: &random))
            #expect(parsed.errors.isEmpty, "seed \(seed), round \(round)")
            #expect(parsed.records == records, "seed \(seed), round \(round)")
            #expect(try printed(parsed.records, output).text == text)
        }
    }
}

/// Records with all that is hard to carry in text.
enum RandomRecord {
    static func make(_ random: inout SeededGenerator) -> PlainRecord {
        var record = PlainRecord(bytes: field(&random), key: field(&random))
        record.timestamp =
            [-1, 0, 1, -5, 1_714_558_800_000, 4_102_444_800_000].randomElement(using: &random)
        let headers = (0..<Int.random(in: 0...3, using: &random)).map { _ in
            RecordHeader(
                key: ["", "h", "é\"\\\n", "\0"].randomElement(using: &random) ?? "",
                value: field(&random))
        }
        record.set(headers)
        return record
    }

    static func field(_ random: inout SeededGenerator) -> [UInt8]? {
        let count = Int.random(in: 0...20, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: return nil
        case 1: return []
        case 2: return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        case 3: return (0..<count).map { _ in UInt8.random(in: 0...0x7f, using: &random) }
        default:
            let alphabet: [Character] = [
                "a", "\"", "\\", "/", "\u{1}", "é", "€", "😀", "\n", "\u{2028}",
            ]
            let text = (0..<count).map { _ in alphabet.randomElement(using: &random) ?? "a" }
            return Array(String(text).utf8)
        }
    }
}
