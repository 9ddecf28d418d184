/// An answer as people read it: columns as wide as their widest cell, numbers to the right, in
/// the manner of psql. Lines wider than the terminal lose the ends of their widest columns.
struct AlignedTable {
    /// nil: as wide as it comes.
    var columns: Int?
    /// Whether NULL may be dimmed.
    var isColoured = false

    private static let separator = " | "
    /// No column is cut below this; then lines are longer than the terminal.
    private static let widthMin = 6

    func text(_ table: ResultTable) -> String {
        let names = table.columns.map { DisplayText($0.name) }
        let rows = table.rows.map { row in row.map { DisplayText($0.text ?? "NULL") } }
        var widths = names.map(\.width)
        for row in rows {
            for (index, cell) in row.enumerated() { widths[index] = max(widths[index], cell.width) }
        }
        fit(&widths)
        var lines = [line(names, widths, table, alignsRight: { table.columns[$0].isNumeric })]
        lines.append(widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "+"))
        for (index, row) in rows.enumerated() {
            lines.append(
                line(
                    row, widths, table, isNull: { table.rows[index][$0] == .null },
                    alignsRight: { table.columns[$0].isNumeric }))
        }
        lines.append(rows.count == 1 ? "(1 row)" : "(\(rows.count) rows)")
        return lines.joined(separator: "\n") + "\n"
    }

    /// Narrows the widest columns until a line fits.
    private func fit(_ widths: inout [Int]) {
        guard let columns, !widths.isEmpty else { return }
        // A line has a space at both ends and a separator between columns.
        let frame = 2 + AlignedTable.separator.count * (widths.count - 1)
        var excess = widths.reduce(frame, +) - columns
        while excess > 0, let widest = widths.indices.max(by: { widths[$0] < widths[$1] }),
            widths[widest] > AlignedTable.widthMin
        {
            widths[widest] -= 1
            excess -= 1
        }
    }

    private func line(
        _ cells: [DisplayText], _ widths: [Int], _ table: ResultTable,
        isNull: (Int) -> Bool = { _ in false }, alignsRight: (Int) -> Bool
    ) -> String {
        var line = " "
        for (index, cell) in cells.enumerated() {
            let cut = cell.cut(to: widths[index])
            let padding = String(repeating: " ", count: max(0, widths[index] - cut.width))
            let isLast = index == cells.count - 1
            let shown = isColoured && isNull(index) ? "\u{1B}[2m\(cut.text)\u{1B}[0m" : cut.text
            if index > 0 { line += AlignedTable.separator }
            // Blanks at the end of a line would wrap on a narrow terminal.
            line += alignsRight(index) ? padding + shown : shown + (isLast ? "" : padding)
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
        width = shown.reduce(0) { $0 + DisplayText.width(of: $1) }
    }

    /// At most so wide; an ellipsis stands for what is cut.
    func cut(to limit: Int) -> DisplayText {
        guard width > limit else { return self }
        var shown = ""
        var used = 0
        for character in text {
            let more = DisplayText.width(of: character)
            guard used + more <= limit - 1 else { break }
            shown.append(character)
            used += more
        }
        return DisplayText(shown: shown + "…")
    }

    private static func steersDirection(_ scalar: Unicode.Scalar) -> Bool {
        (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
    }

    /// Columns of a character: two for the wide scripts of East Asia and for emoji.
    private static func width(of character: Character) -> Int {
        guard let first = character.unicodeScalars.first else { return 0 }
        if first.isASCII { return 1 }
        if first.properties.generalCategory == .nonspacingMark { return 0 }
        return wideRanges.contains { $0.contains(first.value) } ? 2 : 1
    }

    /// The blocks that Unicode's East Asian Width gives as wide or full width.
    private static let wideRanges: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3,
        0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F,
        0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x20000...0x3FFFD,
    ]
}
