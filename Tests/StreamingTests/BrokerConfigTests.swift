import Testing

@testable import Streaming

/// The configs of the broker and of groups: what can be set, within what, and what it changes.
@Suite struct BrokerConfigTests {
    private func objection(_ properties: [String: String]) -> String? {
        do throws(StreamingError) {
            _ = try BrokerSettings(properties)
            return nil
        } catch {
            return error.message
        }
    }

    private func groupObjection(_ group: [String: String], _ broker: [String: String] = [:]) throws
        -> String?
    {
        let settings = try BrokerSettings(broker)
        do throws(StreamingError) {
            try GroupConfigs.check(group, settings)
            return nil
        } catch {
            return error.message
        }
    }

    @Test(arguments: [
        ("consumer.session.timeout.ms", 45_000, 60_000),
        ("consumer.heartbeat.interval.ms", 1_000, 15_000),
        ("share.session.timeout.ms", 45_000, 60_000),
        ("share.heartbeat.interval.ms", 1_000, 15_000),
        ("share.record.lock.duration.ms", 15_000, 60_000),
    ])
    func `groups set their times within the broker's bounds`(
        name: String, least: Int, most: Int
    ) throws {
        #expect(try groupObjection([name: String(least)]) == nil)
        #expect(try groupObjection([name: String(most)]) == nil)
        let (kind, time) = (name.prefix { $0 != "." }, name.drop { $0 != "." })
        let (minimum, maximum) = ("group.\(kind).min\(time)", "group.\(kind).max\(time)")
        #expect(
            try groupObjection([name: String(least - 1)])?
                .contains("must be greater than or equal to \(minimum)") == true)
        #expect(
            try groupObjection([name: String(most + 1)])?
                .contains("must be less than or equal to \(maximum)") == true)
        let bounds = [minimum: String(least - 1), maximum: String(most + 1)]
        #expect(try groupObjection([name: String(least - 1)], bounds) == nil)
        #expect(try groupObjection([name: String(most + 1)], bounds) == nil)
    }

    @Test func `a bound that nobody set gives way to the broker's own time`() throws {
        let settings = try BrokerSettings([
            "group.consumer.session.timeout.ms": "4000",
            "group.share.record.lock.duration.ms": "90000",
        ])
        #expect(settings.number("group.consumer.min.session.timeout.ms") == 4_000)
        #expect(settings.number("group.consumer.max.session.timeout.ms") == 60_000)
        #expect(settings.number("group.share.min.record.lock.duration.ms") == 15_000)
        #expect(settings.number("group.share.max.record.lock.duration.ms") == 90_000)
    }

    @Test func `a broker whose times contradict each other does not start`() {
        #expect(
            objection([
                "group.consumer.session.timeout.ms": "4000",
                "group.consumer.min.session.timeout.ms": "5000",
            ])?.contains("must be greater than or equal to") == true)
        #expect(
            objection([
                "group.share.session.timeout.ms": "50000",
                "group.share.max.session.timeout.ms": "49999",
            ])?.contains("must be less than or equal to") == true)
        #expect(
            objection([
                "group.consumer.session.timeout.ms": "4000",
                "group.consumer.heartbeat.interval.ms": "4000",
            ])?.contains("must be greater than group.consumer.heartbeat") == true)
    }

    @Test func `what Kafka lets tools set while it runs is kept, with effect or without`() throws {
        let rig = try BrokerRig()
        let values = [
            "background.threads": "9", "log.cleaner.threads": "2", "num.io.threads": "4",
            "leader.replication.throttled.rate": "1000", "max.connections.per.ip": "7",
            "sasl.kerberos.min.time.before.relogin": "58000",
        ]
        let done = rig.result {
            rig.broker.setBrokerConfigs(values, validateOnly: false, done: $0)
        }
        #expect(done?.error == nil)
        try rig.restart()
        #expect(rig.broker.brokerSettings.dynamic == values)
        let refused = rig.result {
            rig.broker.setBrokerConfigs(["num.io.threads": "0"], validateOnly: false, done: $0)
        }
        #expect(refused?.error?.code == 40)
    }

    @Test(arguments: [
        "listeners", "log.dirs", "socket.request.max.bytes", "group.max.session.timeout.ms",
        "group.share.min.session.timeout.ms", "transaction.max.timeout.ms", "node.id",
    ])
    func `what holds from the start on cannot be set later`(name: String) throws {
        let rig = try BrokerRig()
        let done = rig.result {
            rig.broker.setBrokerConfigs([name: "1000"], validateOnly: false, done: $0)
        }
        #expect(done?.error?.code == 40)
        #expect(done?.error?.message?.contains("can only be set at start") == true)
    }

    @Test func `single addresses may have connections of their own number`() throws {
        let limits = ConnectionLimits(
            try BrokerSettings([
                "max.connections.per.ip": "3",
                "max.connections.per.ip.overrides": "192.0.2.1:10, ::1:0",
            ]))
        #expect(limits.limit(of: "192.0.2.1") == 10)
        #expect(limits.limit(of: "::1") == 0)
        #expect(limits.limit(of: "192.0.2.2") == 3)
        for wrong in ["192.0.2.1", "192.0.2.1:", ":5", "192.0.2.1:-1", "192.0.2.1:x"] {
            #expect(objection(["max.connections.per.ip.overrides": wrong]) != nil)
        }
    }

    // MARK: What groups set takes effect

    @Test func `a consumer group's own session timeout holds for its members`() {
        let rig = GroupsRig { $0.consumerSessionBounds = 1_000...60_000 }
        rig.coordinator.configsOfGroup = {
            $0 == "g" ? ["consumer.session.timeout.ms": "7000"] : [:]
        }
        _ = rig.enter("a")
        _ = rig.enter("b", group: "other")
        _ = rig.pass(6_999)
        #expect(rig.described().members.map(\.memberID) == ["a"])
        _ = rig.pass(1)
        #expect(rig.described().members.isEmpty)
        #expect(rig.described("other").members.count == 1, "others have the broker's 45 s")
        _ = rig.pass(45_000 - 7_000)
        #expect(rig.described("other").members.isEmpty)
    }

    @Test func `a session timeout that is changed holds from the next heartbeat on`() {
        let rig = GroupsRig { $0.consumerSessionBounds = 1_000...60_000 }
        _ = rig.enter("a")
        rig.coordinator.configsOfGroup = { _ in ["consumer.session.timeout.ms": "2000"] }
        _ = rig.pass(10_000)
        #expect(rig.described().members.count == 1)
        _ = rig.heartbeat("a", 1)
        _ = rig.pass(2_000)
        #expect(rig.described().members.isEmpty)
    }

    @Test func `what a group has set outside of the bounds counts as the nearest bound`() {
        let rig = GroupsRig { $0.consumerSessionBounds = 10_000...20_000 }
        rig.coordinator.configsOfGroup = {
            ["consumer.session.timeout.ms": $0 == "g" ? "1" : "1000000"]
        }
        _ = rig.enter("a")
        _ = rig.enter("b", group: "other")
        _ = rig.pass(9_999)
        #expect(rig.described().members.count == 1)
        _ = rig.pass(1)
        #expect(rig.described().members.isEmpty)
        _ = rig.pass(9_999)
        #expect(rig.described("other").members.count == 1)
        _ = rig.pass(1)
        #expect(rig.described("other").members.isEmpty)
    }
}
