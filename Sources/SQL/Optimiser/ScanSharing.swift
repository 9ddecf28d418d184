import Aggregation
import Formats

/// Reads a relation that stands several times in a plan once: one scan of all columns that any of
/// the places asks for, shared. Runs last, when each scan reads only what it needs. Places whose
/// watermarks differ read for themselves: rows are late by the one and not by the other.
final class ScanSharing {
    private struct Place: Hashable {
        var relation: ObjectIdentifier
        /// The watermark in words.
        var time: String
    }

    /// Of relations that are read once, the watermarks asked for.
    private var onlyTimes: [ObjectIdentifier: String] = [:]
    private var columns: [Place: Set<ScanColumn>] = [:]
    private var times: [Place: ScanTime] = [:]
    private var counts: [Place: Int] = [:]
    private var shared: [Place: SharedPlan] = [:]
    private var layouts: [Place: [ScanColumn]] = [:]
    private var seen: Set<Int> = []
    private var finished: [Int: SharedPlan] = [:]
    private var lastID: Int

    private init(_ plan: Plan) { lastID = plan.maximumID }

    static func run(_ plan: Plan) throws(SQLError) -> Plan {
        let sharing = ScanSharing(plan)
        try sharing.count(plan)
        guard sharing.counts.values.contains(where: { $0 > 1 }) else { return plan }
        return try sharing.replace(plan)
    }

    private func count(_ plan: Plan) throws(SQLError) {
        switch plan.node {
        case .scan(let relation, _) where relation.isInMemory: break
        case .scan(let relation, let scan):
            let id = try place(relation, scan)
            counts[id, default: 0] += 1
            columns[id, default: []].formUnion(scan.columns)
            if let time = scan.time, times[id] == nil {
                // Over the relation's columns until the shared layout is known.
                let columns = scan.columns
                times[id] = ScanTime(
                    time.expression.replacing { inner, _ in
                        guard case .column(let index, _) = inner else { return nil }
                        return columns[index].overRelation(relation)
                    }, delay: time.delay, idle: time.idle)
            }
        case .shared(let shared):
            if seen.insert(shared.id).inserted { try count(shared.plan) }
        default: for child in plan.children { try count(child) }
        }
    }

    private func place(_ relation: any Relation, _ scan: ScanPlan) throws(SQLError) -> Place {
        let id = ObjectIdentifier(relation)
        var text = ""
        if let time = scan.time {
            let whole = time.expression.replacing { inner, _ in
                guard case .column(let index, _) = inner else { return nil }
                return scan.columns[index].overRelation(relation)
            }
            let names = relation.columns.map(\.name)
            text = "\(whole.text(names)) \(time.delay) \(time.idle.map { "\($0)" } ?? "")"
        }
        guard relation.isReadOnce else { return Place(relation: id, time: text) }
        if !text.isEmpty, let other = onlyTimes.updateValue(text, forKey: id), other != text {
            throw SQLError(
                "\(relation.name) is read once, and so with one watermark", .featureNotSupported,
                hint: "Name the same WATERMARK wherever the query reads it.")
        }
        return Place(relation: id, time: "")
    }

    private func replace(_ plan: Plan) throws(SQLError) -> Plan {
        switch plan.node {
        case .scan(let relation, let scan):
            let id = try place(relation, scan)
            guard (counts[id] ?? 0) > 1 else { return plan }
            let source = shared(relation, id)
            let layout = layouts[id] ?? []
            let leaf = Plan.make(.shared(source), source.plan.columns)
            let list = scan.columns.map { $0.over(layout) }
            let isSame =
                list.count == layout.count
                && list.enumerated().allSatisfy { $0.element.columnIndex == $0.offset }
            var result = isSame ? leaf : leaf.projected(list, plan.columns.map(\.name))
            result = result.renamed(plan.columns.map(\.name))
            result.facts.timeColumns = plan.facts.timeColumns
            result.facts.epochUnit = plan.facts.epochUnit
            return result
        case .shared(let old):
            if let done = finished[old.id] { return plan.with(.shared(done)) }
            let done = SharedPlan(id: old.id, name: old.name, plan: try replace(old.plan))
            finished[old.id] = done
            return plan.with(.shared(done))
        default:
            return try plan.mapChildren { (child, _) throws(SQLError) in try replace(child) }
        }
    }

    private func shared(_ relation: any Relation, _ id: Place) -> SharedPlan {
        if let done = shared[id] { return done }
        let all = columns[id] ?? []
        let layout = all.filter { column in
            !all.contains {
                $0 != column && $0.index == column.index && column.path.starts(with: $0.path)
            }
        }.sorted { ($0.index, $0.path.description) < ($1.index, $1.path.description) }
        layouts[id] = layout
        var scan = ScanPlan(layout)
        scan.time = times[id].map { time in
            ScanTime(
                time.expression.replacing { inner, _ in
                    guard let (access, _) = inner.access else { return nil }
                    return ScanColumn(access.column, path: access.path, inner.type).over(layout)
                }, delay: time.delay, idle: time.idle)
        }
        let fields = layout.map { column in
            Field(column.name(in: relation), column.type)
        }
        lastID += 1
        let plan = SharedPlan(
            id: lastID, name: relation.name, plan: .make(.scan(relation, scan), fields))
        shared[id] = plan
        return plan
    }
}

extension ScanColumn {
    /// The column of a layout that holds it, or a member of one that does.
    fileprivate func over(_ layout: [ScanColumn]) -> Expression {
        for (place, column) in layout.enumerated()
        where column.index == index && path.starts(with: column.path) {
            return Expression.column(place, column.type)
                .member(Array(path.dropFirst(column.path.count)))
        }
        return .literal(.null, type)
    }

    fileprivate func overRelation(_ relation: any Relation) -> Expression {
        Expression.column(index, relation.columns[index].type).member(path)
    }

    fileprivate func name(in relation: any Relation) -> String {
        var type = relation.columns[index].type
        var name = relation.columns[index].name
        for step in path {
            guard case .record(let fields) = type, fields.indices.contains(step) else { break }
            name += "." + fields[step].name
            type = fields[step].type
        }
        return name
    }
}
