import Aggregation
import Formats

@testable import SQL

/// Finds columns that an expression reads and its input does not have, or has of another type.
struct PlanValidator {
    private(set) var faults: [String] = []

    static func faults(_ plan: Plan) -> [String] {
        var validator = PlanValidator()
        validator.check(plan)
        for shared in SharedPlans(in: plan).list { validator.check(shared.plan) }
        return validator.faults
    }

    private mutating func check(_ plan: Plan) {
        for child in plan.children { check(child) }
        let inputs = plan.children.map(\.columns)
        switch plan.node {
        case .scan(let relation, let scan):
            match(plan, scan.columns.map(\.type), "scan")
            for column in scan.columns where column.index >= relation.columns.count {
                faults.append("scan of column \(column.index)")
            }
            if let time = scan.time { check(time.expression, plan.columns, "watermark") }
        case .project(_, let list):
            match(plan, list.map(\.type), "project")
            check(list, inputs[0], "project")
        case .aggregate(_, let aggregate):
            var types = aggregate.keys.map(\.type) + aggregate.calls.map(\.type)
            if aggregate.groupingSets != nil { types.append(.integer) }
            match(plan, types, "aggregate")
            check(plan.expressions, inputs[0], "aggregate")
        case .join(_, _, let join): check(plan, join, inputs)
        case .union:
            for input in inputs { match(plan, input.map(\.type), "union") }
        case .values(let rows):
            for row in rows { match(plan, row.map(\.type), "values") }
        case .window(_, let window):
            if let time = window.time, time >= inputs[0].count { faults.append("window time") }
            if plan.columns.count != inputs[0].count + 3 { faults.append("window width") }
        case .over(_, let over):
            match(plan, inputs[0].map(\.type) + over.calls.map(\.type), "over")
            check(plan.expressions, inputs[0], "over")
        case .sort(_, let sort):
            let added: [DataType] = sort.appendsRowNumber ? [.bigint] : []
            match(plan, inputs[0].map(\.type) + added, "sort")
            check(plan.expressions, inputs[0], "sort")
        case .shared(let shared): match(plan, shared.plan.columns.map(\.type), "shared")
        case .filter, .limit, .distinct:
            if let input = inputs.first { match(plan, input.map(\.type), "\(plan.node)") }
            check(plan.expressions, inputs.first ?? [], "filter")
        case .setOperation:
            for input in inputs { match(plan, input.map(\.type), "set operation") }
        case .apply: faults.append("an apply is left")
        case .unnest, .recursive, .recursion: break
        }
    }

    private mutating func check(_ plan: Plan, _ join: JoinPlan, _ inputs: [[Field]]) {
        check(join.leftKeys, inputs[0], "left key")
        check(join.rightKeys, inputs[1], "right key")
        check([join.condition].compactMap { $0 }, inputs[0] + inputs[1], "condition")
        for bound in join.bounds {
            check(bound.expression, inputs[bound.keepsLeft ? 0 : 1], "bound")
        }
        for (a, b) in zip(join.leftKeys, join.rightKeys) where a.type != b.type {
            faults.append("keys of \(a.type) and \(b.type)")
        }
        switch join.kind {
        case .semi, .anti: match(plan, inputs[0].map(\.type), "semi join")
        case .mark: match(plan, inputs[0].map(\.type) + [.boolean], "mark join")
        default: match(plan, (inputs[0] + inputs[1]).map(\.type), "join")
        }
    }

    private mutating func match(_ plan: Plan, _ types: [DataType], _ place: String) {
        let own = plan.columns.map(\.type)
        if own != types { faults.append("\(place) has \(own), computes \(types)") }
    }

    private mutating func check(_ list: [Expression], _ input: [Field], _ place: String) {
        for expression in list { check(expression, input, place) }
    }

    private mutating func check(_ expression: Expression, _ input: [Field], _ place: String) {
        switch expression {
        case .column(let index, let type):
            if index >= input.count {
                faults.append("\(place) reads column \(index) of \(input.count)")
            } else if input[index].type != type {
                faults.append("\(place) reads \(input[index].type) as \(type)")
            }
        case .outer, .subquery: faults.append("\(place) has a subquery")
        default: for child in expression.children { check(child, input, place) }
        }
    }
}
