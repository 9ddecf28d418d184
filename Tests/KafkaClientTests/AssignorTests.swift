import Testing

@testable import KafkaClient

@Suite struct AssignorTests {
    private func member(_ id: String, _ topics: Set<String>, instance: String? = nil)
        -> Assignor.Member
    {
        Assignor.Member(id: id, instanceID: instance, topics: topics)
    }

    private func partitions(_ topic: String, _ indices: [Int32]) -> [TopicPartition] {
        indices.map { TopicPartition(topic, $0) }
    }

    @Test func `range gives neighbours, and the first members more`() {
        let shares = Assignor.range.assign(
            [member("b", ["t", "u"]), member("a", ["t"])], partitionCounts: ["t": 5, "u": 2])
        #expect(shares["a"] == partitions("t", [0, 1, 2]))
        #expect(shares["b"] == partitions("t", [3, 4]) + partitions("u", [0, 1]))
    }

    @Test func `round robin deals all topics in turn to those who want them`() {
        let shares = Assignor.roundRobin.assign(
            [member("a", ["t", "u"]), member("b", ["t"])], partitionCounts: ["t": 3, "u": 2])
        #expect(shares["a"] == partitions("t", [0, 2]) + partitions("u", [0, 1]))
        #expect(shares["b"] == partitions("t", [1]))
    }

    @Test func `static members keep their places whatever their ids`() {
        let shares = Assignor.range.assign(
            [member("z", ["t"], instance: "1"), member("a", ["t"], instance: "2")],
            partitionCounts: ["t": 2])
        #expect(shares["z"] == partitions("t", [0]))
    }

    @Test(arguments: Assignor.allCases)
    func `every partition has one owner, and an unknown topic none`(assignor: Assignor) {
        let members = (0..<7).map { member("m\($0)", $0 % 2 == 0 ? ["t", "none"] : ["t", "u"]) }
        let shares = assignor.assign(members, partitionCounts: ["t": 16, "u": 5])
        let all = shares.values.flatMap(\.self)
        #expect(Set(all).count == all.count)
        #expect(all.count == 21)
        #expect(shares.count == 7)
    }
}
