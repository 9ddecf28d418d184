import Aggregation
import Formats

@testable import SQL

/// Relations without rows, for binding.
final class TestRelation: Relation {
    let name: String
    let columns: [RelationColumn]
    let time: TimeDeclaration?
    let isEndless: Bool
    let isAppendOnly = true
    let key: [Int]?
    let estimatedRows: Int?

    init(
        _ name: String, _ columns: [(String, DataType)], hidden: [String] = [],
        time: TimeDeclaration? = nil, isEndless: Bool = false, key: [Int]? = nil,
        rows: Int? = nil
    ) {
        self.name = name
        self.columns = columns.map {
            RelationColumn($0.0, $0.1, isHidden: hidden.contains($0.0))
        }
        self.time = time
        self.isEndless = isEndless
        self.key = key
        estimatedRows = rows
    }
}

final class TestCatalog: Catalog {
    var entries: [String: CatalogEntry] = [:]
    private(set) var wanted: Set<String>?

    func relation(
        _ reference: RelationReference, wanted: Set<String>?
    ) throws(SQLError) -> CatalogEntry {
        self.wanted = wanted
        switch reference.kind {
        case .name(let parts):
            let name = parts.map(\.text).joined(separator: ".")
            guard let entry = entries[name] ?? entries[name.lowercased()] else {
                throw SQLError(
                    "relation \"\(name)\" does not exist", .undefinedRelation,
                    at: reference.place)
            }
            if reference.isStream, case .relation(let relation) = entry,
                let relation = relation as? TestRelation
            {
                return .relation(
                    TestRelation(
                        relation.name, relation.columns.map { ($0.name, $0.type) },
                        time: relation.time, isEndless: true, key: relation.key))
            }
            return entry
        case .literal(let name), .function(let name, _, _):
            throw SQLError("no file \(name)", .undefinedFile, at: reference.place)
        }
    }

    /// Runs the CREATE statements of a script.
    func define(_ script: String) throws(SQLError) {
        var parser = try Parser(Array(script.utf8))
        while let statement = try parser.next() {
            switch statement {
            case .createView(let view):
                entries[view.name.text] = .view(
                    name: view.name.text, columns: view.columns, view.query)
            case .createTable(let table):
                guard case .relation(let base)? = entries["_" + table.name.text] else { continue }
                entries[table.name.text] = .derived(base, table)
            default: break
            }
        }
    }

    /// The tables that most tests use.
    static func standard() -> TestCatalog {
        let catalog = TestCatalog()
        catalog.add(
            TestRelation(
                "t", [("a", .integer), ("b", .bigint), ("c", .text), ("d", .double)], rows: 1000))
        catalog.add(
            TestRelation("u", [("a", .integer), ("x", .text), ("y", .anyNumeric)], rows: 100))
        catalog.add(
            TestRelation(
                "k", [("id", .integer), ("name", .text), ("v", .integer)], key: [0], rows: 10))
        catalog.add(
            TestRelation(
                "e", [("ts", .timestamp), ("k", .integer), ("v", .integer), ("_offset", .bigint)],
                hidden: ["_offset"], time: TimeDeclaration(column: 0, delay: 5_000_000)))
        for (name, unit) in [("n", EpochUnit.byMagnitude), ("ns", .nanoseconds)] {
            catalog.add(
                TestRelation(
                    name, [("ts", .bigint), ("k", .integer), ("f", .double)],
                    time: TimeDeclaration(column: 0, unit: unit, delay: 5_000_000),
                    isEndless: true))
        }
        catalog.add(
            TestRelation(
                "s",
                [
                    ("id", .integer),
                    (
                        "r",
                        .record([
                            Field("x", .integer), Field("Y", .text),
                            Field("z", .record([Field("p", .double)])),
                        ])
                    ), ("tags", .array(.text)), ("doc", .jsonb),
                ]))
        return catalog
    }

    func add(_ relation: TestRelation) { entries[relation.name] = .relation(relation) }
}

/// The plan of a query as EXPLAIN shows it.
func explain(
    _ text: String, _ catalog: TestCatalog = .standard(), facts: Bool = false,
    optimised: Bool = true
) throws(SQLError) -> String {
    var plan = try bound(text, catalog).plan
    if optimised { plan = try Optimiser().optimise(plan) }
    return Explain.lines(plan, showsFacts: facts).joined(separator: "\n")
}

func bound(
    _ text: String, _ catalog: TestCatalog = .standard()
) throws(SQLError) -> BoundQuery {
    var parser = try Parser(Array(text.utf8))
    guard case .query(let query)? = try parser.next() else {
        throw SQLError("not a query", .syntaxError)
    }
    return try Binder(catalog: catalog).bind(query)
}

/// Names and types of a query's columns: `a integer, b text`.
func columns(_ text: String, _ catalog: TestCatalog = .standard()) throws(SQLError) -> String {
    try bound(text, catalog).columns.map { "\($0.name) \($0.type)" }.joined(separator: ", ")
}

func bindError(_ text: String, _ catalog: TestCatalog = .standard()) -> SQLError? {
    do {
        _ = try explain(text, catalog)
        return nil
    } catch {
        return error
    }
}

extension TestCatalog {
    /// Nexmark's source and its three views.
    static func nexmark(isEndless: Bool = false) throws(SQLError) -> TestCatalog {
        let catalog = TestCatalog()
        let person = [
            Field("id", .bigint), Field("name", .text), Field("emailAddress", .text),
            Field("creditCard", .text), Field("city", .text), Field("state", .text),
            Field("dateTime", .timestamp), Field("extra", .text),
        ]
        let auction = [
            Field("id", .bigint), Field("itemName", .text), Field("description", .text),
            Field("initialBid", .bigint), Field("reserve", .bigint), Field("dateTime", .timestamp),
            Field("expires", .timestamp), Field("seller", .bigint), Field("category", .bigint),
            Field("extra", .text),
        ]
        let bid = [
            Field("auction", .bigint), Field("bidder", .bigint), Field("price", .bigint),
            Field("channel", .text), Field("url", .text), Field("dateTime", .timestamp),
            Field("extra", .text),
        ]
        catalog.entries["_events"] = .relation(
            TestRelation(
                "events",
                [
                    ("event_type", .bigint), ("person", .record(person)),
                    ("auction", .record(auction)), ("bid", .record(bid)),
                ], isEndless: isEndless))
        catalog.add(TestRelation("side_input", [("key", .bigint), ("value", .text)], rows: 100))
        try catalog.define(
            """
            CREATE SOURCE events (*,
              ts TIMESTAMP AS (COALESCE(person.dateTime, auction.dateTime, bid.dateTime)),
              WATERMARK FOR ts AS ts - INTERVAL '4' SECOND) FORMAT PLAIN ENCODE JSON;
            CREATE VIEW person  AS SELECT person.*,  ts FROM events WHERE event_type = 0;
            CREATE VIEW auction AS SELECT auction.*, ts FROM events WHERE event_type = 1;
            CREATE VIEW bid     AS SELECT bid.*,     ts FROM events WHERE event_type = 2;
            """)
        return catalog
    }
}
