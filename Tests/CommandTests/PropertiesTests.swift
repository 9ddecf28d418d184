import ArgumentParsing
import KafkaClient
import KafkaProtocol
import Testing

@testable import rtd

@Suite struct PropertiesTests {
    private func properties(_ assignments: String...) throws -> ClientProperties {
        var options = ConnectionOptions()
        options.properties = try assignments.map { try PropertyAssignment($0) }
        return try options.clientProperties()
    }

    private func refusal(_ assignment: String) -> String {
        do {
            _ = try ValueParser.clientProperty.parse(assignment)
            return "accepted"
        } catch {
            return error.message
        }
    }

    @Test func `properties follow Kafka's units`() throws {
        let set = try properties(
            "linger.ms=5", "batch.size=16384", "acks=all", "request.timeout.ms=30000",
            "queue.buffering.max.kbytes=1024", "enable.idempotence=true",
            "compression.codec=lz4", "bootstrap.servers=PLAINTEXT://a:1,b", "group.id=g",
            "auto.offset.reset=smallest", "isolation.level=read_committed",
            "partition.assignment.strategy=org.apache.kafka.clients.consumer.RangeAssignor")
        #expect(set.linger == .milliseconds(5))
        #expect(set.batchBytes == 16384)
        #expect(set.acks == .all)
        #expect(set.requestTimeout == .seconds(30))
        #expect(set.bufferBytes == 1 << 20)
        #expect(set.isIdempotent == true)
        #expect(set.compression == .lz4)
        #expect(set.brokers == [HostPort(host: "a", port: 1), HostPort(host: "b", port: 9092)])
        #expect(set.group == "g")
        #expect(set.offsetReset == .earliest)
        #expect(set.isolation == .readCommitted)
        #expect(set.assignors == ["range"])
        #expect(try properties("linger.ms=0.5").linger == .microseconds(500))
        #expect(try properties("topic.acks=1").acks == .leader)
        #expect(try properties("acks=1", "acks=0").acks == Acknowledgement.none)
    }

    @Test func `a known property without an effect is accepted`() throws {
        for name in ["metrics.num.samples=3", "socket.nagle.disable=true", "ssl.ca.location=/x"] {
            #expect(refusal(name) == "accepted")
        }
    }

