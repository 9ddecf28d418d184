import Bytes
import Formats
import Testing

@testable import ChangeDataCapture

@Suite struct PostgresAddressTests {
    private func surroundings(
        _ variables: [String: String] = [:], _ files: [String: String] = [:]
    ) -> AddressSurroundings {
        AddressSurroundings(
            variable: { variables[$0] }, passwordFile: { files[$0].map { Array($0.utf8) } })
    }

    @Test func `a URI says everything`() throws {
        let address = try PostgresAddress.parse(
            "postgresql://us%40er:p%3Ass@db.example:6000/shop?sslmode=require&application_name=x",
            surroundings())
        #expect(address.host == "db.example" && address.port == 6000 && address.user == "us@er")
        #expect(address.password == "p:ss" && address.database == "shop")
        #expect(address.tls == .require && address.applicationName == "x")
    }

    @Test func `numeric hosts, sockets and pairs are read`() throws {
        let kept = try PostgresAddress.parse(
            "dbname=d keepalives_idle=7 keepalives_count=0 tcp_user_timeout=900", surroundings())
        #expect(kept.keepAlive.isOn && kept.keepAlive.idleSeconds == 7)
        #expect(kept.keepAlive.count == nil && kept.keepAlive.unansweredMilliseconds == 900)
        #expect(kept.keepAlive.intervalSeconds == 10)
        #expect(
            try !PostgresAddress.parse("dbname=d keepalives=0", surroundings()).keepAlive.isOn)
        #expect(throws: CaptureError.self) {
            try PostgresAddress.parse("dbname=d keepalives_idle=x", surroundings())
        }
        #expect(try PostgresAddress.parse("postgres://[::1]:1/d", surroundings()).host == "::1")
        #expect(
            try PostgresAddress.parse("postgres:///d?host=/tmp/x", surroundings()).host == "/tmp/x")
        #expect(
            try PostgresAddress.parse("postgres://%2Frun%2Fpg/d", surroundings()).host == "/run/pg")
        let pairs = try PostgresAddress.parse(
            "host=h user='a b' password=it\\'s dbname = d", surroundings())
        #expect(pairs.host == "h" && pairs.user == "a b" && pairs.password == "it's")
        #expect(pairs.database == "d")
    }

    @Test func `several servers are named as for libpq`() throws {
        let places = { (text: String) throws in
            try PostgresAddress.parse(text, surroundings()).servers.map { "\($0.host) \($0.port)" }
        }
        #expect(try places("postgres://a:1,b,[::1]:3/d") == ["a 1", "b 5432", "::1 3"])
        #expect(try places("host=a,/tmp port=7 dbname=d") == ["a 7", "/tmp 7"])
        #expect(try places("host=a,b port=7,8") == ["a 7", "b 8"])
        let file = "a:*:*:*:first\nb:*:*:*:second"
        let around = surroundings(["HOME": "/h"], ["/h/.pgpass": file])
        let address = try PostgresAddress.parse(
            "postgres://u@a,b/d?target_session_attrs=read-write&hostaddr=127.0.0.1,127.0.0.2",
            around)
        #expect(address.servers.map(\.password) == ["first", "second"])
        #expect(address.servers.map(\.numericHost) == ["127.0.0.1", "127.0.0.2"])
        #expect(address.sessionTarget == .readWrite)
    }

    @Test func `services, JDBC's ssl and what cannot be done are read as by libpq`() throws {
        let file = "# a\n[other]\nhost=x\n[shop]\nhost=db\nport=7\nuser=me\n"
        let around = AddressSurroundings(
            variable: { ["HOME": "/h", "PGSERVICE": "shop", "PGPORT": "9"][$0] },
            passwordFile: { _ in nil },
            serviceFile: { $0 == "/h/.pg_service.conf" ? Array(file.utf8) : nil }, userName: "root")
        let address = try PostgresAddress.parse("postgres:///d?user=you&ssl=true", around)
        #expect(address.host == "db" && address.port == 7 && address.user == "you")
        #expect(address.tls == .require)
        let plain = try PostgresAddress.parse("dbname=d service=other", around)
        #expect(plain.host == "x" && plain.port == 9 && plain.user == "root")
        for text in [
            "service=none", "host=h ssl=maybe", "host=h gssencmode=require",
            "host=h ssl_min_protocol_version=TLSv1.3", "host=h sslcrl=/x",
        ] {
            #expect(throws: CaptureError.self) { try PostgresAddress.parse(text, around) }
        }
        let named = surroundings(["PGREQUIREPEER": "somebody"])
        #expect(throws: CaptureError.self) { try PostgresAddress.parse("postgres://h/d", named) }
    }

    @Test func `a session fits what is wanted of it`() {
        let fitting = { (isStandby: Bool, isReadOnly: Bool) in
            SessionTarget.allCases.filter { $0.fits(isStandby: isStandby, isReadOnly: isReadOnly) }
                .map(\.rawValue)
        }
        #expect(fitting(false, false) == ["any", "primary", "read-write", "prefer-standby"])
        #expect(fitting(true, true) == ["any", "standby", "read-only", "prefer-standby"])
        #expect(SessionTarget.preferStandby.rounds == [.standby, .any])
    }

    @Test func `variables fill in what the text leaves open`() throws {
        let address = try PostgresAddress.parse(
            "postgres://h",
            surroundings([
                "PGHOST": "other", "PGPORT": "5433", "PGUSER": "u", "PGDATABASE": "d",
                "PGPASSWORD": "p", "PGSSLMODE": "disable",
            ]))
        #expect(address.host == "h" && address.port == 5433 && address.user == "u")
        #expect(address.database == "d" && address.password == "p" && address.tls == .disable)
    }

    @Test func `how it is secured is said as for libpq`() throws {
        let address = try PostgresAddress.parse(
            "postgres://h/d?sslmode=verify-ca&sslrootcert=ca&sslcert=c&sslkey=k&sslpassword=p"
                + "&channel_binding=require&sslnegotiation=postgres", surroundings(["HOME": "/u"]))
        #expect(address.tls == .verifyCA && address.rootCertificate == "ca")
        #expect(address.certificate == "c" && address.key == "k" && address.keyPassword == "p")
        #expect(address.channelBinding == .require)
        #expect(address.certificateDirectory == "/u/.postgresql")
        let system = try PostgresAddress.parse("postgres://h/d?sslrootcert=system", surroundings())
        #expect(system.tls == .verifyFull)
        let attempts = { (text: String) throws in
            SecurityAttempt.all(for: try PostgresAddress.parse(text, surroundings()))
        }
        #expect(try attempts("postgres://h/d") == [.encryptedIfOffered, .plain])
        #expect(try attempts("postgres://h/d?sslmode=allow") == [.plain, .encrypted])
        #expect(try attempts("postgres://h/d?sslmode=verify-full") == [.encrypted])
        #expect(try attempts("postgres:///d?host=/tmp&sslmode=require") == [.plain])
    }

    @Test func `the database is named like its user unless it is said`() throws {
        #expect(try PostgresAddress.parse("postgres://u@h", surroundings()).database == "u")
    }

    @Test func `the password file's first line that fits has the password`() throws {
        let file = """
            # comment
            other:5432:*:u:no
            h:*:d:u:a\\:b\\\\c
            *:*:*:*:last
            """
        let around = surroundings(["HOME": "/home/u"], ["/home/u/.pgpass": file])
        #expect(try PostgresAddress.parse("postgres://u@h/d", around).password == "a:b\\c")
        #expect(try PostgresAddress.parse("postgres://v@h/d", around).password == "last")
        #expect(try PostgresAddress.parse("postgres://u:own@h/d", around).password == "own")
        let local = surroundings(["HOME": "/h"], ["/h/.pgpass": "localhost:5432:d:u:sock"])
        #expect(try PostgresAddress.parse("postgres://u@%2Ftmp/d", local).password == "sock")
    }

    @Test func `a file that was named goes before`() throws {
        let around = surroundings(["PGPASSWORD": "x"], ["/pw": "secret\r\nmore"])
        #expect(
            try PostgresAddress.parse("postgres://u@h/d", passwordFile: "/pw", around).password
                == "secret")
        #expect(throws: CaptureError.self) {
            _ = try PostgresAddress.parse("postgres://u@h/d", passwordFile: "/none", around)
        }
    }

    @Test(arguments: [
        "mysql://x", "postgres://h:0/d", "postgres://h:70000/d", "postgres://h/d?sslmode=maybe",
        "postgres://h/d?nosuch=1", "postgres://h/%zz", "postgres://h/d?x", "user='a",
        "postgres://a,b/d?port=1,2,3", "postgres://a,b/d?hostaddr=127.0.0.1", "postgres://a:x,b/d",
        "postgres://h/d?target_session_attrs=some", "postgres://h/d?load_balance_hosts=yes",
        "postgres://h/d?sslrootcert=system&sslmode=require",
        "postgres://h/d?channel_binding=maybe", "postgres://h/d?sslcrl=x",
        "postgres://h/d?sslnegotiation=direct",
    ])
    func `what cannot be an address is a usage error`(text: String) {
        #expect {
            _ = try PostgresAddress.parse(text, surroundings())
        } throws: { error in
            if case .usage? = error as? CaptureError { return true }
            return false
        }
    }
}

