import Testing

@testable import Formats

@Suite struct Base64Tests {
    @Test func `bytes survive base64`() throws {
        var random = SeededGenerator(seed: 3)
        for count in 0..<100 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            #expect(try decode64(encode64(bytes)) == bytes)
            #expect(try decode64(encode64(bytes, padded: false)) == bytes)
        }
    }

    @Test(arguments: [
        "A", "AA=", "AA==AA==", "A===", "AB==", "AAB=", "AA A", "AA\n=", "A-_A", "====", "=AAA",
    ])
    func `text that is no base64 is refused and leaves nothing`(text: String) {
        let bytes = Array(text.utf8)
        var buffer = OutputBuffer(capacity: 64)
        var refused = false
        do { try Base64.decode(bytes.span.bytes, into: &buffer) } catch { refused = true }
        let left = buffer.count
        #expect(refused && left == 0)
    }
}

@Suite struct ByteScanTests {
    @Test func `searches agree with a loop at every length and place`() {
        for count in 0..<50 {
            for place in 0...count {
                var bytes = [UInt8](repeating: 0x61, count: count)
                if place < count { bytes[place] = 0x0a }
                let expected = place < count ? place : nil
                #expect(find(0x0a, bytes) == expected)
                #expect(
                    find([0x0a], bytes, from: place) == expected)
                #expect(plainEnd(bytes) == expected ?? count)
                if place < count { bytes[place] = 0xc3 }
                #expect(asciiEnd(bytes) == expected ?? count)
            }
        }
    }

    @Test func `every byte ends a plain run exactly if JSON cannot hold it as it is`() {
        for value in UInt8.min...UInt8.max {
            var bytes = [UInt8](repeating: 0x7f, count: 16)
            bytes[5] = value
            let special = value < 0x20 || value >= 0x80 || value == 0x22 || value == 0x5c
            #expect(plainEnd(bytes) == (special ? 5 : 16))
        }
    }

    @Test func `a longer delimiter is found over false starts`() {
        let bytes = Array("a-a--b---".utf8)
        #expect(find(Array("--b".utf8), bytes) == 3)
        #expect(find(Array("---".utf8), bytes) == 6)
        #expect(find(Array("----".utf8), bytes) == nil)
    }
}

@Suite struct BufferTests {
    @Test(arguments: [0, 9, 10, -1, 99, 100, 12_345, Int64.max, Int64.min, 999_999_999_999_999_999])
    func `integers are written in decimal`(value: Int64) {
        #expect(decimal(value) == String(value))
        #expect(decimal(value, width: 1) == String(value))
    }

    @Test func `an input buffer keeps what was not taken`() {
        var buffer = InputBuffer(capacity: 64)
        var model: [UInt8] = []
        var random = SeededGenerator(seed: 11)
        for _ in 0..<2000 {
            let more = (0..<Int.random(in: 0..<90, using: &random)).map { UInt8($0) }
            buffer.append(more.span.bytes)
            model += more
            let taken = Int.random(in: 0...model.count, using: &random)
            buffer.removeFirst(taken)
            model.removeFirst(taken)
            let held = buffer.bytes.copiedBytes()
            #expect(held == model)
        }
    }
}

@Suite struct CSVTests {
    /// Splits `text`, which arrives in pieces of `step` bytes, as a reader would.
    private func rows(_ text: String, step: Int) throws -> [[String]] {
        var scanner = CSVRowScanner()
        var rows: [[String]] = []
        let all = Array(text.utf8)
        var held: [UInt8] = []
        var next = 0
        while true {
            while let end = try scanner.scan(held.span.bytes, atEnd: next == all.count) {
                let row = scanner.fields.map { field in
                    written { field.decode(from: held.span.bytes, into: &$0) }.text
                }
                rows.append(row)
                held.removeFirst(end)
            }
            guard next < all.count else { return rows }
            let end = min(next + step, all.count)
            held += all[next..<end]
            next = end
        }
    }

    @Test(
        arguments: [
            ("a,b\nc,d\n", [["a", "b"], ["c", "d"]]),
            ("a,b\r\n\"c\",\"d\"\r\n", [["a", "b"], ["c", "d"]]),
            ("\"a\"\"b\",\"x\ny\",\"p,q\"", [["a\"b", "x\ny", "p,q"]]), ("", []), ("\n", [[""]]),
            (",\n,", [["", ""], ["", ""]]), ("\"\"\n\"\"\"\"", [[""], ["\""]]),
            ("a\rb,c\r\n", [["a\rb", "c"]]),
            ("\"a\r\nb\"\r\nlast", [["a\r\nb"], ["last"]]), ("\"end\"\r", [["end"]]),
        ] as [(String, [[String]])])
    func `every chunking gives the same rows`(text: String, expected: [[String]]) throws {
        for step in 1...max(1, text.utf8.count) {
            #expect(try rows(text, step: step) == expected, "pieces of \(step)")
        }
    }

