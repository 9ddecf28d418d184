/// The rows that a statement answers with.
struct ResultTable: Sendable, Equatable {
    struct Column: Sendable, Equatable {
        let name: String
        /// Numbers are aligned to the right.
        var isNumeric = false
        /// The same in all rows: people read it once, below the table.
        var isShared = false

        init(_ name: String, isNumeric: Bool = false, isShared: Bool = false) {
            self.name = name
            self.isNumeric = isNumeric
            self.isShared = isShared
        }

        static func number(_ name: String) -> Column { Column(name, isNumeric: true) }
        static func shared(_ name: String) -> Column { Column(name, isShared: true) }
    }

    enum Cell: Sendable, Equatable {
        case null
        case text(String)
        case integer(Int64)
        case boolean(Bool)
        case integers([Int32])

        init(_ text: String?) { self = text.map(Cell.text) ?? .null }
        init(_ number: Int64?) { self = number.map(Cell.integer) ?? .null }
    }

    let columns: [Column]
    var rows: [[Cell]] = []

    init(_ columns: [Column]) {
        self.columns = columns
    }
}

extension ResultTable.Cell {
    /// PostgreSQL's text form; nil for NULL.
    var text: String? {
        switch self {
        case .null: nil
        case .text(let text): text
        case .integer(let number): "\(number)"
        case .boolean(let flag): flag ? "t" : "f"
        case .integers(let numbers): "{" + numbers.map(String.init).joined(separator: ",") + "}"
        }
    }
}