@Suite struct SelectionTests {
    @Test func `patterns are of schema and table, or of the table alone`() {
        let selects = { (pattern: String, schema: String, table: String) in
            TableSelection(included: [pattern]).selects(schema: schema, table: table)
        }
        #expect(selects("orders", "shop", "orders") && !selects("orders", "shop", "orders2"))
        #expect(selects("shop.*", "shop", "orders") && !selects("shop.*", "shop2", "orders"))
        #expect(selects("*.o?der*", "a", "orders") && selects("*", "a", "b"))
        #expect(!selects("a.b", "a", "bb") && selects("a*b*c", "x", "aXbYc"))
        let both = TableSelection(included: ["shop.*"], excluded: ["*_log"])
        #expect(both.selects(schema: "shop", table: "t"))
        #expect(!both.selects(schema: "shop", table: "t_log"))
        #expect(!TableSelection(excluded: ["t"]).selects(schema: "a", table: "t"))
    }

    @Test func `positions are written and read`() {
        #expect(LogSequenceNumber("16/B374D848")?.value == 0x16_B374_D848)
        #expect(LogSequenceNumber("0/0")?.description == "0/0")
        for text in ["", "1", "1/", "/1", "1/2/3", "x/1", "+1/1", "1/-1", "123456789/0"] {
            #expect(LogSequenceNumber(text) == nil)
        }
    }
}