    @Test(arguments: [
        ("\"a", CSVFault.unclosedQuote), ("\"a\"b,c\n", .bytesBehindQuote),
        ("a\"b\n", .quoteInsideField),
        ("\"a\"\rb\n", .bytesBehindQuote),
    ])
    func `a malformed row is refused`(text: String, fault: CSVFault) {
        for step in 1...text.utf8.count {
            #expect { try rows(text, step: step) } throws: { error in
                if case .csv(fault, _)? = error as? FormatError { true } else { false }
            }
        }
    }
}

@Suite struct TimeTests {
    @Test(
        arguments: [
            ("1970-01-01", 0), ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:34:56.789Z", 951_827_696_789),
            ("2024-05-01 10:20", 1_714_558_800_000),
            ("2024-05-01T10:20:30+02:00", 1_714_551_630_000),
            ("2024-05-01T10:20:30-0330", 1_714_571_430_000), ("1969-12-31T23:59:59.999", -1),
            ("0000-01-01", -62_167_219_200_000),
            ("9999-12-31t23:59:59.999999999z", 253_402_300_799_999),
            ("2024-05-01T10:20:30,5+02", 1_714_551_630_500),
        ] as [(String, Int64)])
    func `ISO 8601 is read`(text: String, milliseconds: Int64) throws {
        #expect(try ISO8601.parse(text).milliseconds == milliseconds)
    }

    @Test(arguments: [
        "", "2024", "2024-13-01", "2024-00-01", "2023-02-29", "2024-05-01T", "2024-05-01T24:00",
        "2024-05-01T10", "2024-05-01T10:60", "2024-05-01T10:20:30.", "2024-05-01T10:20Zx",
        "2024-5-1",
        "2024-05-01T10:20+", "2024-05-01T10:20+1", "2024-05-01x",
    ])
    func `what is no date is refused`(text: String) {
        #expect(throws: FormatError.self) { try ISO8601.parse(text) }
    }

    @Test func `moments survive the calendar`() throws {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<5000 {
            let moment = Int64.random(in: -62_167_219_200_000...253_402_300_799_999, using: &random)
            #expect(CivilTime(milliseconds: moment).milliseconds == moment)
            let text = written { $0.append(iso8601: moment) }.text
            #expect(try ISO8601.parse(text).milliseconds == moment)
        }
        for moment in [Int64.min, .min + 1, .max, -1] {
            #expect(CivilTime(milliseconds: moment).milliseconds == moment)
            _ = written { $0.append(iso8601: moment) }
        }
    }

