import Aggregation
import Formats

extension Plan {
    /// A plan with the facts that follow from its operation and its inputs. Binder and optimiser
    /// make all plans by it.
    static func make(_ node: Node, _ columns: [Field]) -> Plan {
        var facts = Facts()
        let inputs = Plan(node, columns).children.map(\.facts)
        facts.isEndless = inputs.contains { $0.isEndless }
        facts.isAppendOnly = inputs.allSatisfy { $0.isAppendOnly }
        if let first = inputs.first { facts.rows = first.rows }
        facts.epochUnit = inputs.lazy.compactMap(\.epochUnit).first
        facts.derive(node, columns)
        if facts.epochUnit != nil, facts.numberTimes(columns).isEmpty { facts.epochUnit = nil }
        return Plan(node, columns, facts)
    }

    /// A number that a row holds as its time, as the moment that it means; else nil.
    func moment(ofNumber column: Int) -> Expression? {
        guard let unit = facts.epochUnit, facts.timeColumns.contains(column) else { return nil }
        let type = columns[column].type
        return type.isTime ? nil : EpochTime.time(number: .column(column, type), unit)
    }

    func filtered(_ condition: Expression?) -> Plan {
        guard let condition, !condition.isTrue else { return self }
        return .make(.filter(self, condition), columns)
    }

    func projected(_ list: [Expression], _ names: [String]) -> Plan {
        .make(.project(self, list), zip(list, names).map { Field($1, $0.type) })
    }

    /// Objects, and arrays of them, as JSON, but for those that tell rows apart.
    public var withObjectsAsJSON: Plan {
        var isChanged = false
        let list = columnExpressions.enumerated().map { index, column -> Expression in
            guard column.type.holdsObjects, facts.key?.contains(index) != true,
                readsObjects(index)
            else { return column }
            isChanged = true
            return column.step(ReadColumn.wholeText, .json)
        }
        return isChanged ? projected(list, columns.map(\.name)) : self
    }

    /// All columns as expressions.
    var columnExpressions: [Expression] {
        columns.enumerated().map { .column($0.offset, $0.element.type) }
    }

    /// One row without columns.
    static var oneRow: Plan { .make(.values([[]]), []) }

    /// What the watermark follows, over this plan's columns, where it is no column yet but a
    /// projection may make it one.
    var scanTime: Expression? {
        switch node {
        case .scan(_, let scan): return scan.time?.expression
        case .filter(let input, _): return input.scanTime
        case .shared(let shared): return shared.plan.scanTime
        case .project(let input, let list):
            guard let time = input.scanTime else { return nil }
            if let index = list.firstIndex(where: { $0.isSame(as: time) }) {
                return .column(index, time.type)
            }
            var isWhole = true
            let moved = time.replacing { inner, _ in
                guard inner.access != nil else { return nil }
                if let index = list.firstIndex(where: { $0.isSame(as: inner) }) {
                    return .column(index, inner.type)
                }
                isWhole = false
                return inner
            }
            return isWhole ? moved : nil
        default: return nil
        }
    }
}

extension Plan.Facts {
    /// Time columns that are numbers.
    func numberTimes(_ columns: [Field]) -> [Int] {
        timeColumns.filter { columns.indices.contains($0) && !columns[$0].type.isTime }
    }

    /// Without those, where an operation gives rows later than the watermark says of them.
    private mutating func dropNumberTimes(_ columns: [Field]) {
        let numbers = numberTimes(columns)
        timeColumns.removeAll { numbers.contains($0) }
    }

