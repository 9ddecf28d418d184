import Formats
import Testing

@testable import SQL

func parse(_ text: String) throws(SQLError) -> [Statement] {
    var parser = try Parser(Array(text.utf8))
    var statements: [Statement] = []
    while let statement = try parser.next() { statements.append(statement) }
    return statements
}

func parseError(_ text: String) -> SQLError? {
    do {
        _ = try parse(text)
        return nil
    } catch {
        return error
    }
}

/// What a statement says, without places; made to be compared.
private func summary(_ statement: Statement) -> String {
    func pairs(_ options: [OptionAssignment]) -> String {
        options.map { "\($0.name.text)=\($0.value)" }.joined(separator: ",")
    }
    func number(_ literal: IntegerLiteral?) -> String { literal.map { "\($0.value)" } ?? "-" }
    guard case .administration(let statement) = statement else { return statement.tag }
    switch statement {
    case .showTopics(let all): return "topics \(all)"
    case .showGroups: return "groups"
    case .showConfigs(.topic(let name)): return "configs of \(name.text)"
    case .showConfigs(.broker(let node)): return "configs of broker \(number(node))"
    case .describeTopic(let name): return "describe \(name.text)\(name.isQuoted ? " quoted" : "")"
    case .describeGroup(let name): return "describe group \(name.text)"
    case .createTopic(let name, let ifNotExists, let options):
        return "create \(name.text) \(ifNotExists) \(pairs(options))"
    case .alterTopic(let name, let ifExists, let change):
        switch change {
        case .set(let options): return "alter \(name.text) \(ifExists) set \(pairs(options))"
        case .reset(let names):
            return "alter \(name.text) \(ifExists) reset \(names.map(\.text))"
        case .addPartitions(let count):
            return "alter \(name.text) \(ifExists) add \(count.value)"
        }
    case .dropTopics(let names, let ifExists): return "drop \(names.map(\.text)) \(ifExists)"
    case .dropGroups(let names, let ifExists): return "drop groups \(names.map(\.text)) \(ifExists)"
    case .resetOffsets(let reset):
        let place: String
        switch reset.target {
        case .earliest: place = "earliest"
        case .latest: place = "latest"
        case .timestamp(let text, _): place = "timestamp \(text)"
        case .offset(let offset): place = "offset \(offset.value)"
        }
        let topic = reset.topic?.text ?? "-"
        return "reset \(reset.group.text) \(place) \(topic) \(number(reset.partition))"
    case .deleteRecords(let deletion):
        let bound = number(deletion.before)
        return "delete \(deletion.topic.text) \(number(deletion.partition)) before \(bound)"
    }
}

@Suite struct ParserTests {
    @Test(arguments: [
        ("show topics", "topics false"),
        ("SHOW ALL TOPICS;", "topics true"),
        ("SHOW GROUPS", "groups"),
        ("SHOW CONFIGS", "configs of broker -"),
        ("SHOW CONFIGS FOR t", "configs of t"),
        ("SHOW CONFIGS FOR TOPIC a.b.c", "configs of a.b.c"),
        ("SHOW CONFIGS FOR BROKER", "configs of broker -"),
        ("SHOW CONFIGS FOR BROKER 2", "configs of broker 2"),
        ("SHOW CONFIGS FOR topic", "configs of topic"),
        ("DESCRIBE Orders", "describe Orders"),
        ("DESC TOPIC \"my-topic\"", "describe my-topic quoted"),
        ("DESCRIBE order", "describe order"),
        ("DESCRIBE group", "describe group"),
        ("DESCRIBE GROUP \"my-group\"", "describe group my-group"),
        ("CREATE TOPIC t", "create t false "),
        (
            "CREATE TOPIC IF NOT EXISTS t WITH (partitions = 4, 'retention.ms' = -1, "
                + "cleanup.policy = compact, \"x.y\" => 'a b', z = 0.5)",
            "create t true partitions=4,retention.ms=-1,cleanup.policy=compact,x.y=a b,z=0.5"
        ),
        ("ALTER TOPIC t SET (partitions = 8)", "alter t false set partitions=8"),
        ("ALTER TOPIC IF EXISTS t RESET ('a.b', c.d)", "alter t true reset [\"a.b\", \"c.d\"]"),
        ("ALTER TOPIC t ADD PARTITIONS 3", "alter t false add 3"),
        ("DROP TOPIC a, b", "drop [\"a\", \"b\"] false"),
        ("DROP TOPIC IF EXISTS a", "drop [\"a\"] true"),
        ("DROP GROUP IF EXISTS g, h", "drop groups [\"g\", \"h\"] true"),
        ("ALTER GROUP g RESET OFFSETS TO EARLIEST", "reset g earliest - -"),
        ("alter group g reset offsets to latest for t", "reset g latest t -"),
        (
            "ALTER GROUP g RESET OFFSETS TO TIMESTAMP '2025-06-01' FOR TOPIC t PARTITION 2",
            "reset g timestamp 2025-06-01 t 2"
        ),
        ("ALTER GROUP g RESET OFFSETS TO OFFSET 42 FOR TOPIC t", "reset g offset 42 t -"),
        ("ALTER GROUP g RESET OFFSETS TO 42", "reset g offset 42 - -"),
        ("DELETE FROM t WHERE _offset < 10 AND _partition = 1", "delete t 1 before 10"),
        ("DELETE FROM t WHERE _offset <= 10", "delete t - before 11"),
    ])
    func `a statement is read`(text: String, expected: String) throws {
        #expect(try parse(text).map(summary) == [expected])
    }