    // Written by C's strftime in the C locale.
    @Test(
        arguments: [
            (
                0,
                "Thu Thursday Jan January 19 01 01/01/70  1 1970-01-01 70 1970 Jan 00 12 "
                    + "001  0 12 00 01 AM 00:00 12:00:00 AM 00 00:00:00 4 00 01 4 00 01/01/70 "
                    + "00:00:00 70 1970 Thu Jan  1 00:00:00 1970 %"
            ),
            (
                951782400000,
                "Tue Tuesday Feb February 20 29 02/29/00 29 2000-02-29 00 2000 Feb 00 12 "
                    + "060  0 12 00 02 AM 00:00 12:00:00 AM 00 00:00:00 2 09 09 2 09 02/29/00 "
                    + "00:00:00 00 2000 Tue Feb 29 00:00:00 2000 %"
            ),
            (
                1230768000000,
                "Thu Thursday Jan January 20 01 01/01/09  1 2009-01-01 09 2009 Jan 00 12 "
                    + "001  0 12 00 01 AM 00:00 12:00:00 AM 00 00:00:00 4 00 01 4 00 01/01/09 "
                    + "00:00:00 09 2009 Thu Jan  1 00:00:00 2009 %"
            ),
            (
                1735689599000,
                "Tue Tuesday Dec December 20 31 12/31/24 31 2024-12-31 25 2025 Dec 23 11 "
                    + "366 23 11 59 12 PM 23:59 11:59:59 PM 59 23:59:59 2 52 01 2 53 12/31/24 "
                    + "23:59:59 24 2024 Tue Dec 31 23:59:59 2024 %"
            ),
            (
                -1000,
                "Wed Wednesday Dec December 19 31 12/31/69 31 1969-12-31 70 1970 Dec 23 11 "
                    + "365 23 11 59 12 PM 23:59 11:59:59 PM 59 23:59:59 3 52 01 3 52 12/31/69 "
                    + "23:59:59 69 1969 Wed Dec 31 23:59:59 1969 %"
            ),
            (
                -1195169961000,
                "Wed Wednesday Feb February 19 17 02/17/32 17 1932-02-17 32 1932 Feb 00 12 "
                    + "048  0 12 20 02 AM 00:20 12:20:39 AM 39 00:20:39 3 07 07 3 07 02/17/32 "
                    + "00:20:39 32 1932 Wed Feb 17 00:20:39 1932 %"
            ),
            (
                2529073223000,
                "Mon Monday Feb February 20 21 02/21/50 21 2050-02-21 50 2050 Feb 16 04 "
                    + "052 16  4 20 02 PM 16:20 04:20:23 PM 23 16:20:23 1 08 08 1 08 02/21/50 "
                    + "16:20:23 50 2050 Mon Feb 21 16:20:23 2050 %"
            ),
            (
                -507931607000,
                "Fri Friday Nov November 19 27 11/27/53 27 1953-11-27 53 1953 Nov 03 03 "
                    + "331  3  3 53 11 AM 03:53 03:53:13 AM 13 03:53:13 5 47 48 5 47 11/27/53 "
                    + "03:53:13 53 1953 Fri Nov 27 03:53:13 1953 %"
            ),
            (
                -1543387942000,
                "Thu Thursday Feb February 19 03 02/03/21  3 1921-02-03 21 1921 Feb 17 05 "
                    + "034 17  5 07 02 PM 17:07 05:07:38 PM 38 17:07:38 4 05 05 4 05 02/03/21 "
                    + "17:07:38 21 1921 Thu Feb  3 17:07:38 1921 %"
            ),
            (
                -1923308623000,
                "Wed Wednesday Jan January 19 20 01/20/09 20 1909-01-20 09 1909 Jan 11 11 "
                    + "020 11 11 36 01 AM 11:36 11:36:17 AM 17 11:36:17 3 03 03 3 03 01/20/09 "
                    + "11:36:17 09 1909 Wed Jan 20 11:36:17 1909 %"
            ),
            (
                3810798774000,
                "Wed Wednesday Oct October 20 04 10/04/90  4 2090-10-04 90 2090 Oct 11 11 "
                    + "277 11 11 12 10 AM 11:12 11:12:54 AM 54 11:12:54 3 40 40 3 40 10/04/90 "
                    + "11:12:54 90 2090 Wed Oct  4 11:12:54 2090 %"
            ),
            (
                1733598089000,
                "Sat Saturday Dec December 20 07 12/07/24  7 2024-12-07 24 2024 Dec 19 07 "
                    + "342 19  7 01 12 PM 19:01 07:01:29 PM 29 19:01:29 6 48 49 6 49 12/07/24 "
                    + "19:01:29 24 2024 Sat Dec  7 19:01:29 2024 %"
            ),
        ] as [(Int64, String)])
    func `strftime agrees with the C library`(milliseconds: Int64, expected: String) throws {
        let format = try StrftimeFormat(
            "%a %A %b %B %C %d %D %e %F %g %G %h %H %I %j %k %l %M %m %p %R "
                + "%r %S %T %u %U %V %w %W %x %X %y %Y %c %%")
        #expect(strftime(format, milliseconds) == expected)
    }

    @Test func `fractions and own conversions are written`() throws {
        let format = try StrftimeFormat("%s.%L %f %N %z %Z%n")
        #expect(
            strftime(format, 1_714_558_830_123)
                == "1714558830.123 123000 123000000 +0000 UTC\n")
        #expect(throws: FormatError.strftime(at: 1)) { try StrftimeFormat("x%q") }
        #expect(throws: FormatError.strftime(at: 1)) { try StrftimeFormat("x%") }
    }
}

@Suite struct ByteSearchTests {
    @Test func `the first of two bytes is found at every place`() {
        for length in 0..<40 {
            for place in 0...length {
                var text = [UInt8](repeating: 0x61, count: length)
                if place < length { text[place] = place % 2 == 0 ? 0x09 : 0x5C }
                // What stands before the start is none.
                #expect(
                    ByteScan.firstIndex(of: 0x09, or: 0x5C, in: text.span.bytes, from: 0) == place)
                if place < length {
                    #expect(
                        ByteScan.firstIndex(
                            of: 0x09, or: 0x5C, in: text.span.bytes, from: place + 1) == length)
                }
            }
        }
    }

    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"), ("\u{ff}\u{3ff}>?", "w7/Pvz4/"),
    ])
    func `the test vectors of RFC 4648 are written`(value: String, text: String) {
        let bytes = Array(value.utf8)
        #expect(encode64(bytes).text == text)
    }
}
