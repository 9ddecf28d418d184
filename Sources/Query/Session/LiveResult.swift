import Aggregation
import Formats
import SQL

// Results that a terminal shows while their input still comes.
extension PreparedQuery {
    private static let frameNanoseconds: Int64 = 250_000_000

    /// A result that would leave at the end of a pipe as changes, where what it keeps are groups:
    /// the output shows what stands, in the order of the query. Else the query itself.
    var shownLive: PreparedQuery {
        guard policy == .once, !isChangelog, emit == nil, plan.readsPipe,
            let shown = plan.withoutSort(order)
        else { return self }
        var live = self
        live.plan = shown
        live.policy = .periodic(PreparedQuery.frameNanoseconds)
        live.isChangelog = true
        if let again { live.again = { () throws(SQLError) in try again().shownLive } }
        return live
    }
}

extension Plan {
    /// The columns that the rows are ordered by, as far as they are columns of the result.
    var resultOrder: [ResultOrder] {
        switch node {
        case .sort(_, let sort):
            var order: [ResultOrder] = []
            for key in sort.keys {
                guard case .column(let column, _) = key.expression else { break }
                order.append(
                    ResultOrder(
                        column: column, isDescending: key.isDescending,
                        nullsFirst: key.nullsFirst))
            }
            return order
        case .limit(let input, _, _): return input.resultOrder
        case .project(let input, let list):
            var order: [ResultOrder] = []
            for var key in input.resultOrder {
                let place = list.firstIndex { expression in
                    if case .column(key.column, _) = expression { true } else { false }
                }
                guard let place else { break }
                key.column = place
                order.append(key)
            }
            return order
        default: return []
        }
    }

    /// Input that may be long in coming, and ends.
    fileprivate var readsPipe: Bool {
        switch node {
        case .scan(let relation, _):
            !relation.isEndless && (relation as? any SourceRelation)?.mayWait == true
        case .sort(let input, _), .filter(let input, _), .project(let input, _),
            .aggregate(let input, _):
            input.readsPipe
        default: false
        }
    }

    /// An aggregate over rows that nothing keeps, without the sort above it, whose keys `order` is;
    /// nil: it is another plan.
    fileprivate func withoutSort(_ order: [ResultOrder]) -> Plan? {
        switch node {
        case .sort(let input, let sort):
            guard sort.partition.isEmpty, !sort.withTies, !sort.appendsRowNumber,
                input.isAggregate
            else { return nil }
            if sort.limit != nil || sort.offset != nil { return self }
            return order.count == sort.keys.count ? input : nil
        case .project(let input, let list):
            guard let inner = input.withoutSort(order) else { return nil }
            var plan = self
            plan.node = .project(inner, list)
            return plan
        case .filter, .aggregate: return isAggregate ? self : nil
        default: return nil
        }
    }

    private var isAggregate: Bool {
        switch node {
        case .filter(let input, _), .project(let input, _): return input.isAggregate
        case .aggregate(let input, let aggregate):
            return aggregate.window == nil && aggregate.groupingSets == nil && input.keepsNothing
        default: return false
        }
    }

    private var keepsNothing: Bool {
        switch node {
        case .scan: true
        case .filter(let input, _), .project(let input, _): input.keepsNothing
        default: false
        }
    }
}