    fileprivate mutating func derive(_ node: Plan.Node, _ columns: [Field]) {
        switch node {
        case .scan(let relation, let scan): scanned(relation, scan)
        case .values(let rows):
            self.rows = Double(rows.count)
            if rows.count <= 1 { key = [] }
        case .filter(let input, let condition):
            keep(input.facts)
            rows *= condition.selectivity
            // Rows leave by the clock.
            if condition.readsClock, input.facts.isEndless { isAppendOnly = false }
        case .project(let input, let list): projected(input, list)
        case .unnest(let input, _, _, _):
            timeColumns = input.facts.timeColumns
            rows *= 10
        case .window(let input, let window): windowed(input, window)
        case .aggregate(let input, let aggregate): aggregated(input, aggregate)
        case .join(let left, let right, let join): joined(left, right, join)
        case .apply(let left, let right, let kind): joined(left, right, JoinPlan(kind))
        case .over(let input, _):
            keep(input.facts)
            dropNumberTimes(columns)
            isAppendOnly = false
        case .sort(let input, let sort):
            sorted(input, sort)
            dropNumberTimes(columns)
        case .limit(let input, _, _): keep(input.facts)
        case .distinct(let input):
            timeColumns = input.facts.timeColumns
            key = input.facts.key ?? Array(columns.indices)
            rows *= 0.5
        case .union(let inputs):
            rows = inputs.reduce(0) { $0 + $1.facts.rows }
            timeColumns = columns.indices.filter { column in
                inputs.allSatisfy { $0.facts.timeColumns.contains(column) }
            }
            let units = inputs.map(\.facts.epochUnit)
            if units.contains(where: { $0 != units[0] }) { dropNumberTimes(columns) }
        case .setOperation(let kind, let all, let left, let right):
            if kind == .except { isAppendOnly = false }
            if !all { key = Array(columns.indices) }
            rows = min(left.facts.rows, right.facts.rows)
        case .shared(let shared): self = shared.plan.facts
        case .recursive, .recursion: isAppendOnly = false
        }
    }

    private mutating func keep(_ input: Plan.Facts) {
        key = input.key
        timeColumns = input.timeColumns
    }

    private mutating func scanned(_ relation: any Relation, _ scan: ScanPlan) {
        isAppendOnly = relation.isAppendOnly
        isEndless = relation.isEndless
        // How much an endless relation holds by now says nothing of what comes, and the plan of a
        // query that is kept must be the same at its next start.
        rows = relation.isEndless ? 1e6 : relation.estimatedRows.map { Double($0) } ?? 1e5
        let whole = scan.columns.map { $0.path.isEmpty ? $0.index : -1 }
        if let relationKey = relation.key {
            let positions = relationKey.compactMap { whole.firstIndex(of: $0) }
            if positions.count == relationKey.count { key = positions }
        }
        guard let time = scan.time?.expression else { return }
        if case .column(let index, _) = time {
            timeColumns = [index]
        } else if case (.column(let index, _), let unit)? = EpochTime.source(time) {
            timeColumns = [index]
            epochUnit = unit
        }
    }

    private mutating func projected(_ input: Plan, _ list: [Expression]) {
        var places: [Int: Int] = [:]
        let time = input.scanTime
        for (index, expression) in list.enumerated() {
            if case .column(let source, _) = expression {
                if places[source] == nil { places[source] = index }
                if input.facts.timeColumns.contains(source) { timeColumns.append(index) }
            } else if time?.isSame(as: expression) == true
                || input.isTimeOfNumber(expression)
            {
                timeColumns.append(index)
            }
        }
        let kept = input.facts.key?.compactMap { places[$0] }
        if let kept, kept.count == input.facts.key?.count { key = kept }
    }

    private mutating func windowed(_ input: Plan, _ window: WindowAssignment) {
        let width = input.columns.count
        timeColumns = input.facts.timeColumns
        if window.time == nil || timeColumns.contains(window.time ?? -1) {
            // The start lies before times that are still to come.
            timeColumns += [width + 1, width + 2]
        }
        switch window.kind {
        case .hop(let slide, let size, _): rows *= Double(max(1, size / max(1, slide)))
        case .cumulate(let step, let size, _): rows *= Double(max(1, size / max(1, step)))
        case .tumble, .session: key = input.facts.key
        }
    }

    private mutating func aggregated(_ input: Plan, _ aggregate: AggregatePlan) {
        isAppendOnly =
            input.facts.isAppendOnly && aggregate.window?.emitsOnClose == true
            && !aggregate.updatesLateRows
        // A constant tells no rows apart.
        key = aggregate.keys.indices.filter { !aggregate.keys[$0].isLiteral }
        if aggregate.groupingSets != nil {
            key?.append(aggregate.keys.count + aggregate.calls.count)
        }
        for index in aggregate.keysOfAllSets {
            let expression = aggregate.keys[index]
            if case .column(let column, let type) = expression, type.isTime,
                input.facts.timeColumns.contains(column)
            {
                timeColumns.append(index)
            } else if let end = aggregate.window?.end, end.isSame(as: expression) {
                timeColumns.append(index)
            }
        }
        rows = aggregate.keys.isEmpty ? 1 : max(1, rows * 0.2)
    }