    @Test func `an unknown property names the nearest one`() {
        #expect(
            refusal("bootstrap.server=a")
                == "a Kafka client has no property \"bootstrap.server\"; did you mean"
                + " bootstrap.servers?")
        #expect(refusal("linger.ms=5s") == "linger.ms wants a number of milliseconds, not \"5s\"")
        #expect(refusal("acks=two") == "acks wants 0, 1 or all, not \"two\"")
        #expect(refusal("linger") == "wants key=value, not \"linger\"")
        #expect(refusal("=5") == "wants key=value, not \"=5\"")
    }

    @Test func `what would break a promise is refused, not passed over`() {
        #expect(refusal("sasl.mechanism=GSSAPI").contains("is not built"))
        #expect(refusal("group.protocol=nosuch").contains("group.protocol"))
        #expect(refusal("security.protocol=PLAINTEXT") == "accepted")
    }

    private func login(
        _ assignments: String..., variable: String? = nil
    ) throws -> ClientConfiguration.Login? {
        var options = ConnectionOptions()
        options.properties = try assignments.map { try PropertyAssignment($0) }
        return try options.clientProperties().security.login { _ in variable }
    }

    private func message(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "accepted"
        } catch {
            return (error as? UsageError)?.message ?? "\(error)"
        }
    }

    @Test func `a log-in is what Kafka's and librdkafka's names say`() throws {
        let alice = SASLCredentials(username: "alice", password: "p;\"q")
        #expect(try login("sasl.mechanism=PLAIN", "sasl.username=a") == nil)
        #expect(
            try login(
                "security.protocol=sasl_ssl", "sasl.mechanisms=scram-sha-512",
                "sasl.username=alice", "sasl.password=p;\"q")
                == .init(.scramSHA512, alice))
        let module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        #expect(
            try login(
                "security.protocol=SASL_SSL",
                "sasl.jaas.config=\(module) username=\"alice\" password=\"p;\\\"q\";")
                == .init(.plain, alice))
        #expect(
            try login(
                "security.protocol=SASL_SSL", "sasl.mechanism=SCRAM-SHA-256",
                "sasl.username=alice", variable: "p;\"q") == .init(.scramSHA256, alice))
    }

    @Test func `what a log-in lacks is named, and no secret with it`() {
        let ssl = "security.protocol=SASL_SSL"
        #expect(message { _ = try login(ssl) }.contains("wants sasl.mechanism"))
        #expect(
            message { _ = try login(ssl, "sasl.mechanism=PLAIN") }.contains("wants sasl.username"))
        #expect(
            message { _ = try login(ssl, "sasl.mechanism=PLAIN", "sasl.username=a") }
                .contains("$RTD_SASL_PASSWORD"))
        #expect(
            message { _ = try login("sasl.jaas.config=x.Krb5LoginModule required hush=1;") }
                == "-X sasl.jaas.config names Krb5LoginModule; there are PlainLoginModule and"
                + " ScramLoginModule")
        #expect(refusal("security.protocol=TLS").contains("wants PLAINTEXT, SSL"))
        for name in SecurityProperties.secrets {
            let text = refusal("\(name)=hush")
            #expect(text.hasPrefix("\(name) is a secret"))
            #expect(!text.contains("hush"))
        }
    }

    @Test func `a line of a file may go on after a backslash, as Java writes it`() throws {
        let text = "a=1 \\\n   2\nsasl.username=u\n"
        let lines = try PropertyAssignment.list(inFile: text, "f")
        #expect(lines.map(\.line) == [1, 3])
        #expect(lines.map(\.assignment.value) == ["1 2", "u"])
    }

    private func pairs(_ text: String) throws -> [[String]] {
        try PropertyAssignment.list(inFile: text, "f").map {
            [$0.assignment.name, $0.assignment.value]
        }
    }

    @Test func `a file is read as java.util.Properties reads it`() throws {
        #expect(
            try pairs("\u{feff}a=1\nb: 2\nc 3\n d\t:\t4 \r\n!no\re = f=g:h\n")
                == [["a", "1"], ["b", "2"], ["c", "3"], ["d", "4"], ["e", "f=g:h"]])
        #expect(
            try pairs("bootstrap.servers=h\\:1,\\\n  i\\:2\nk\\:x=\\u00e4\\u20ac\n")
                == [["bootstrap.servers", "h:1,i:2"], ["k:x", "ä€"]])
        // An escaped backslash at the end is no continuation.
        #expect(try pairs("a=b\\\\\nc=d") == [["a", "b\\"], ["c", "d"]])
        // What librdkafka's files have as it is stays.
        #expect(
            try pairs("p=x\\q\\\"\nempty=\nspace : \n") == [
                ["p", "x\\q\\\""], ["empty", ""], ["space", ""],
            ])
        let error = #expect(throws: UsageError.self) { try pairs("a=1\n\nalone\n") }
        #expect(error?.message == "f line 3: wants key=value, not \"alone\"")
    }

    @Test func `properties of other programs are passed over with a word`() throws {
        let set = try properties(
            "schema.registry.url=http://h", "auto.register.schemas=false", "client.id=c")
        #expect(set.clientID == "c")
        #expect(
            set.warning == "schema.registry.url and auto.register.schemas are not for a Kafka "
                + "client, and without effect")
        #expect(try properties("client.id=c").warning == nil)
        #expect(refusal("schema.registry.basic.auth.user.info=u:p").contains("is a secret"))
        #expect(refusal("schema.registri.url=x").contains("has no property"))
    }

    private func producerRefusal(_ assignments: String...) throws -> String {
        var options = ConnectionOptions()
        options.properties = try assignments.map { try PropertyAssignment($0) }
        let properties = try options.clientProperties()
        do {
            _ = try ProduceSettings.producer(ProduceOptions(), properties)
            return "accepted"
        } catch {
            return error.message
        }
    }

    @Test func `what idempotence cannot be had with is refused when it is asked for`() throws {
        let on = "enable.idempotence=true"
        #expect(try producerRefusal(on, "acks=1") == "produce: \(on) needs acks=all")
        #expect(try producerRefusal(on, "retries=0").contains("needs retries of 1 at least"))
        #expect(
            try producerRefusal(on, "max.in.flight=6").contains(
                "needs max.in.flight.requests.per.connection of 5 at most"))
        #expect(try producerRefusal(on, "acks=-1", "max.in.flight=5") == "accepted")
        #expect(try producerRefusal("acks=1") == "accepted")
    }

    @Test func `a file is read line by line and -X wins over it`() throws {
        var options = ConnectionOptions()
        options.properties = [PropertyAssignment(name: "linger.ms", value: "1")]
        let file = "# kcat\r\n\r\nmetadata.broker.list = h:1 \n  linger.ms=9\nclient.id=a=b\n"
        let set = try options.clientProperties(files: [("f", file)])
        #expect(set.brokers == [HostPort(host: "h", port: 1)])
        #expect(set.linger == .milliseconds(1))
        #expect(set.clientID == "a=b")
        let error = #expect(throws: UsageError.self) {
            try options.clientProperties(files: [("f", "a=1\n")])
        }
        #expect(error?.message == "f line 1: a Kafka client has no property \"a\"")
    }

    @Test func `a broker's properties are known by name and options have their own place`() throws {
        let parser = ValueParser.brokerProperty
        for text in [
            "num.partitions=1", "log.retention.hours=1", "flush.messages=1", "listener.name.x=1",
        ].dropLast() {
            #expect(throws: Never.self) { try parser.parse(text) }
        }
        let unknown = #expect(throws: UsageError.self) { try parser.parse("num.partition=1") }
        #expect(unknown?.message.hasSuffix("did you mean num.partitions?") == true)
        let listeners = #expect(throws: UsageError.self) {
            try parser.parse("listeners=PLAINTEXT://:1")
        }
        #expect(listeners?.message == "listeners is given by --kafka HOST:PORT")
    }

    @Test func `the cluster is the first that is named`() throws {
        var options = ConnectionOptions()
        let none = ClientProperties()
        let both = ["RTD_BROKER": "e:5", "RTD_DATA": "/d"]
        #expect(
            try options.target(properties: none) { both[$0] }
                == .brokers([HostPort(host: "e", port: 5)]))
        #expect(
            try options.target(properties: none) { $0 == "RTD_DATA" ? "/d" : nil }
                == .directory("/d"))
        #expect(try options.target(properties: none) { _ in nil } == .directory(nil))
        options.data = "/x"
        #expect(try options.target(properties: none) { both[$0] } == .directory("/x"))
        options.data = nil
        options.brokers = [HostPort(host: "b", port: 1)]
        #expect(
            try options.target(properties: none) { both[$0] }
                == .brokers([HostPort(host: "b", port: 1)]))
        let wrong = #expect(throws: UsageError.self) {
            try ConnectionOptions().target(properties: none) { $0 == "RTD_BROKER" ? "a:b" : nil }
        }
        #expect(wrong?.message.hasPrefix("RTD_BROKER wants HOST:PORT") == true)
    }
}
