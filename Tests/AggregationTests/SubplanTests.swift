import Formats
import Testing

@testable import Aggregation

@Suite struct SubplanTests {
    @Test(arguments: [true, false])
    func `a recursion follows edges until nothing new comes`(_ endsFirst: Bool) throws {
        let start = TestRelation("start", [.bigint])
        let edges = TestRelation("edges", [.bigint, .bigint])
        let node = [Field("n", .bigint)]
        var join = JoinPlan(.inner)
        join.leftKeys = [.column(0, .bigint)]
        join.rightKeys = [.column(0, .bigint)]
        let step = Plan(
            .project(
                Plan(
                    .join(Plan(.recursion(id: 7), node), edges.plan, join),
                    node + edges.plan.columns),
                [.column(2, .bigint)]), node)
        let plan = Plan(.recursive(id: 7, initial: start.plan, step: step, all: false), node)
        let run = try Run(plan, isSingleStep: true)
        if endsFirst { try run.advance(start, Watermark.end) }
        try run.push(
            edges, [[1, 2], [2, 3], [3, 1], [3, 4], [9, 8]].map { $0.map { .int($0) } })
        if !endsFirst { try run.push(start, [[.int(1)]]) }
        try run.end()
        #expect(run.sink.rows == (endsFirst ? [] : [1, 2, 3, 4].map { [.int($0)] }))
        #expect(run.sink.watermark == Watermark.end)
    }

    @Test func `a dependent join runs its right side for each set of outer values`() throws {
        let left = TestRelation("l", [.bigint, .bigint])
        let right = TestRelation("r", [.bigint, .bigint])
        // The two smallest right rows above the left one's second column.
        var sort = SortPlan([SortKey(.column(1, .bigint))])
        sort.limit = .literal(.int(2), .bigint)
        let inner = Plan(
            .sort(
                Plan(
                    .filter(
                        right.plan,
                        .call(
                            lessThan, [.outer(1, depth: 1, .bigint), .column(1, .bigint)],
                            .boolean)), right.plan.columns), sort), right.plan.columns)
        let leftRows = [1, 3, 9, 1].enumerated().map { [Value.int($0), .int($1)] }
        let rightRows = (0..<6).map { [Value.int(100 + $0), .int($0)] }
        for (kind, expected) in [
            (
                JoinPlan.Kind.inner,
                [
                    [0, 1, 102, 2], [0, 1, 103, 3], [1, 3, 104, 4], [1, 3, 105, 5], [3, 1, 102, 2],
                    [3, 1, 103, 3],
                ]
            ),
            (.semi, [[0, 1], [1, 3], [3, 1]]), (.anti, [[2, 9]]),
        ] {
            let columns =
                kind == .inner ? left.plan.columns + right.plan.columns : left.plan.columns
            let run = try Run(
                Plan(.apply(left.plan, inner, kind), columns), isSingleStep: true)
            try run.push(left, leftRows)
            try run.push(right, rightRows)
            try run.end()
            #expect(run.sink.rows == expected.map { $0.map { .int($0) } })
        }
        let single = try Run(
            Plan(.apply(left.plan, inner, .single), left.plan.columns + right.plan.columns),
            isSingleStep: true)
        #expect(throws: JoinShape.manyRows) {
            try single.push(left, leftRows)
            try single.push(right, rightRows)
            try single.end()
        }
    }
}