    private mutating func joined(_ left: Plan, _ right: Plan, _ join: JoinPlan) {
        let width = left.columns.count
        let rightIsOne = right.isUnique(on: join.rightKeys)
        let leftIsOne = left.isUnique(on: join.leftKeys)
        timeColumns = join.keepsForEver[0] ? [] : left.facts.timeColumns
        rows = join.rows(left.facts.rows, right.facts.rows, rightIsOne: rightIsOne)
        switch join.kind {
        case .semi, .mark, .anti, .single:
            key = left.facts.key
            if join.kind != .semi { isAppendOnly = false }
            return
        case .asof, .asofLeft:
            key = left.facts.key
            dropNumberTimes(left.columns)
            return
        case .inner:
            let isOneUnit =
                left.facts.epochUnit == nil || right.facts.epochUnit == nil
                || left.facts.epochUnit == right.facts.epochUnit
            if join.keepsForEver[1] { break }
            timeColumns += right.facts.timeColumns.filter {
                isOneUnit || right.columns[$0].type.isTime
            }.map { $0 + width }
        case .left:
            if !join.isLookup { isAppendOnly = false }
        case .right, .full:
            isAppendOnly = false
            timeColumns = []
        }
        if join.isLookup { isAppendOnly = left.facts.isAppendOnly }
        let leftKey = left.facts.key
        let rightKey = right.facts.key?.map { $0 + width }
        if rightIsOne, join.kind == .inner || join.kind == .left, let leftKey {
            key = leftKey
        } else if leftIsOne, join.kind == .inner || join.kind == .right, let rightKey {
            key = rightKey
        } else if let leftKey, let rightKey, join.kind != .full {
            // Rows of a full join that one side lacks may have nulls in the other's key too.
            key = leftKey + rightKey
        }
    }

    private mutating func sorted(_ input: Plan, _ sort: SortPlan) {
        keep(input.facts)
        guard let limit = sort.limit else { return }
        isAppendOnly = false
        let columns = sort.partition.compactMap { expression -> Int? in
            if case .column(let index, _) = expression { return index }
            return nil
        }
        if case .literal(.integer(let count), _) = limit {
            rows = min(rows, sort.partition.isEmpty ? Double(count) : rows * 0.5)
            if count == 1, !sort.withTies, columns.count == sort.partition.count {
                key = columns
            }
        }
    }
}

extension Plan {
    /// Whether it is the moment of a number that the watermark speaks of.
    fileprivate func isTimeOfNumber(_ expression: Expression) -> Bool {
        guard case (.column(let column, _), _)? = EpochTime.source(expression) else { return false }
        return moment(ofNumber: column)?.isSame(as: expression) == true
    }

    /// Whether at most one row has given values of these expressions.
    func isUnique(on keys: [Expression]) -> Bool {
        guard let key = facts.key else { return false }
        let columns = keys.compactMap { expression -> Int? in
            if case .column(let index, _) = expression { return index }
            return nil
        }
        return key.allSatisfy { columns.contains($0) }
    }
}

extension JoinPlan {
    fileprivate func rows(_ left: Double, _ right: Double, rightIsOne: Bool) -> Double {
        switch kind {
        case .semi, .anti: return left * 0.5
        case .mark, .single, .asof, .asofLeft: return left
        case .inner, .left, .right, .full: break
        }
        if leftKeys.isEmpty { return left * right * (condition == nil ? 1 : 0.3) }
        return rightIsOne ? left : max(left, right)
    }
}

extension Expression {
    /// A guess of the part of rows for which the condition holds.
    var selectivity: Double {
        switch self {
        case .and(let list): list.reduce(1) { $0 * $1.selectivity }
        case .or(let list): min(1, list.reduce(0) { $0 + $1.selectivity })
        case .isIn(_, let values, _): min(0.5, 0.1 * Double(values.count))
        case .call(let function, _, _): function.name == "=" ? 0.1 : 0.33
        case .isNull: 0.1
        case .not(let inner): max(0.1, 1 - inner.selectivity)
        case .literal(.boolean(true), _): 1
        default: 0.33
        }
    }
}