@Suite struct CopyRowTests {
    private func tuple(_ row: String, columns: Int) -> String? {
        var output = OutputBuffer()
        let bytes = Array(row.utf8)
        guard CopyRow.append(bytes.span.bytes, columns: columns, to: &output) else { return nil }
        return RecordingSink.text(output.bytes)
    }

    @Test func `a row of COPY becomes a tuple`() {
        #expect(tuple("1\ta b\t\\N\n", columns: 3) == "1|a b|null")
        #expect(tuple("\t\n", columns: 2) == "|")
        #expect(tuple("\\t\\n\\r\\b\\f\\v\\\\\\N\tx\n", columns: 2) == "\t\n\r\u{8}\u{c}\u{b}\\N|x")
        #expect(tuple("\\\\N\n", columns: 1) == "\\N")
        #expect(tuple("\n", columns: 0) == "" && tuple("\n", columns: 1) == "")
    }

    @Test func `a row of another width is refused, and bytes at random never trap`() {
        #expect(tuple("1\t2\n", columns: 3) == nil && tuple("1\t2\n", columns: 1) == nil)
        #expect(tuple("x\n", columns: 0) == nil)
        for row in ["\\", "a\\", "a\t\\", "\\\n", "\\N\\", "\t\t\t"] {
            _ = tuple(row, columns: 2)
        }
    }
}
