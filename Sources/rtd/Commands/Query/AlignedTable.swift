import Formats

/// An answer as people read it: columns as wide as their widest cell, numbers to the right, in
/// the manner of psql. Lines wider than the terminal lose the ends of their widest columns.
struct AlignedTable {
    /// nil: as wide as it comes.
    var columns: Int?
    /// Whether NULL may be dimmed.
    var isColoured = false

    /// A row as lines `name | value`, in the manner of psql's \x.
    var isExpanded = false

    private static let separator = " | "
    /// No column is cut below this; then lines are longer than the terminal.
    private static let widthMin = 6

    private struct Cell {
        var text: DisplayText
        var isNull = false
    }

    /// A piece of a table that is shown as it comes: the names before the first rows, and widths
    /// that do not shrink. `before` rows were shown already.
    func part(
        _ table: ResultTable, after before: Int, widths known: [Int]
    ) -> (text: String, widths: [Int]) {
        if isExpanded { return (expanded(table, after: before), known) }
        let names = table.columns.map { Cell(text: DisplayText($0.name)) }
        let rows = table.rows.map { row in
            row.map { Cell(text: DisplayText($0.text ?? "NULL"), isNull: $0 == .null) }
        }
        var widths = self.widths(table.columns, names, rows)
        if known.count == widths.count { widths = zip(known, widths).map { max($0, $1) } }
        var lines: [String] = []
        if before == 0 { lines += heading(names, table.columns, widths) }
        lines += rows.map { line($0, table.columns, widths) }
        return (lines.map { $0 + "\n" }.joined(), widths)
    }

    /// What stands below the rows.
    func footer(rows: Int) -> String {
        isExpanded ? "" : rows == 1 ? "(1 row)\n" : "(\(rows) rows)\n"
    }

    private func heading(
        _ names: [Cell], _ columns: [ResultTable.Column], _ widths: [Int]
    ) -> [String] {
        let rule = widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "+")
        return [line(names, columns, widths), rule]
    }

    func text(_ table: ResultTable) -> String {
        if isExpanded { return expanded(table, after: 0) }
        let shown = table.columns.indices.filter { !table.columns[$0].isShared }
        let columns = shown.map { table.columns[$0] }
        let names = columns.map { Cell(text: DisplayText($0.name)) }
        let rows = table.rows.map { row in
            shown.map { Cell(text: DisplayText(row[$0].text ?? "NULL"), isNull: row[$0] == .null) }
        }
        let widths = widths(columns, names, rows)
        var lines = heading(names, columns, widths)
        lines += rows.map { line($0, columns, widths) }
        lines.append(rows.count == 1 ? "(1 row)" : "(\(rows.count) rows)")
        lines += shared(table)
        return lines.joined(separator: "\n") + "\n"
    }

    private func expanded(_ table: ResultTable, after before: Int) -> String {
        let names = table.columns.map { DisplayText($0.name) }
        let width = names.map(\.width).max() ?? 0
        var lines: [String] = []
        for (index, row) in table.rows.enumerated() {
            lines.append("-[ RECORD \(before + index + 1) ]")
            for (name, cell) in zip(names, row) {
                let padding = String(repeating: " ", count: width - name.width)
                lines.append(name.text + padding + " | " + DisplayText(cell.text ?? "NULL").text)
            }
        }
        if lines.isEmpty { lines.append("(0 rows)") }
        return lines.joined(separator: "\n") + "\n"
    }

    /// What is the same in all rows, a line each.
    private func shared(_ table: ResultTable) -> [String] {
        guard let first = table.rows.first else { return [] }
        return table.columns.indices.filter { table.columns[$0].isShared }.map { index in
            "\(table.columns[index].name): \(DisplayText(first[index].text ?? "NULL").text)"
        }
    }

    /// The widths at which a line fits, if it can: first long names are cut, then texts; never
    /// numbers.
    private func widths(
        _ columns: [ResultTable.Column], _ names: [Cell], _ rows: [[Cell]]
    ) -> [Int] {
        var cells = columns.map { _ in 1 }
        for row in rows {
            for (index, cell) in row.enumerated() {
                cells[index] = max(cells[index], cell.text.width)
            }
        }
        var widths = zip(names, cells).map { max($0.text.width, $1) }
        guard let limit = self.columns, !widths.isEmpty else { return widths }
        // A line has a space at both ends and a separator between columns.
        let frame = 2 + AlignedTable.separator.count * (widths.count - 1)
        var excess = widths.reduce(frame, +) - limit
        narrow(&widths, to: cells, &excess)
        narrow(&widths, to: zip(columns, cells).map { $0.isNumeric ? $1 : 1 }, &excess)
        return widths
    }

    /// Narrows the widest columns, none below its floor.
    private func narrow(_ widths: inout [Int], to floors: [Int], _ excess: inout Int) {
        func canShrink(_ index: Int) -> Bool {
            widths[index] > max(floors[index], AlignedTable.widthMin)
        }
        while excess > 0,
            let widest = widths.indices.filter(canShrink).max(by: { widths[$0] < widths[$1] })
        {
            widths[widest] -= 1
            excess -= 1
        }
    }

    private func line(
        _ cells: [Cell], _ columns: [ResultTable.Column], _ widths: [Int]
    ) -> String {
        var line = " "
        for (index, cell) in cells.enumerated() {
            let cut = cell.text.cut(to: widths[index])
            let padding = String(repeating: " ", count: max(0, widths[index] - cut.width))
            let isLast = index == cells.count - 1
            let shown = isColoured && cell.isNull ? "\u{1B}[2m\(cut.text)\u{1B}[0m" : cut.text
            if index > 0 { line += AlignedTable.separator }
            // Blanks at the end of a line would wrap on a narrow terminal.
            line += columns[index].isNumeric ? padding + shown : shown + (isLast ? "" : padding)
        }
        return line
    }
}

/// A text as a terminal shows it: what would steer the terminal is written as an escape, and the
/// width is counted in its columns.
struct DisplayText {
    let text: String
    let width: Int

    init(_ text: String) {
        var shown = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": shown += "\\n"
            case "\t": shown += "\\t"
            case "\r": shown += "\\r"
            default:
                let category = scalar.properties.generalCategory
                if category == .control || category == .lineSeparator
                    || category == .paragraphSeparator || DisplayText.steersDirection(scalar)
                {
                    shown += "\\u{" + String(scalar.value, radix: 16) + "}"
                } else {
                    shown.unicodeScalars.append(scalar)
                }
            }
        }
        self.init(shown: shown)
    }

    private init(shown: String) {
        text = shown
        width = shown.reduce(0) { $0 + DisplayWidth.columns(of: $1) }
    }

    /// At most so wide; an ellipsis stands for what is cut.
    func cut(to limit: Int) -> DisplayText {
        guard width > limit else { return self }
        var shown = ""
        var used = 0
        for character in text {
            let more = DisplayWidth.columns(of: character)
            guard used + more <= limit - 1 else { break }
            shown.append(character)
            used += more
        }
        return DisplayText(shown: shown + "…")
    }

    private static func steersDirection(_ scalar: Unicode.Scalar) -> Bool {
        (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
    }
}
