import PostgresProtocol

// A transaction that is cut off by a lost connection comes a second time from its first message on,
// and its changes are told apart by their numbers: all that has a number must come again, and
// nothing else.
extension ChangeAssembler {
    struct Passage {
        var commit = LogSequenceNumber(0)
        /// What tables were when it began, where it has announced others; nil: unknown.
        var earlier: [UInt32: Entry?] = [:]
        /// What it has made of them, in this order; and that of a passage before.
        var made: [UInt32: [Entry]] = [:]
        var madeBefore: [UInt32: [Entry]] = [:]
        var renamedTables: Set<UInt32> = []
        /// Whether the output had rows of a table that was to be emptied.
        var decisions: [Bool] = []
        /// What of the output's rows was not what the tables had.
        var alterations: [Alteration?] = []
    }

    func begin(passageOf commit: LogSequenceNumber) {
        if commit != passage.commit { passage = Passage(commit: commit) }
        passage.earlier = [:]
        passage.made = [:]
        passage.renamedTables = renamedTables
    }

    /// What the stream says of a table from here on: as it was told when it said so before.
    func made(_ relation: LogicalRelation, _ table: CapturedTable, isSelected: Bool) -> Entry {
        let oid = relation.oid
        guard pending != nil else { return Entry(relation, table, isSelected: isSelected) }
        var entry = Entry(relation, table, isSelected: isSelected)
        if let again = passage.madeBefore[oid]?.first, isSame(again.relation, relation) {
            passage.madeBefore[oid]?.removeFirst()
            if again.table.key == table.key { entry = again }
        }
        if passage.earlier[oid] == nil { passage.earlier[oid] = .some(entries[oid]) }
        passage.made[oid, default: []].append(entry)
        return entry
    }

    /// The transaction was cut off: tables are again what they were at its begin.
    func takeBackTables() {
        for (oid, entry) in passage.earlier { entries[oid] = entry }
        renamedTables = passage.renamedTables
        passage.madeBefore = passage.made.merging(passage.madeBefore) { $0 + $1 }
        passage.made = [:]
        passage.earlier = [:]
        recent = nil
    }

    /// Whether rows that the output has are not what the table has, when it was first announced.
    func wasAltered(
        _ table: CapturedTable, isFirst: Bool
    ) throws(CaptureError) -> Alteration? {
        guard let place = pending?.altered else { return nil }
        pending?.altered = place + 1
        if place < passage.alterations.count { return passage.alterations[place] }
        let found = try alteration(table, isFirst)
        passage.alterations.append(found)
        return found
    }

    /// Whether this was said of the transaction in a passage before.
    var isDecided: Bool { (pending?.decided ?? 0) < passage.decisions.count }

    /// Whether the output had rows of a table before this transaction emptied it.
    func wasHeld(_ table: CapturedTable) -> Bool {
        guard let place = pending?.decided else { return isHeld(table) }
        pending?.decided = place + 1
        if place < passage.decisions.count { return passage.decisions[place] }
        let isHeld = isHeld(table)
        passage.decisions.append(isHeld)
        return isHeld
    }
}