    @Test func `statements are separated by semicolons`() throws {
        let text = ";; SHOW TOPICS; -- one\nDESCRIBE t /* two */ ;\n"
        #expect(try parse(text).map(summary) == ["topics false", "describe t"])
        #expect(try parse(" -- nothing").isEmpty)
    }

    @Test(arguments: [
        ("FOO", "syntax error at or near \"FOO\"", 0),
        ("SHOW", "syntax error at end of input", 4),
        ("SHOW TOPICS x", "syntax error at or near \"x\"", 12),
        ("SHOW TOPICS SHOW GROUPS", "syntax error at or near \"SHOW\"", 12),
        ("DESCRIBE ;", "syntax error at or near \";\"", 9),
        ("DESCRIBE my-topic", "syntax error at or near \"-\"", 11),
        ("CREATE TOPIC", "syntax error at end of input", 12),
        ("CREATE TOPIC t WITH partitions = 4", "syntax error at or near \"partitions\"", 20),
        ("CREATE TOPIC t WITH ()", "syntax error at or near \")\"", 21),
        ("CREATE TOPIC t WITH (a = 1,)", "syntax error at or near \")\"", 27),
        ("CREATE TOPIC t WITH (a 1)", "syntax error at or near \"1\"", 23),
        ("CREATE TOPIC t WITH (a = )", "syntax error at or near \")\"", 25),
        ("CREATE TOPIC t WITH (a = 1, a = 2)", "option \"a\" is given more than once", 28),
        ("ALTER TOPIC t", "syntax error at end of input", 13),
        ("ALTER TOPIC t ADD PARTITIONS x", "syntax error at or near \"x\"", 29),
        ("DROP TOPIC a b", "syntax error at or near \"b\"", 13),
        ("ALTER GROUP g RESET OFFSETS TO SOON", "syntax error at or near \"SOON\"", 31),
        ("DELETE t", "syntax error at or near \"t\"", 7),
        ("123", "syntax error at or near \"123\"", 0),
    ])
    func `a syntax error names the token`(text: String, message: String, position: Int) {
        let error = parseError(text)
        #expect(error?.message == message)
        #expect(error?.state == .syntaxError)
        #expect(error?.place?.lowerBound == position)
    }

    @Test(arguments: [
        ("SUBSCRIBE t", "SUBSCRIBE is not supported yet", 0),
        (" LOCK t", "LOCK is not supported yet", 1),
        (
            "CREATE MATERIALIZED VIEW v AS SELECT 1 WITH NO DATA",
            "CREATE MATERIALIZED VIEW WITH NO DATA is not supported yet", 39
        ),
        ("DROP EXTENSION v", "DROP EXTENSION is not supported yet", 0),
        ("CREATE SINK s AS SELECT 1", "CREATE SINK is not supported yet", 0),
        ("ALTER INDEX i RENAME TO j", "ALTER INDEX is not supported yet", 0),
        ("ALTER SYSTEM SET x = 1", "ALTER SYSTEM is not supported yet", 0),
        ("SHOW SINKS", "SHOW SINKS is not supported yet", 0),
        ("SELECT * FROM t TABLESAMPLE bernoulli (1)", "TABLESAMPLE is not supported yet", 16),
        ("SELECT * FROM t MATCH_RECOGNIZE (", "MATCH_RECOGNIZE is not supported yet", 16),
        ("COPY t FROM PROGRAM 'x'", "COPY FROM PROGRAM is not supported yet", 12),
        ("COPY (SUBSCRIBE t) TO STDOUT", "SUBSCRIBE is not supported yet", 6),
        ("EXPLAIN TRUNCATE t", "EXPLAIN of TRUNCATE is not supported yet", 8),
        ("EXPLAIN CREATE TABLE t (a int)", "EXPLAIN of CREATE TABLE is not supported yet", 8),
        ("GRANT ALL ON t TO u", "GRANT is not supported yet", 0),
        ("DELETE FROM t WHERE _offset > 1", "this condition is not supported by DELETE", 20),
    ])
    func `a statement of later is refused as such`(text: String, message: String, position: Int) {
        let error = parseError(text)
        #expect(error?.message == message)
        #expect(error?.state == .featureNotSupported)
        #expect(error?.place?.lowerBound == position)
    }

