/// One figure of what the machine itself can do.
struct FloorFigure: Sendable {
    let name: String
    /// Its name in JSON and CSV, with the unit.
    let key: String
    let value: Double
    let unit: String
}

/// The figures of a floor as people and programs read them.
enum FloorText {
    static func text(_ figures: [FloorFigure], _ fileSystem: String, _ format: BenchOptions.Format?)
        -> String
    {
        switch format {
        case .json:
            let members = figures.map { "\"\($0.key)\":\(Decimal.text($0.value, digits: 3))" }
            return "{" + members.joined(separator: ",") + ",\"file_system\":\"\(fileSystem)\"}\n"
        case .csv:
            return figures.map(\.key).joined(separator: ",") + ",file_system\n"
                + figures.map { Decimal.text($0.value, digits: 3) }.joined(separator: ",")
                + ",\(fileSystem)\n"
        case nil:
            let width = figures.map(\.name.count).max() ?? 0
            let lines = figures.map { figure in
                let padding = String(repeating: " ", count: width - figure.name.count)
                return "\(figure.name)\(padding)  \(value(figure))\n"
            }
            return lines.joined() + "file system: \(fileSystem)\n"
        }
    }

    private static func value(_ figure: FloorFigure) -> String {
        if figure.unit == "records/s" { return ResultText.rate(figure.value) }
        return figure.value >= 1_000
            ? ProgressLine.scaled(figure.value) + figure.unit
            : Decimal.text(figure.value, digits: 3) + " " + figure.unit
    }
}