    @Test func `a name that needs quotes is shown in quotes`() {
        for text in ["DESCRIBE my-topic.v1", "DROP TOPIC my-topic.v1", "DESCRIBE a, my-topic.v1"]
        where text != "DESCRIBE a, my-topic.v1" {
            let hint = parseError(text)?.hint
            #expect(hint == "A name with such characters is quoted: \"my-topic.v1\".")
        }
        let hint = parseError("DESCRIBE 2024-orders")?.hint
        #expect(hint == nil || hint?.contains("\"2024-orders\"") == true)
        #expect(parseError("DROP TOPIC 't'")?.hint == "Names are written in double quotes: \"t\".")
    }

    @Test func `a clause in the wrong place brings the order of clauses`() {
        let hint = parseError("SELECT 1 LIMIT 2 WHERE true")?.hint
        #expect(hint?.hasPrefix("The order is FROM, WHERE") == true)
    }

    @Test func `a mistyped keyword brings what could stand there`() {
        #expect(parseError("DESRIBE t")?.candidates.contains("DESCRIBE") == true)
        #expect(parseError("DESRIBE t")?.typed == "DESRIBE")
    }

    @Test func `statements before an error are read`() throws {
        var parser = try Parser(Array("SHOW TOPICS; FOO".utf8))
        #expect((try parser.next()).map(summary) == "topics false")
        #expect(throws: SQLError.self) { try parser.next() }
    }

    @Test func `a number that no bigint holds is out of range`() {
        let error = parseError("ALTER TOPIC t ADD PARTITIONS 99999999999999999999")
        #expect(error?.state == .numericValueOutOfRange)
        #expect(error?.place?.lowerBound == 29)
    }

    @Test func `a list has a limit`() {
        let names = (0...Limits.optionsMax).map { "a\($0) = 1" }.joined(separator: ",")
        #expect(parseError("CREATE TOPIC t WITH (\(names))")?.state == .programLimitExceeded)
    }
}

@Suite struct HostileInputTests {
    private static let seed: UInt64 = 0x5EED_51

    @Test func `no text makes the parser trap or go round for ever`() {
        var random = SeededGenerator(state: HostileInputTests.seed)
        let pieces = [
            "SHOW", "TOPICS", "DESCRIBE", "CREATE", "TOPIC", "IF", "NOT", "EXISTS", "WITH", "(",
            ")", ",", "=", "=>", ";", "'a'", "'", "\"a\"", "\"", "$$", "$a$", "E'\\", "\\u12",
            "U&'\\00", "/*", "*/", "--", "\n", "1", "1e", "0x", ".", "..", "-", "a", "é", "\0",
            "\u{FEFF}", "ALTER", "GROUP", "RESET", "OFFSETS", "TO", "TIMESTAMP", "FOR",
            "PARTITION", "DELETE", "FROM", "WHERE", "_offset", "<", "9223372036854775808", "AND",
            "DROP", "SET", "ADD", "PARTITIONS",
        ]
        for round in 0..<20_000 {
            var text: [UInt8] = []
            for _ in 0..<Int.random(in: 0..<14, using: &random) {
                let piece = pieces.randomElement(using: &random) ?? ""
                text.append(contentsOf: Array(piece.utf8))
                if Bool.random(using: &random) { text.append(0x20) }
            }
            if Int.random(in: 0..<20, using: &random) == 0, !text.isEmpty {
                let index = Int.random(in: 0..<text.count, using: &random)
                text[index] = UInt8.random(in: 0...255, using: &random)
            }
            #expect(countOrError(text) <= text.count, "seed \(HostileInputTests.seed), \(round)")
        }
    }

    @Test func `every place an error names lies in the script`() {
        let text = Array("CREATE TOPIC é WITH ('a' = E'\\u00e9', \"b\" = $$x$$) /* y */".utf8)
        for end in 0...text.count { _ = countOrError(Array(text[..<end])) }
        for index in text.indices {
            for byte: UInt8 in [0x00, 0x27, 0x22, 0x24, 0x5C, 0x80, 0xC3, 0xFF] {
                var changed = text
                changed[index] = byte
                _ = countOrError(changed)
            }
        }
    }

    /// The statements before the first error, whose place must be in the script.
    private func countOrError(_ text: [UInt8]) -> Int {
        var count = 0
        do {
            var parser = try Parser(text)
            while try parser.next() != nil { count += 1 }
        } catch {
            let place = error.place ?? 0..<0
            #expect(place.lowerBound >= 0 && place.upperBound <= text.count)
            #expect(SourceExcerpt(text, at: place.lowerBound).line >= 1)
        }
        return count
    }
}

/// SplitMix64.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
